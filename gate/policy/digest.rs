//! Digests over what takes part in a verdict: length-prefixed fields in a fixed order, so that no two inputs read the
//! same.

use secgate_model::{Finding, Outcome, Scope};

/// `blake3:` and the digest of `bytes`.
pub(crate) fn bytes(bytes: &[u8]) -> String {
    format!("blake3:{}", blake3::hash(bytes).to_hex())
}

pub(crate) fn text(text: &str) -> String {
    bytes(text.as_bytes())
}

/// Gathers fields and hashes them block by block.
#[derive(Default)]
pub(crate) struct Fields {
    block: Vec<u8>,
    hasher: blake3::Hasher,
}

/// Large enough for the hash to use its wide registers, small enough to stay in the cache.
const BLOCK: usize = 64 << 10;

impl Fields {
    fn byte(&mut self, byte: u8) {
        self.block.push(byte);
    }

    /// Small numbers, by far the most, take one byte.
    pub(crate) fn number(&mut self, number: u64) {
        match u8::try_from(number) {
            Ok(byte) if byte < u8::MAX => self.byte(byte),
            _ => {
                self.byte(u8::MAX);
                self.block.extend_from_slice(&number.to_le_bytes());
            }
        }
    }

    fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.block.extend_from_slice(text.as_bytes());
        if self.block.len() >= BLOCK {
            self.hasher.update(&self.block);
            self.block.clear();
        }
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.byte(u8::from(text.is_some()));
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn texts<'t>(&mut self, texts: impl ExactSizeIterator<Item = &'t str>) {
        self.count(texts.len());
        for text in texts {
            self.text(text);
        }
    }

    fn figure(&mut self, figure: Option<f64>) {
        self.byte(u8::from(figure.is_some()));
        if let Some(figure) = figure {
            self.block.extend_from_slice(&figure.to_bits().to_le_bytes());
        }
    }

    fn moment(&mut self, at: Option<jiff::Timestamp>) {
        self.byte(u8::from(at.is_some()));
        if let Some(at) = at {
            self.block.extend_from_slice(&at.as_nanosecond().to_le_bytes());
        }
    }

    fn flag(&mut self, flag: Option<bool>) {
        self.byte(flag.map_or(2, u8::from));
    }

    /// Everything of a finding that a rule, a waiver or the plan can read.
    pub(crate) fn finding(&mut self, finding: &Finding) {
        self.text(&finding.fingerprint.0);
        self.text(&finding.scanner);
        self.texts(finding.seen_by.iter().map(String::as_str));
        self.byte(finding.kind as u8);
        self.text(&finding.rule);
        self.texts(finding.aliases.iter().map(String::as_str));
        self.count(finding.cwe.len());
        for cwe in &finding.cwe {
            self.number(u64::from(*cwe));
        }
        self.text(&finding.title);
        self.byte(finding.severity.map_or(255, |severity| severity as u8));
        self.byte(finding.confidence as u8);
        self.maybe(finding.remediation.as_deref());
        let locus = &finding.locus;
        match &locus.component {
            None => self.byte(0),
            Some(purl) => {
                self.byte(1);
                self.text(purl.kind());
                self.maybe(purl.namespace());
                self.text(purl.name());
                self.maybe(purl.version());
                self.maybe(purl.subpath());
                self.count(purl.qualifiers().len());
                for (key, value) in purl.qualifiers() {
                    self.text(key);
                    self.text(value);
                }
            }
        }
        self.count(locus.locations.len());
        for location in &locus.locations {
            self.text(&location.path);
            self.number(u64::from(location.line.unwrap_or_default()));
            self.number(u64::from(location.column.unwrap_or_default()));
        }
        self.maybe(locus.url.as_deref());
        self.maybe(locus.method.as_deref());
        self.maybe(locus.parameter.as_deref());
        let Some(facts) = &finding.vulnerability else {
            self.byte(0);
            return;
        };
        self.byte(1);
        self.count(facts.cvss.len());
        for cvss in &facts.cvss {
            self.text(&cvss.vector);
            self.figure(cvss.score);
        }
        self.figure(facts.epss);
        self.figure(facts.epss_percentile);
        self.flag(facts.kev);
        self.texts(facts.fixed_in.iter().map(String::as_str));
        self.maybe(facts.fixed_here.as_deref());
        self.moment(facts.published);
        self.maybe(facts.informational.as_deref());
        self.byte(match facts.scope {
            Scope::Runtime => 0,
            Scope::Optional => 1,
            Scope::Dev => 2,
            Scope::Unknown => 3,
        });
        self.flag(facts.direct);
        self.texts(facts.path.iter().map(String::as_str));
    }

    /// An outcome without the time that it took.
    pub(crate) fn outcome(&mut self, outcome: &Outcome) {
        self.text(&outcome.scanner);
        self.text(&outcome.version);
        self.byte(outcome.ended as u8);
        self.text(&outcome.detail);
        self.count(outcome.problems.len());
        for problem in &outcome.problems {
            let location = problem.location.as_ref();
            self.maybe(location.map(|location| location.path.as_str()));
            self.number(u64::from(location.and_then(|location| location.line).unwrap_or_default()));
            self.text(&problem.message);
            self.maybe(problem.hint.as_deref());
            self.byte(u8::from(problem.gap));
        }
        self.byte(u8::from(outcome.advisories.is_some()));
        if let Some(data) = &outcome.advisories {
            self.text(&data.revision);
            self.moment(data.published);
            self.number(data.count);
            self.byte(u8::from(data.starter));
            self.moment(data.epss);
            self.moment(data.kev);
            self.moment(data.at_source.advisories);
            self.moment(data.at_source.epss);
            self.moment(data.at_source.kev);
        }
    }

    pub(crate) fn finish(mut self) -> String {
        self.hasher.update(&self.block);
        format!("blake3:{}", self.hasher.finalize().to_hex())
    }
}
