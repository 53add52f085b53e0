//! Updates from a folder and from a server on the loopback address, and everything that a source can do wrong on the way.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Cursor, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use jiff::Timestamp;

use crate::{
    Database, Origin, Progress, Silent, UpdateError, UpdateOptions, Updated, build,
    tables::{affected, matches, osv},
    update,
};

const NOW: i64 = 1_800_000_000;

/// A source: texts of records by ecosystem and id, with the time of each.
#[derive(Clone, Default)]
struct Source(BTreeMap<String, BTreeMap<String, String>>);

impl Source {
    /// Sets the record `id` of `ecosystem`, changed on that day of 2026, which affects every version of `name`.
    fn set(&mut self, ecosystem: &str, id: &str, day: u8, name: &str) -> &mut Self {
        self.put(ecosystem, id, day, &osv(id, "", &affected(ecosystem, name, "introduced 0", &[])))
    }

    fn put(&mut self, ecosystem: &str, id: &str, day: u8, text: &str) -> &mut Self {
        let text = text.replace("2024-01-01T", &format!("2026-01-{day:02}T"));
        self.0.entry(ecosystem.to_owned()).or_default().insert(id.to_owned(), text);
        self
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        files.insert(
            "ecosystems.txt".to_owned(),
            format!("{}\nnpm:suffix\n", names.join("\n")).into(),
        );
        for (ecosystem, records) in &self.0 {
            let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
            let mut list = String::new();
            // The public list is in another order than the archive.
            for (id, text) in records.iter().rev() {
                zip.start_file(format!("{id}.json"), zip::write::SimpleFileOptions::default())
                    .unwrap();
                zip.write_all(text.as_bytes()).unwrap();
                files.insert(format!("{ecosystem}/{id}.json"), text.clone().into_bytes());
                let time = text
                    .split("modified\":\"")
                    .nth(1)
                    .map_or("2026-01-01T00:00:00Z", |rest| &rest[..20]);
                list = format!("{list}{time},{id}\n");
            }
            files.insert(format!("{ecosystem}/all.zip"), zip.finish().unwrap().into_inner());
            files.insert(format!("{ecosystem}/modified_id.csv"), list.into_bytes());
        }
        files
    }
}

/// Files by path, the log, and fixed answers by path.
type Shelf = (BTreeMap<String, Vec<u8>>, Vec<String>, BTreeMap<String, String>);

/// A server that answers conditional requests by ETag and keeps a log.
struct Server {
    url: String,
    state: Arc<Mutex<Shelf>>,
}

impl Server {
    fn of(source: &Source) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new((source.files(), Vec::new(), BTreeMap::new())));
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = shared.clone();
                thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { url, state }
    }

    fn files(&self, change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) {
        change(&mut self.state.lock().unwrap().0);
    }

    fn set(&self, source: &Source) {
        self.files(|files| *files = source.files());
    }

    /// Answers this for a path, head and body, whatever is asked.
    fn answer(&self, path: &str, answer: &str) {
        self.state.lock().unwrap().2.insert(path.to_owned(), answer.to_owned());
    }

    fn log(&self) -> Vec<String> {
        let mut log = std::mem::take(&mut self.state.lock().unwrap().1);
        log.retain(|line| !line.contains("enrichment") && !line.contains("ecosystems.txt"));
        log.sort();
        log
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<Shelf>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.trim_start_matches('/').to_owned();
    let mut known = String::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(": ")
            && name.eq_ignore_ascii_case("if-none-match")
        {
            value.trim().clone_into(&mut known);
        }
    }
    let mut state = state.lock().ok()?;
    if let Some(answer) = state.2.get(&path) {
        return stream.write_all(answer.as_bytes()).ok();
    }
    let body = state.0.get(&path).cloned();
    let tag =
        body.as_ref().map_or(String::new(), |body| format!("\"{}\"", blake3::hash(body).to_hex()));
    let status = if body.is_none() {
        "404 Not Found"
    } else if known == tag {
        "304 Not Modified"
    } else {
        "200 OK"
    };
    state.1.push(format!("{path} {}", &status[..3]));
    let body = body.filter(|_| status.starts_with("200")).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {status}\r\nETag: {tag}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).ok()
}

