//! A source of advisories in the layout of the public OSV export, kept as its files.

use std::{
    collections::BTreeMap,
    fs,
    io::{Cursor, Write},
    path::Path,
};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use zip::{ZipWriter, write::SimpleFileOptions};

pub(crate) const KEV: &str = "enrichment/kev/known_exploited_vulnerabilities.json";
pub(crate) const EPSS: &str = "enrichment/epss/epss_scores-current.csv.gz";

/// Records by ecosystem and id, and the two tables.
#[derive(Clone)]
pub(crate) struct Mirror {
    pub(crate) records: BTreeMap<String, BTreeMap<String, Value>>,
    pub(crate) kev: Option<String>,
    pub(crate) epss: Option<String>,
}

impl Mirror {
    /// The records of `tests/fixtures/advisories`.
    pub(crate) fn fixture() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/advisories");
        let text = |path: &str| Some(fs::read_to_string(folder.join(path)).unwrap());
        let mut records: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
        for ecosystem in ["PyPI", "npm", "crates.io"] {
            for file in fs::read_dir(folder.join(ecosystem)).unwrap() {
                let bytes = fs::read(file.unwrap().path()).unwrap();
                let record: Value = serde_json::from_slice(&bytes).unwrap();
                let id = record["id"].as_str().unwrap().to_owned();
                records.entry(ecosystem.to_owned()).or_default().insert(id, record);
            }
        }
        Self { records, kev: text("enrichment/kev.json"), epss: text("enrichment/epss.csv") }
    }

    /// A record of PyPI.
    pub(crate) fn record(&mut self, id: &str) -> &mut Value {
        self.records.get_mut("PyPI").unwrap().get_mut(id).unwrap()
    }

    /// Every file of the source, by path.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let names: Vec<&str> = self.records.keys().map(String::as_str).collect();
        files.insert("ecosystems.txt".to_owned(), format!("{}\n", names.join("\n")).into_bytes());
        for (ecosystem, records) in &self.records {
            let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
            let mut rows = Vec::new();
            for (id, record) in records {
                let bytes = serde_json::to_vec(record).unwrap();
                zip.start_file(format!("{id}.json"), SimpleFileOptions::default()).unwrap();
                zip.write_all(&bytes).unwrap();
                files.insert(format!("{ecosystem}/{id}.json"), bytes);
                rows.push((record["modified"].as_str().unwrap().to_owned(), id));
            }
            rows.sort_by(|a, b| b.cmp(a));
            let rows: Vec<String> =
                rows.iter().map(|(time, id)| format!("{time},{id}\n")).collect();
            files.insert(format!("{ecosystem}/modified_id.csv"), rows.concat().into_bytes());
            files.insert(format!("{ecosystem}/all.zip"), zip.finish().unwrap().into_inner());
        }
        if let Some(kev) = &self.kev {
            files.insert(KEV.to_owned(), kev.clone().into_bytes());
        }
        if let Some(epss) = &self.epss {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
            gzip.write_all(epss.as_bytes()).unwrap();
            files.insert(EPSS.to_owned(), gzip.finish().unwrap());
        }
        files
    }

    /// Writes the files below a folder.
    pub(crate) fn write(&self, folder: &Path) {
        for (path, bytes) in self.files() {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
}
