use secgate_model::UnknownKind;
use secgate_source::{Entry, ReadError, Tree};

use super::{
    berkeley_hash,
    file_digest::from_hex,
    ndb,
    os_release::{Distribution, needs_a_distribution},
    relations::Relations,
    rpm_header::{Header, tag},
    rpm_package::{RpmPackage, push},
    sqlite_table::Database,
};
use crate::{Catalog, CatalogError, Cataloger};

/// The folders in which rpm keeps its database: the usual one, SUSE's and Fedora's, and that of `rpm-ostree`.
const FOLDERS: [&str; 3] = ["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"];
/// Faults of one database that are listed one by one.
const LISTED: usize = 100;

/// Takes each header of a database, or why one cannot be had.
pub(super) type Each<'e> = dyn FnMut(Result<&[u8], &'static str>) + 'e;

/// Packages that rpm installed: `rpmdb.sqlite`, `Packages.db` (NDB) and `Packages` (Berkeley DB), read in memory.
///
/// The source package is what `SOURCERPM` names, its version without an epoch: a source's epoch is not in that name, and
/// the vendors' advisories are about the binary packages and their epoch, which is the purl qualifier `epoch`.
/// `gpg-pubkey` is a key and no package. A package whose `VENDOR` is not the distribution has the purl qualifier `vendor`
/// (see `third_party.rs`). Parents are told by names that packages provide, not by the paths of their files.
#[derive(Debug)]
pub(crate) struct RpmDatabase;

impl Cataloger for RpmDatabase {
    fn id(&self) -> &'static str {
        "rpm-database"
    }

    fn wants(&self, entry: &Entry) -> bool {
        matches!(entry.name(), "rpmdb.sqlite" | "Packages.db" | "Packages")
            && FOLDERS.contains(&entry.folder())
    }

    fn installed(&self) -> bool {
        true
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let bytes = tree.contents(entry)?;
        let distribution = Distribution::of(tree);
        let mut reader = Reader {
            distribution: distribution.as_ref(),
            relations: Relations::default(),
            faults: 0,
            catalog,
        };
        let mut each = |header: Result<&[u8], &'static str>| reader.header(header);
        // What the file is, not its name, decides: all three names are in use for links and copies.
        let read = match bytes.get(..4) {
            Some(b"RpmP") => ndb::each(&bytes, &mut each),
            Some(b"SQLi") => sqlite(entry, tree, &bytes, &mut each)?,
            _ if entry.name() == "rpmdb.sqlite" => sqlite(entry, tree, &bytes, &mut each)?,
            _ => berkeley_hash::each(&bytes, &mut each),
        };
        let Reader { relations, faults, .. } = reader;
        if faults > LISTED {
            let reason = format!("{faults} headers cannot be read, of which {LISTED} are listed");
            catalog.unknown(0, UnknownKind::Limit, reason);
        }
        needs_a_distribution(distribution.as_ref(), catalog);
        relations.settle(catalog);
        read.map_err(CatalogError::whole)
    }
}

/// Reads an SQLite database with what lies beside it.
fn sqlite(
    entry: &Entry,
    tree: &Tree,
    bytes: &[u8],
    each: &mut Each<'_>,
) -> Result<Result<(), &'static str>, ReadError> {
    const JOURNAL_MAGIC: &[u8] = &[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    let beside = |suffix: &str| tree.find(&format!("{}{suffix}", entry.path));
    let log = beside("-wal").map_or(Ok(Vec::new()), |log| tree.read(log))?;
    if let Some(journal) = beside("-journal")
        && tree.read_start(journal, JOURNAL_MAGIC.len())? == JOURNAL_MAGIC
    {
        each(Err("a transaction was cut off: `rpmdb.sqlite-journal` would undo a part of it"));
    }
    Ok(Database::open(bytes, &log).and_then(|database| database.each_blob("Packages", each)))
}

struct Reader<'c> {
    distribution: Option<&'c Distribution>,
    relations: Relations,
    faults: usize,
    catalog: &'c mut Catalog,
}

