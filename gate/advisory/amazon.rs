//! Amazon Linux's own advisories: `updateinfo.xml` of its repositories (the format of createrepo's update notices), as OSV
//! has none of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::Read,
};

use flate2::read::MultiGzDecoder;
use roxmltree::{Document, Node, ParsingOptions};

use crate::{
    FeedError, VendorWord,
    feed::Feed,
    record::{Affected, Bound, Record, Taken, millis, one_line},
    vendor_word::rating,
};

/// The OSV-like name under which its packages are matched.
pub(crate) const AMAZON: &str = "Amazon Linux";

/// Bytes of an inflated list: some ten times the largest.
const MAX_INFLATED: u64 = 512 << 20;
/// Elements and texts of a list: some ten times the most.
const MAX_NODES: u32 = 40_000_000;
/// Packages of one advisory: the kernel's have some 60.
const MAX_PACKAGES: usize = 20_000;
const DETAILS_CHARS: usize = 1200;
const REFERENCES: usize = 12;

/// Reads the advisories of one release (`1`, `2`, `2023`) into `feed`; the bytes may be gzip, Zstandard or plain XML. An
/// advisory that another release has too gains this one's packages.
///
/// # Errors
/// When the bytes are no list of updates. A single update that cannot be read is refused by name.
pub(crate) fn read_updateinfo(
    feed: &mut Feed,
    release: &str,
    bytes: &[u8],
) -> Result<(), FeedError> {
    let malformed =
        |message: String| FeedError::Malformed { name: format!("{AMAZON} {release}"), message };
    let text = inflate(bytes).map_err(malformed)?;
    let options =
        ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(&text, options)
        .map_err(|error| malformed(format!("no XML: {error}")))?;
    let root = document.root_element();
    if root.tag_name().name() != "updates" {
        return Err(malformed("its root is no `updates`".to_owned()));
    }
    let mut places: HashMap<String, usize> =
        (0..).zip(&feed.records).map(|(at, record)| (record.id.clone(), at)).collect();
    let mut count = 0_usize;
    for update in children(root, "update") {
        count += 1;
        let id = one_line(text_of(update, "id").unwrap_or_default(), 200);
        match record(update, release) {
            Ok(record) => add(feed, &mut places, record),
            Err(reason) => {
                let id = if id.is_empty() { format!("update {count}") } else { id };
                feed.add_taken(id, None, Err(reason));
            }
        }
    }
    if count == 0 {
        return Err(malformed("it holds no updates".to_owned()));
    }
    Ok(())
}

/// The advisories of one release of Amazon Linux, from the bytes of its `updateinfo.xml` (plain, gzip or Zstandard).
///
/// # Errors
/// When the bytes are no list of updates.
pub fn amazon_records(release: &str, bytes: &[u8]) -> Result<Vec<Record>, FeedError> {
    let mut feed = Feed::named(AMAZON);
    read_updateinfo(&mut feed, release, bytes)?;
    Ok(feed.records)
}

/// `places` holds where each advisory stands among the feed's records.
fn add(feed: &mut Feed, places: &mut HashMap<String, usize>, record: Record) {
    if let Some(held) = places.get(&record.id).and_then(|at| feed.records.get_mut(*at)) {
        held.affected.extend(record.affected);
        held.flaws.extend(record.flaws);
        held.flaws.sort();
        held.flaws.dedup();
        return;
    }
    places.insert(record.id.clone(), feed.records.len());
    let (id, modified) = (record.id.clone(), record.modified);
    feed.add_taken(id, Some(modified), Ok(Taken::Record(Box::new(record))));
}

fn inflate(bytes: &[u8]) -> Result<String, String> {
    let mut text = String::new();
    let mut read = |from: &mut dyn Read| {
        from.take(MAX_INFLATED + 1)
            .read_to_string(&mut text)
            .map_err(|error| format!("cannot be read: {error}"))
    };
    match bytes {
        [0x1f, 0x8b, ..] => read(&mut MultiGzDecoder::new(bytes))?,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let mut decoder = zstd::stream::read::Decoder::new(bytes)
                .map_err(|error| format!("cannot be read: {error}"))?;
            read(&mut decoder)?
        }
        _ => read(&mut &*bytes)?,
    };
    if text.len() as u64 > MAX_INFLATED {
        return Err(format!("larger than {MAX_INFLATED} bytes"));
    }
    Ok(text)
}

