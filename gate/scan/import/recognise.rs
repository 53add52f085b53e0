use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::error::{ImportError, Input};

/// The formats that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Own,
    Bandit,
    CargoAudit,
    Checkov,
    CycloneDx,
    Gitleaks,
    Govulncheck,
    Grype,
    Hadolint,
    NpmAudit,
    OsvScanner,
    PipAudit,
    Sarif,
    Semgrep,
    Snyk,
    Trivy,
    Zap,
}

/// Tells the format by the keys near the root, after one pass over the whole text that proves it to be complete JSON.
pub(super) fn recognise(input: &Input<'_>) -> Result<Format, ImportError> {
    let mut json = serde_json::Deserializer::from_str(input.text);
    let glance = Glance::deserialize(&mut json).map_err(|error| input.shape("JSON", &error))?;
    if glance.get("config").is_some_and(|config| config.has(&["protocol_version", "scanner_name"]))
    {
        return Ok(Format::Govulncheck);
    }
    json.end().map_err(|error| input.shape("JSON", &error))?;
    let unknown = || ImportError::Unknown { name: input.name.to_owned() };
    match &glance {
        Glance::Map(_) => of_object(input, &glance)?.ok_or_else(unknown),
        Glance::List(None) => {
            let name =
                input.name.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
            match (name.contains("gitleaks"), name.contains("hadolint")) {
                (true, false) => Ok(Format::Gitleaks),
                (false, true) => Ok(Format::Hadolint),
                _ => Err(ImportError::Nameless { name: input.name.to_owned() }),
            }
        }
        Glance::List(Some(first)) => of_item(first).ok_or_else(unknown),
        Glance::Text(_) | Glance::Other => Err(unknown()),
    }
}

fn of_object(input: &Input<'_>, glance: &Glance) -> Result<Option<Format>, ImportError> {
    if let Some(schema) = glance.text("schema")
        && schema.starts_with("secgate.report/")
    {
        return Ok(Some(Format::Own));
    }
    if glance.text("spdxVersion").is_some() {
        return Err(ImportError::Sbom { name: input.name.to_owned(), format: "SPDX" });
    }
    let results = glance.first("results");
    let is = |keys: &[&str]| glance.has(keys);
    Ok(Some(if is(&["runs"]) && (is(&["version"]) || is(&["$schema"])) {
        Format::Sarif
    } else if is(&["bomFormat"]) {
        Format::CycloneDx
    } else if is(&["SchemaVersion", "ArtifactName"]) || is(&["SchemaVersion", "Results"]) {
        Format::Trivy
    } else if is(&["matches", "descriptor"]) {
        Format::Grype
    } else if is(&["database", "lockfile", "vulnerabilities"]) {
        Format::CargoAudit
    } else if is(&["dependencies", "fixes"]) {
        Format::PipAudit
    } else if is(&["auditReportVersion"])
        || is(&["advisories", "metadata"])
        || glance.get("error").is_some_and(|error| error.has(&["code", "summary"]))
    {
        Format::NpmAudit
    } else if is(&["results", "errors", "metrics"]) {
        Format::Bandit
    } else if is(&["results", "errors", "paths"]) {
        Format::Semgrep
    } else if is(&["check_type", "results", "summary"])
        || is(&["passed", "failed", "checkov_version"])
    {
        Format::Checkov
    } else if is(&["site"]) && (is(&["@version"]) || is(&["@programName"])) {
        Format::Zap
    } else if is(&["vulnerabilities", "ok"]) || is(&["ok", "error"]) {
        Format::Snyk
    } else if is(&["results", "experimental_config"])
        || results.is_some_and(|first| first.has(&["source", "packages"]))
    {
        Format::OsvScanner
    } else {
        return Ok(None);
    }))
}

fn of_item(first: &Glance) -> Option<Format> {
    Some(if first.has(&["RuleID", "Secret", "File"]) {
        Format::Gitleaks
    } else if first.has(&["code", "level", "file", "line"]) {
        Format::Hadolint
    } else if first.has(&["check_type", "results"]) {
        Format::Checkov
    } else if first.has(&["name", "vulns"]) || first.has(&["name", "skip_reason"]) {
        Format::PipAudit
    } else if first.has(&["vulnerabilities", "ok"]) || first.has(&["ok", "error"]) {
        Format::Snyk
    } else {
        return None;
    })
}

/// The part of a document near its root: enough to know it by.
enum Glance {
    Map(Vec<(String, Glance)>),
    List(Option<Box<Glance>>),
    Text(String),
    Other,
}

/// How deep a glance goes, and how many keys of one object it keeps.
const DEPTH: u8 = 3;
const KEYS: usize = 64;

impl Glance {
    fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => {
                entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    fn has(&self, keys: &[&str]) -> bool {
        keys.iter().all(|key| self.get(key).is_some())
    }

    fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Self::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn first(&self, key: &str) -> Option<&Self> {
        match self.get(key) {
            Some(Self::List(first)) => first.as_deref(),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Glance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Look(DEPTH).deserialize(deserializer)
    }
}

struct Look(u8);

impl<'de> DeserializeSeed<'de> for Look {
    type Value = Glance;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Glance, D::Error> {
        if self.0 == 0 {
            IgnoredAny::deserialize(deserializer)?;
            return Ok(Glance::Other);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look {
    type Value = Glance;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<Glance, E> {
        Ok(Glance::Text(text.chars().take(200).collect()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Glance, E> {
        Ok(Glance::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Glance, E> {
        Ok(Glance::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Glance, E> {
        Ok(Glance::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Glance, E> {
        Ok(Glance::Other)
    }

    fn visit_unit<E>(self) -> Result<Glance, E> {
        Ok(Glance::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Glance, A::Error> {
        let first = list.next_element_seed(Look(self.0 - 1))?;
        if first.is_some() {
            while list.next_element::<IgnoredAny>()?.is_some() {}
        }
        Ok(Glance::List(first.map(Box::new)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Glance, A::Error> {
        let mut entries: Vec<(String, Glance)> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if entries.len() >= KEYS {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            // Readers disagree about which of two counts: such a document could hide its findings.
            if entries.iter().any(|(name, _)| *name == key) {
                let key: String = key.chars().take(40).collect();
                return Err(serde::de::Error::custom(format!("the key `{key}` is there twice")));
            }
            entries.push((key, map.next_value_seed(Look(self.0 - 1))?));
        }
        Ok(Glance::Map(entries))
    }
}