impl Reader<'_> {
    fn header(&mut self, bytes: Result<&[u8], &'static str>) {
        if let Err(reason) = bytes.and_then(Header::parse).and_then(|header| self.push(&header)) {
            self.faults += 1;
            if self.faults <= LISTED {
                self.catalog.unreadable(0, reason);
            }
        }
    }

    fn push(&mut self, header: &Header<'_>) -> Result<(), &'static str> {
        let text = |tag| header.text(tag).unwrap_or_default();
        let (name, version, release) = (text(tag::NAME), text(tag::VERSION), text(tag::RELEASE));
        if name.is_empty() || version.is_empty() || release.is_empty() {
            return Err("a header without name, version or release");
        }
        let (architecture, license) = (text(tag::ARCH), text(tag::LICENSE));
        let (source, vendor) = (text(tag::SOURCE_RPM), text(tag::VENDOR));
        let package = RpmPackage {
            name: &name,
            version: &format!("{version}-{release}"),
            epoch: header.number(tag::EPOCH).unwrap_or_default(),
            architecture: &architecture,
            source: &source,
            vendor: &vendor,
            license: &license,
            modularity: &text(tag::MODULARITY_LABEL),
        };
        let Some(index) = push(&package, self.distribution, 0, self.catalog) else {
            return Ok(());
        };
        let catalog = &mut *self.catalog;
        header.files(&mut |folder, file, digest| {
            catalog.owns(index, folder, file, from_hex(digest));
        });
        self.relations.offer(index, name.into_owned());
        for name in header.texts(tag::PROVIDE_NAME) {
            self.relations.offer(index, String::from_utf8_lossy(name).into_owned());
        }
        for name in header.texts(tag::REQUIRE_NAME).filter(|name| !name.starts_with(b"rpmlib(")) {
            self.relations.need(index, String::from_utf8_lossy(name).into_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{root_catalog, root_tree, try_catalog};

    const SQLITE: &str = "var/lib/rpm/rpmdb.sqlite";

    /// What each fixture holds: it is the same six headers in every kind of database.
    fn check(root: &str, path: &str) {
        let catalog = root_catalog(&RpmDatabase, root, path);
        let mut found: Vec<String> = catalog
            .packages
            .iter()
            .map(|package| {
                let (name, version) = package.source.clone().unwrap();
                format!("{} {name} {version} {:?}", package.purl, package.licenses)
            })
            .collect();
        found.sort();
        let q = "distro=almalinux-9.3";
        assert_eq!(
            found,
            [
                format!(
                    "pkg:rpm/almalinux/nodejs@18.14.2-2.module_el8.7.0%2B3479%2B1234?arch=noarch&{q}&epoch=1&modularity=nodejs:18&upstream=nodejs-18.14.2-2.module_el8.7.0%2B3479%2B1234.src.rpm nodejs 18.14.2-2.module_el8.7.0+3479+1234 [\"MIT\"]"
                ),
                format!(
                    "pkg:rpm/almalinux/openssl-filler@3.0.7-24.el9?arch=noarch&{q}&epoch=1&upstream=openssl-3.0.7-24.el9.src.rpm openssl 3.0.7-24.el9 [\"ASL 2.0\"]"
                ),
                format!(
                    "pkg:rpm/almalinux/openssl-libs@3.0.7-24.el9?arch=x86_64&{q}&epoch=1&upstream=openssl-3.0.7-24.el9.src.rpm openssl 3.0.7-24.el9 [\"ASL 2.0\"]"
                ),
                format!(
                    "pkg:rpm/almalinux/python3-pyyaml@5.4.1-6.el9?arch=noarch&{q}&upstream=PyYAML-5.4.1-6.el9.src.rpm PyYAML 5.4.1-6.el9 [\"MIT\"]"
                ),
                format!(
                    "pkg:rpm/almalinux/zabbix@6.0.1-1.el9?arch=noarch&{q}&upstream=zabbix-6.0.1-1.el9.src.rpm&vendor=fedora%20project zabbix 6.0.1-1.el9 [\"GPLv2+\"]"
                ),
            ],
            "{root}"
        );
        assert!(catalog.unknowns.is_empty(), "{root}: {:?}", catalog.unknowns);
        let parents = |name: &str| {
            let package = catalog.packages.iter().find(|package| package.purl.name() == name);
            let parents = &package.unwrap().parents;
            parents.iter().map(|purl| purl.name().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(parents("openssl-libs"), ["python3-pyyaml"]);
        assert_eq!(parents("python3-pyyaml"), ["nodejs"]);
        let metadata = "usr/lib/python3.9/site-packages/PyYAML-5.4.1.dist-info/METADATA";
        let owned = catalog.owned.iter().find(|file| file.path.trim_start_matches('/') == metadata);
        let owned = owned.unwrap();
        assert_eq!(catalog.packages[owned.index].purl.name(), "python3-pyyaml");
        assert!(owned.digest.starts_with("sha256:"), "{}", owned.digest);
    }

    #[test]
    fn every_kind_of_database_tells_the_same() {
        check("alma-sqlite", SQLITE);
        check("alma-wal", "usr/lib/sysimage/rpm/rpmdb.sqlite");
        check("alma-ndb", "usr/lib/sysimage/rpm/Packages.db");
        check("alma-bdb", "var/lib/rpm/Packages");
        check("alma-bdb-big", "var/lib/rpm/Packages");
    }

    #[test]
    fn a_language_package_of_an_rpm_is_owned_by_it() {
        let inventory = crate::take_image_inventory(&root_tree("alma-sqlite"));
        let found = inventory.packages.iter().find(|package| package.purl.kind() == "pypi");
        let owner = found.unwrap().owned_by.as_ref().unwrap();
        assert_eq!(owner.full_name("/"), "almalinux/python3-pyyaml");
        assert_eq!(inventory.distribution.as_deref(), Some("almalinux-9.3"));
    }

    fn body(root: &str, path: &str) -> Vec<u8> {
        let tree = root_tree(root);
        tree.read(tree.find(path).unwrap()).unwrap()
    }

    /// Whether the database tells less than its six headers without saying so.
    fn is_silently_less(files: &[(&str, &[u8])]) -> bool {
        let (catalog, result) = try_catalog(&RpmDatabase, files);
        let told = result.is_err()
            || catalog.unknowns.iter().any(|unknown| !unknown.reason.contains("distribution"));
        catalog.packages.len() < 5 && !told
    }

    #[test]
    fn a_database_that_is_cut_off_says_so() {
        for (root, path) in [
            ("alma-sqlite", SQLITE),
            ("alma-ndb", "usr/lib/sysimage/rpm/Packages.db"),
            ("alma-bdb", "var/lib/rpm/Packages"),
            ("alma-bdb-big", "var/lib/rpm/Packages"),
        ] {
            let body = body(root, path);
            for cut in (0..body.len()).step_by(257) {
                assert!(!is_silently_less(&[(path, &body[..cut])]), "{root} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_cut_off_log_is_no_worse_than_sqlite_takes_it() {
        let path = "usr/lib/sysimage/rpm/rpmdb.sqlite";
        let (main, log) = (body("alma-wal", path), body("alma-wal", &format!("{path}-wal")));
        let beside = format!("{path}-wal");
        let count = |log: &[u8]| {
            let (catalog, result) = try_catalog(&RpmDatabase, &[(path, &main), (&beside, log)]);
            result.unwrap();
            catalog.packages.len()
        };
        assert_eq!(count(&[]), 1);
        // Each transaction counts once it is whole.
        let mut last = 1;
        for cut in (0..log.len()).step_by(536) {
            let now = count(&log[..cut]);
            assert!(now >= last && now <= 5, "{cut}");
            last = now;
        }
        let mut flipped = log.clone();
        flipped[100] ^= 1;
        assert_eq!(count(&flipped), 1, "a frame whose checksum is wrong ends the log");
    }

    #[test]
    fn faults_are_told() {
        let fault = |path: &str, files: &[(&str, &[u8])], body: &[u8]| {
            let files: Vec<_> = [(path, body)].into_iter().chain(files.iter().copied()).collect();
            let (catalog, result) = try_catalog(&RpmDatabase, &files);
            let said = catalog.unknowns.first().map(|unknown| unknown.reason.clone());
            result.err().map(|error| error.to_string()).or(said).unwrap_or_default()
        };
        assert_eq!(fault(SQLITE, &[], b""), "not an SQLite database");
        assert_eq!(fault("var/lib/rpm/Packages", &[], b""), "not a hash database of Berkeley DB");
        let ndb = "var/lib/rpm/Packages.db";
        assert_eq!(
            fault(ndb, &[], b"RpmP\x01\0\0\0"),
            "a version of the database that is not known: 0 is"
        );
        assert_eq!(fault(ndb, &[], b"RpmP\0\0\0\0"), "cut off inside its slots");
        let whole = body("alma-sqlite", SQLITE);
        let os: (&str, &[u8]) = ("etc/os-release", b"ID=fedora\n");
        let journal: (&str, &[u8]) =
            ("var/lib/rpm/rpmdb.sqlite-journal", b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7\0");
        assert_eq!(fault(SQLITE, &[os], &whole), "");
        assert_eq!(
            fault(SQLITE, &[os, ("var/lib/rpm/rpmdb.sqlite-journal", b"\0\0\0\0\0\0\0\0")], &whole),
            ""
        );
        assert!(fault(SQLITE, &[os, journal], &whole).starts_with("a transaction was cut off"));
        let log: (&str, &[u8]) = ("var/lib/rpm/rpmdb.sqlite-wal", &[7; 40]);
        assert_eq!(fault(SQLITE, &[os, log], &whole), "a write-ahead log that is damaged");
        let wants = |path: &str| RpmDatabase.wants(&Entry { path: path.to_owned() });
        assert!(!wants("Packages") && !wants("srv/var/lib/rpm/Packages"));
        assert!(wants("usr/share/rpm/rpmdb.sqlite"));
    }

    #[test]
    fn headers_that_are_none() {
        let with = |entries: u32, length: u32, rest: &[u8]| {
            [&entries.to_be_bytes(), &length.to_be_bytes(), rest].concat()
        };
        let check = |bytes: &[u8], expected: &str| {
            assert_eq!(Header::parse(bytes).unwrap_err(), expected);
        };
        check(b"", "a header that is cut off before its index");
        check(&with(0, 0, b""), "a header with more entries than rpm allows, or none");
        check(&with(u32::MAX, 0, b""), "a header with more entries than rpm allows, or none");
        check(&with(1, 0, b""), "a header that is cut off in its index");
        check(&with(1, 9, &[0; 20]), "a header that is cut off in its store");
        // A name whose place is outside the store, and one that has no end.
        for offset in [0_u32, 400] {
            let entry = [1000, 6, offset, 1].map(u32::to_be_bytes).concat();
            let bytes = with(1, 4, &[entry.as_slice(), b"abcd"].concat());
            assert_eq!(Header::parse(&bytes).unwrap().text(tag::NAME), None);
        }
    }
}