/// A place for a database, and how to fill it.
struct Place {
    folder: tempfile::TempDir,
    options: UpdateOptions,
}

impl Place {
    fn of(origin: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = UpdateOptions {
            origin: Origin::parse(origin).unwrap(),
            ecosystems: Vec::new(),
            kev: None,
            epss: None,
            amazon: Vec::new(),
            full: false,
            database: folder.path().join("db"),
            now: Timestamp::from_second(NOW).unwrap(),
        };
        Self { folder, options }
    }

    fn try_update(&self) -> Result<Updated, UpdateError> {
        let silent: Arc<dyn Progress> = Arc::new(Silent);
        update(&self.options, &silent)
    }

    fn update(&self) -> Updated {
        self.try_update().unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        self.open().file().to_vec()
    }

    fn open(&self) -> Database {
        Database::open(&self.options.database).unwrap()
    }

    /// The advisories that affect `name` of npm at 1.0.0.
    fn hits(&self, name: &str) -> Vec<String> {
        let found = matches(&self.open(), &format!("pkg:npm/{name}@1.0.0"));
        found.groups.into_iter().map(|group| group.ids[0].clone()).collect()
    }

    /// Nothing but the database is left behind.
    fn is_tidy(&self) -> bool {
        fs::read_dir(self.folder.path()).unwrap().count() == 1
    }
}

fn first() -> Source {
    let mut source = Source::default();
    source.set("npm", "A-1", 1, "a").set("npm", "A-2", 1, "b").set("PyPI", "P-1", 1, "p");
    source
}

#[test]
fn a_delta_comes_to_the_same_as_a_full_update() {
    let mut source = first();
    let server = Server::of(&source);
    let place = Place::of(&server.url);
    assert!(place.update().changed);
    assert!(place.is_tidy());
    assert_eq!(place.hits("a"), ["A-1"]);
    server.log();
    assert!(!place.update().changed);
    assert_eq!(server.log(), ["PyPI/modified_id.csv 304", "npm/modified_id.csv 304"]);
    let withdrawn = osv(
        "A-1",
        r#","withdrawn":"2026-01-02T00:00:00Z""#,
        &affected("npm", "a", "introduced 0", &[]),
    );
    source.put("npm", "A-1", 2, &withdrawn).set("npm", "A-2", 2, "a").set("npm", "A-3", 2, "c");
    source.put("npm", "A-4", 2, "{ not json");
    server.set(&source);
    let updated = place.update();
    assert!(updated.changed);
    assert_eq!(
        server.log(),
        [
            "PyPI/modified_id.csv 304",
            "npm/A-1.json 200",
            "npm/A-2.json 200",
            "npm/A-3.json 200",
            "npm/A-4.json 200",
            "npm/modified_id.csv 200"
        ]
    );
    assert_eq!(
        (place.hits("a"), place.hits("b"), place.hits("c")),
        (vec!["A-2".into()], vec![], vec!["A-3".into()])
    );
    let npm = updated.status.sources.iter().find(|source| source.name == "npm").unwrap();
    assert_eq!((npm.records, npm.withdrawn, npm.rejected.len()), (2, 1, 1));
    let after_delta = place.bytes();
    let mut again = Place::of(&server.url);
    again.options.full = true;
    again.update();
    assert_eq!(again.bytes(), after_delta);
}