fn record(update: Node<'_, '_>, release: &str) -> Result<Record, String> {
    let id = text_of(update, "id").unwrap_or_default().to_owned();
    if id.is_empty() || id.len() > 200 || !id.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("`id` is missing or no plain text".to_owned());
    }
    let date = |name| children(update, name).next()?.attribute("date").and_then(moment);
    let published = date("issued");
    let modified = date("updated").or(published).ok_or("its dates are none")?;
    let mut flaws = BTreeSet::new();
    let mut references = Vec::new();
    for reference in children(update, "references").flat_map(|list| children(list, "reference")) {
        let named = [reference.attribute("id"), reference.attribute("title")];
        if reference.attribute("type").is_some_and(|kind| kind.eq_ignore_ascii_case("cve")) {
            let cves = named.into_iter().flatten().map(str::to_ascii_uppercase);
            flaws.extend(cves.filter(|cve| crate::feed::cve_key(cve).is_some()));
        }
        references.extend(
            reference
                .attribute("href")
                .filter(|url| url.starts_with("https://") && url.len() <= 500)
                .map(str::to_owned),
        );
    }
    references.truncate(REFERENCES);
    let is_security = update.attribute("type").is_none_or(|kind| kind == "security");
    // An update that only mends or adds something; with a CVE it is more than that, whatever it calls itself.
    let informational = (!is_security && flaws.is_empty()).then(|| "bugfix".to_owned());
    let title = text_of(update, "title").filter(|title| !title.is_empty()).unwrap_or(&id);
    Ok(Record {
        modified,
        published,
        aliases: Vec::new(),
        flaws: flaws.into_iter().collect(),
        title: one_line(title, 160),
        details: text_of(update, "description")
            .unwrap_or_default()
            .chars()
            .take(DETAILS_CHARS)
            .collect(),
        vectors: Vec::new(),
        rating: text_of(update, "severity").and_then(rating),
        cwe: Vec::new(),
        references,
        affected: affected(update, release, informational.as_deref())?,
        id,
    })
}

/// One entry a package and version; where architectures got different versions, each names its own.
fn affected(
    update: Node<'_, '_>,
    release: &str,
    informational: Option<&str>,
) -> Result<Vec<Affected>, String> {
    let mut fixes: BTreeMap<&str, BTreeMap<String, BTreeSet<&str>>> = BTreeMap::new();
    let packages = children(update, "pkglist")
        .flat_map(|list| children(list, "collection"))
        .flat_map(|collection| children(collection, "package"));
    for (at, package) in packages.enumerate() {
        if at >= MAX_PACKAGES {
            return Err(format!("more than {MAX_PACKAGES} packages"));
        }
        let part = |name| package.attribute(name).filter(|text| !text.is_empty());
        let (Some(name), Some(version)) = (part("name"), part("version")) else {
            return Err("a package without name or version".to_owned());
        };
        let epoch = part("epoch").filter(|epoch| *epoch != "0");
        let release = part("release").map_or(String::new(), |release| format!("-{release}"));
        let epoch = epoch.map_or(String::new(), |epoch| format!("{epoch}:"));
        let arch = part("arch").unwrap_or("noarch");
        if arch != "src" {
            let fix = format!("{epoch}{version}{release}");
            fixes.entry(name).or_default().entry(fix).or_default().insert(arch);
        }
    }
    let mut all = Vec::new();
    for (name, versions) in fixes {
        let differ = versions.len() > 1;
        for (fix, arches) in versions {
            let limited = differ && !arches.contains("noarch");
            let vendor = limited.then(|| {
                let architectures = arches.into_iter().map(str::to_owned).collect();
                Box::new(VendorWord { architectures, ..VendorWord::default() })
            });
            all.push(Affected {
                ecosystem: format!("{AMAZON}:{release}"),
                name: name.to_owned(),
                ranges: vec![vec![Bound::Introduced("0".to_owned()), Bound::Fixed(fix)]],
                versions: Vec::new(),
                informational: informational.map(str::to_owned),
                affects: Vec::new(),
                vendor,
            });
        }
    }
    Ok(all)
}

/// `2024-07-01 20:41:00`, with or without seconds, in UTC.
fn moment(text: &str) -> Option<i64> {
    let text = text.trim().trim_end_matches('Z');
    let (day, time) = text.split_once([' ', 'T']).unwrap_or((text, "00:00"));
    let seconds = if time.len() == 5 { ":00" } else { "" };
    millis(&format!("{day}T{time}{seconds}Z"))
}

fn children<'a, 'i>(
    node: Node<'a, 'i>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> + use<'a, 'i> {
    node.children().filter(move |child| child.tag_name().name() == name)
}

fn text_of<'a>(node: Node<'a, '_>, name: &'static str) -> Option<&'a str> {
    children(node, name).next().and_then(|child| child.text()).map(str::trim)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const SMALL: &str = include_str!("testdata/updateinfo.xml");

    fn read(bytes: &[u8]) -> Result<Feed, FeedError> {
        let mut feed = Feed::named(AMAZON);
        read_updateinfo(&mut feed, "2023", bytes).map(|()| feed.finish())
    }

    #[test]
    fn advisories_with_their_packages() {
        let feed = read(SMALL.as_bytes()).unwrap();
        let ids: Vec<&str> = feed.records.iter().map(|record| record.id.as_str()).collect();
        assert_eq!(ids, ["ALAS2023-2024-900", "ALAS2023-2024-901", "ALAS2023-2024-902"]);
        assert_eq!(feed.source.rejected, ["ALAS2023-2024-903: its dates are none"]);
        let first = &feed.records[0];
        assert_eq!(first.flaws, ["CVE-2024-1111", "CVE-2024-2222"]);
        assert_eq!(first.rating.as_deref(), Some("high"));
        assert_eq!(first.modified, millis("2024-07-02T23:22:00Z").unwrap());
        let shown: Vec<(&str, &Bound)> =
            first.affected.iter().map(|item| (item.name.as_str(), &item.ranges[0][1])).collect();
        let fix = Bound::Fixed("1:3.0.8-1.amzn2023.0.10".to_owned());
        assert_eq!(shown, [("openssl", &fix), ("openssl-libs", &fix)]);
        assert!(first.affected.iter().all(|item| item.ecosystem == "Amazon Linux:2023"));
        let second = &feed.records[1];
        let arches: Vec<&[String]> = second
            .affected
            .iter()
            .map(|item| item.vendor.as_ref().unwrap().architectures.as_slice())
            .collect();
        assert_eq!(arches, [["aarch64"], ["x86_64"]]);
        assert_eq!(feed.records[2].affected[0].informational.as_deref(), Some("bugfix"));
    }

    #[test]
    fn every_packing_is_read() {
        let plain = read(SMALL.as_bytes()).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(SMALL.as_bytes()).unwrap();
        let packed = [gzip.finish().unwrap(), zstd::bulk::compress(SMALL.as_bytes(), 1).unwrap()];
        for bytes in packed {
            assert_eq!(read(&bytes).unwrap().records, plain.records);
            assert!(read(&bytes[..bytes.len() / 2]).is_err());
        }
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        for text in [
            "",
            "<updates/>",
            "<html/>",
            "<updates><update>",
            "<!DOCTYPE updates [<!ENTITY a \"b\">]><updates><update><id>&a;</id></update></updates>",
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn one_advisory_of_two_releases_keeps_both() {
        let mut feed = Feed::named(AMAZON);
        read_updateinfo(&mut feed, "2", SMALL.as_bytes()).unwrap();
        read_updateinfo(&mut feed, "2023", SMALL.as_bytes()).unwrap();
        assert_eq!(feed.source.records, 3);
        assert_eq!(feed.records[0].affected.len(), 4);
    }

    proptest::proptest! {
        #[test]
        fn no_cut_or_flip_is_a_panic(at in 0_usize..3000, byte in proptest::prelude::any::<u8>()) {
            let mut bytes = SMALL.as_bytes().to_vec();
            let at = at % bytes.len();
            let _ = read(&bytes[..at]);
            bytes[at] = byte;
            let _ = read(&bytes);
        }
    }
}