#[test]
fn a_source_that_is_read_whole_each_time_keeps_nothing_that_it_dropped() {
    let mut source = first();
    let server = Server::of(&source);
    let without_lists = |source: &Source| {
        server.set(source);
        server.files(|files| files.retain(|path, _| !path.ends_with(".csv")));
    };
    without_lists(&source);
    let place = Place::of(&server.url);
    place.update();
    // Withdrawn, broken, and back to an older form.
    let withdrawn = osv("A-1", r#","withdrawn":"2026-01-02T00:00:00Z""#, "");
    source.put("npm", "A-1", 2, &withdrawn).set("npm", "A-3", 2, "c").set("PyPI", "P-2", 2, "p");
    source.set("npm", "A-2", 1, "c");
    source
        .0
        .get_mut("npm")
        .unwrap()
        .get_mut("A-2")
        .unwrap()
        .replace_range(.., &osv("A-2", "", &affected("npm", "c", "introduced 0", &[])));
    without_lists(&source);
    place.update();
    assert_eq!((place.hits("a"), place.hits("b")), (vec![], vec![]));
    assert_eq!(place.hits("c"), ["A-2", "A-3"]);
}

#[test]
fn a_list_ahead_of_its_archive_is_followed() {
    let mut source = first();
    let server = Server::of(&source);
    let archive = source.files()["npm/all.zip"].clone();
    source.set("npm", "A-3", 3, "c");
    server.set(&source);
    server.files(|files| {
        files.insert("npm/all.zip".into(), archive.clone());
    });
    let place = Place::of(&server.url);
    place.update();
    assert_eq!(place.hits("c"), ["A-3"]);
    // Without single files the record cannot be had: no database is better than one that lacks it.
    server.files(|files| {
        files.remove("npm/A-3.json");
    });
    let other = Place::of(&server.url);
    assert!(matches!(other.try_update(), Err(UpdateError::Missing { .. })));
    assert!(!other.options.database.exists());
}

#[test]
fn a_stale_or_foreign_single_file_is_not_taken_for_the_listed_record() {
    let mut source = first();
    let server = Server::of(&source);
    let place = Place::of(&server.url);
    place.update();
    let stale = source.files()["npm/A-1.json"].clone();
    source.set("npm", "A-1", 5, "b");
    server.set(&source);
    server.files(|files| {
        files.insert("npm/A-1.json".into(), stale);
    });
    let updated = place.update();
    assert!(updated.notes.iter().any(|note| note.contains("older forms")), "{:?}", updated.notes);
    assert_eq!(place.hits("a"), ["A-1"]);
    // The list is as it was, and the record is asked for again all the same.
    server.set(&source);
    place.update();
    assert_eq!(
        (place.hits("a"), place.hits("b")),
        (vec![], vec!["A-1".to_owned(), "A-2".to_owned()])
    );
    // A file that holds another record does not replace that one.
    source.set("npm", "A-1", 6, "b");
    server.set(&source);
    server.files(|files| {
        let other =
            osv("A-2", "", &affected("npm", "z", "introduced 0", &[])).replace("2024", "2027");
        files.insert("npm/A-1.json".into(), other.into_bytes());
    });
    let updated = place.update();
    assert_eq!(place.hits("b"), ["A-2"]);
    assert_eq!(updated.status.rejected(), 1);
}

#[test]
fn a_list_that_is_cut_off_takes_nothing_away() {
    let mut source = first();
    let server = Server::of(&source);
    let place = Place::of(&server.url);
    place.update();
    source.set("npm", "A-3", 2, "c");
    server.set(&source);
    server.files(|files| {
        let list = files.get_mut("npm/modified_id.csv").unwrap();
        let end = list.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        list.truncate(end);
    });
    place.update();
    assert_eq!(
        (place.hits("a"), place.hits("b"), place.hits("c")),
        (vec!["A-1".into()], vec!["A-2".into()], vec!["A-3".into()])
    );
}

#[test]
fn whatever_breaks_leaves_the_old_file() {
    let source = first();
    let server = Server::of(&source);
    let place = Place::of(&server.url);
    place.update();
    let before = place.bytes();
    let mut newer = source.clone();
    newer.set("npm", "A-9", 9, "a");
    let kev = "enrichment/kev/known_exploited_vulnerabilities.json";
    for (path, body) in [
        ("npm/modified_id.csv", "what?"),
        ("npm/modified_id.csv", "2026-01-01T00:00:00Z,../../etc/passwd\n"),
        ("ecosystems.txt", "../npm\n"),
        ("ecosystems.txt", "/npm\n"),
        ("ecosystems.txt", ""),
        (kev, "{}"),
        ("enrichment/epss/epss_scores-current.csv.gz", "\u{1f}\u{8b}"),
        ("PyPI/all.zip", "not a zip"),
    ] {
        server.set(&newer);
        server.files(|files| {
            files.remove("PyPI/modified_id.csv").unwrap();
            files.insert(path.to_owned(), body.as_bytes().to_vec());
        });
        assert!(place.try_update().is_err(), "{path} {body}");
        assert_eq!(place.bytes(), before);
        assert!(place.is_tidy());
    }
    // An answer to a question that was not asked, a redirection elsewhere, a body that is too short.
    server.set(&newer);
    for (path, answer) in [
        ("ecosystems.txt", "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"),
        (
            "ecosystems.txt",
            "HTTP/1.1 302 Found\r\nLocation: http://me:secret@localhost:1/x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "ecosystems.txt",
            "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        ),
    ] {
        server.answer(path, answer);
        let error = place.try_update().unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
        assert_eq!(place.bytes(), before);
    }
}

#[test]
fn a_304_for_a_source_that_was_never_read_is_an_error() {
    let server = Server::of(&first());
    server.answer("npm/modified_id.csv", "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
    let place = Place::of(&server.url);
    assert!(place.try_update().is_err());
    assert!(!place.options.database.exists());
}

#[test]
fn another_source_starts_anew() {
    let source = first();
    let server = Server::of(&source);
    let place = Place::of(&server.url);
    place.update();
    let mut other = Source::default();
    other.set("npm", "B-1", 1, "z").set("PyPI", "P-1", 1, "q");
    let elsewhere = Server::of(&other);
    let mut moved = Place::of(&elsewhere.url);
    moved.options.database.clone_from(&place.options.database);
    moved.update();
    assert_eq!((place.hits("a"), place.hits("z")), (vec![], vec!["B-1".to_owned()]));
}

#[test]
fn a_subset_and_a_source_that_went_away() {
    let mut source = first();
    let server = Server::of(&source);
    let mut place = Place::of(&server.url);
    place.update();
    place.options.ecosystems = vec!["PyPI".to_owned()];
    let updated = place.update();
    assert!(updated.changed);
    assert_eq!(updated.status.sources.len(), 1);
    assert!(!place.open().status().covers("npm") && place.hits("a").is_empty());
    place.options.ecosystems = Vec::new();
    place.update();
    assert_eq!(place.hits("a"), ["A-1"]);
    source.0.remove("npm");
    server.set(&source);
    place.update();
    assert!(!place.open().status().covers("npm") && place.hits("a").is_empty());
    place.options.ecosystems = vec!["npm".to_owned()];
    assert!(matches!(place.try_update(), Err(UpdateError::Missing { .. })));
}

#[test]
fn a_damaged_database_is_fetched_anew() {
    let server = Server::of(&first());
    let place = Place::of(&server.url);
    place.update();
    let good = place.bytes();
    let mut bytes = good.clone();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&place.options.database, &bytes).unwrap();
    let updated = place.update();
    assert!(updated.notes.iter().any(|note| note.contains("anew")), "{:?}", updated.notes);
    assert_eq!(place.bytes(), good);
}

#[test]
fn tables_that_go_away_grow_old_and_those_that_stay_do_not() {
    let source = first();
    let server = Server::of(&source);
    let kev = r#"{"dateReleased":"2026-01-01T00:00:00Z","count":1,"vulnerabilities":[{"cveID":"CVE-2021-1"}]}"#;
    let path = "enrichment/kev/known_exploited_vulnerabilities.json";
    let with_kev =
        || server.files(|files| drop(files.insert(path.to_owned(), kev.as_bytes().to_vec())));
    with_kev();
    let mut place = Place::of(&server.url);
    place.update();
    let checked = |place: &Place| place.open().status().kev.as_ref().unwrap().checked.unwrap();
    assert_eq!(checked(&place), NOW * 1000);
    place.options.now = Timestamp::from_second(NOW + 100).unwrap();
    assert!(!place.update().changed);
    assert_eq!(checked(&place), (NOW + 100) * 1000, "it is still the newest");
    for (seconds, day) in [(200, None), (300, Some(2))] {
        place.options.now = Timestamp::from_second(NOW + seconds).unwrap();
        let mut source = source.clone();
        if let Some(day) = day {
            source.set("npm", "A-1", day, "a");
        }
        server.set(&source);
        let updated = place.update();
        assert!(updated.notes.iter().any(|note| note.contains("no KEV")), "{:?}", updated.notes);
        assert!(place.open().kev("CVE-2021-1").unwrap());
        assert_eq!(checked(&place), (NOW + 100) * 1000, "nobody has confirmed it since");
    }
}

fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn a_folder_is_a_source() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = first();
    write(folder.path(), &source.files());
    let mut place = Place::of(folder.path().to_str().unwrap());
    // The files are newer than that moment: a source is never newer than the present.
    place.update();
    assert_eq!(place.hits("a"), ["A-1"]);
    assert!(place.open().status().newest_file.unwrap() <= NOW * 1000);
    source.set("npm", "A-3", 3, "a");
    write(folder.path(), &source.files());
    assert!(place.update().changed);
    assert_eq!(place.hits("a"), ["A-1", "A-3"]);
    // A folder that nobody touches any more goes stale.
    let touched = fs::metadata(folder.path().join("npm/all.zip")).unwrap().modified().unwrap();
    let touched = touched.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let later = i64::try_from(touched).unwrap().max(NOW) + 30 * 86_400;
    place.options.now = Timestamp::from_second(later).unwrap();
    let status = place.update().status;
    assert!(status.published.unwrap() <= status.checked.unwrap() - 29 * 86_400_000);
    fs::remove_file(folder.path().join("PyPI/all.zip")).unwrap();
    fs::remove_file(folder.path().join("PyPI/modified_id.csv")).unwrap();
    assert!(matches!(place.try_update(), Err(UpdateError::Missing { .. })));
}

#[test]
fn a_checkout_of_rustsec_is_a_source() {
    let folder = tempfile::tempdir().unwrap();
    let advisory = |id: &str, name: &str| {
        format!(
            "```toml\n[advisory]\nid = \"{id}\"\npackage = \"{name}\"\ndate = \"2024-01-02\"\n\n[versions]\npatched = [\">= 1.0.0\"]\n```\n\n# A title\n\nMore.\n"
        )
    };
    write(
        folder.path(),
        &BTreeMap::from([
            (
                "crates/some_crate/RUSTSEC-2024-0001.md".to_owned(),
                advisory("RUSTSEC-2024-0001", "some_crate").into_bytes(),
            ),
            ("crates/other/RUSTSEC-2024-0002.md".to_owned(), b"# not an advisory".to_vec()),
            ("crates/other/README.md".to_owned(), b"# read me".to_vec()),
            (
                "rust/std/RUSTSEC-2024-0003.md".to_owned(),
                advisory("RUSTSEC-2024-0003", "std").into_bytes(),
            ),
        ]),
    );
    let mut place = Place::of(folder.path().to_str().unwrap());
    let silent: Arc<dyn Progress> = Arc::new(Silent);
    let built = build(&place.options, &silent).unwrap();
    assert_eq!((built.status.records, built.status.rejected()), (1, 1));
    assert_eq!(matches(&place.open(), "pkg:cargo/some-crate@1.0.0-rc.1").groups.len(), 1);
    assert!(matches(&place.open(), "pkg:cargo/some-crate@1.0.0").groups.is_empty());
    place.options.ecosystems = vec!["npm".to_owned()];
    assert!(matches!(build(&place.options, &silent), Err(UpdateError::Missing { .. })));
    fs::remove_dir_all(folder.path().join("crates/some_crate")).unwrap();
    place.options.ecosystems = Vec::new();
    assert!(build(&place.options, &silent).is_err(), "nothing in it can be used");
}
