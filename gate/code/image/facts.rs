use std::collections::BTreeMap;

use secgate_formats::oci::Execution;
use secgate_model::{Digest, Location, Problem, Target};
use secgate_source::{Entry, Image, ReadError};

use super::history::{Step, read_step};
use crate::secret::{MAX_TEXT, Marker, holds_credentials};

/// Steps of a history that are looked at. Docker allows 127 layers, and few steps are without one.
const MAX_STEPS: usize = 10_000;

/// Things that were left out and are told one by one.
const MAX_TOLD: usize = 50;

/// Bytes of a file with credentials that are looked at; a larger one is a gap.
const MAX_FILE: usize = MAX_TEXT;

/// What rules know of an image: read once, the same for all.
pub struct ImageFacts<'i> {
    /// What the user named.
    pub target: &'i Target,
    /// The image itself.
    pub image: &'i Image,
    /// How it is run; empty where its configuration does not say.
    pub execution: Execution,
    /// Its history, first to last: the step's number from 1, what it says, and the layer that it made.
    pub steps: Vec<(usize, Step<'i>, Option<Digest>)>,
    /// The files in which programs keep credentials, with their text.
    pub credential_files: Vec<(&'i Entry, String)>,
    /// What could not be looked at.
    pub problems: Vec<Problem>,
    /// For secrets.
    pub marker: Marker,
    /// Accounts of `etc/passwd`: the user's number by name, the first of a name.
    accounts: BTreeMap<String, i64>,
}

impl<'i> ImageFacts<'i> {
    /// Reads the facts of an image.
    pub fn new(target: &'i Target, image: &'i Image) -> Self {
        let mut facts = Self {
            target,
            image,
            execution: image.config.config.clone().unwrap_or_default(),
            steps: Vec::new(),
            credential_files: Vec::new(),
            problems: Vec::new(),
            marker: Marker::new(target),
            accounts: BTreeMap::new(),
        };
        facts.read_skipped();
        facts.read_steps();
        facts.read_accounts();
        facts.read_credential_files();
        facts.measure_texts();
        facts
    }

    /// The user's number that `etc/passwd` gives to a name; `None` where it does not have it.
    pub fn user_id(&self, name: &str) -> Option<i64> {
        self.accounts.get(name).copied()
    }

    /// The variables of its environment: name and value. One without `=` has no value.
    pub fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.execution.env.as_deref().unwrap_or_default();
        all.iter().map(|text| text.split_once('=').unwrap_or((text, "")))
    }

    /// The layer with a number, the lowest 0.
    pub fn layer(&self, number: usize) -> Option<Digest> {
        self.image.layers.get(number).map(|layer| layer.diff_id.clone())
    }

    fn gap(&mut self, path: Option<&str>, message: String) {
        let location = path.filter(|path| !path.is_empty()).map(Location::file);
        self.problems.push(Problem { location, message, hint: None, gap: true });
    }

    fn read_skipped(&mut self) {
        let skipped = self.image.tree.skipped();
        for one in skipped.iter().take(MAX_TOLD) {
            self.gap(Some(&one.path), one.reason.clone());
        }
        if let Some(more) = skipped.len().checked_sub(MAX_TOLD).filter(|more| *more > 0) {
            self.gap(None, format!("{more} more places of the image were not looked at"));
        }
    }

    fn read_steps(&mut self) {
        let history = &self.image.config.history;
        let made = history.iter().filter(|step| !step.empty_layer).count();
        let has_all = made == self.image.layers.len();
        let mut layers = self.image.layers.iter().map(|layer| layer.diff_id.clone());
        let mut silent = 0_usize;
        for (number, step) in (1..).zip(history).take(MAX_STEPS) {
            let layer = if has_all && !step.empty_layer { layers.next() } else { None };
            let text = step.created_by.as_deref().unwrap_or_default();
            if text.trim().is_empty() {
                silent += 1;
            }
            self.steps.push((number, read_step(text), layer));
        }
        if history.len() > MAX_STEPS {
            let message = format!(
                "the history has {} steps, of which the first {MAX_STEPS} were looked at",
                history.len()
            );
            self.gap(None, message);
        }
        let note = |message: String| Problem { location: None, message, hint: None, gap: false };
        if history.is_empty() {
            self.problems.push(note(
                "the image has no history: how it was built cannot be seen, and was not looked at"
                    .into(),
            ));
        } else if silent == history.len() {
            self.problems.push(note(
                "the image's history names no commands: how it was built cannot be seen, and was not looked at".into(),
            ));
        } else if made < self.image.layers.len() {
            self.problems.push(note(format!(
                "the image's history names {made} of its {} layers: how the others were built was not looked at",
                self.image.layers.len()
            )));
        }
    }

    fn read_accounts(&mut self) {
        let Some(entry) = self.image.tree.find("etc/passwd") else { return };
        match self.image.tree.read(entry) {
            Ok(bytes) => {
                for line in String::from_utf8_lossy(&bytes).lines() {
                    // As engines read it: a number that is missing or no number is 0, which is root.
                    let mut fields = line.split(':');
                    let name = fields.next().unwrap_or_default().trim();
                    let id = fields.nth(1).and_then(|id| id.trim().parse().ok()).unwrap_or(0);
                    if !name.is_empty() && !name.starts_with('#') {
                        self.accounts.entry(name.to_owned()).or_insert(id);
                    }
                }
            }
            Err(error) => self.gap(Some("etc/passwd"), error.to_string()),
        }
    }

    fn read_credential_files(&mut self) {
        let tree = &self.image.tree;
        for entry in tree.entries().iter().filter(|entry| holds_credentials(&entry.path)) {
            match tree.read(entry) {
                Ok(bytes) if bytes.len() <= MAX_FILE => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    self.credential_files.push((entry, text));
                }
                Ok(_) => {
                    let limit = MAX_FILE as u64;
                    self.gap(Some(&entry.path), ReadError::TooLarge { limit }.to_string());
                }
                Err(error) => self.gap(Some(&entry.path), error.to_string()),
            }
        }
    }

    /// Names the texts of which only a part is looked at.
    fn measure_texts(&mut self) {
        let long = |text: &str| text.len() > MAX_TEXT;
        let variables = self.environment().filter(|(_, value)| long(value)).count();
        let history = &self.image.config.history;
        let steps =
            history.iter().filter(|step| step.created_by.as_deref().is_some_and(long)).count();
        for (count, what) in [(variables, "variables"), (steps, "steps of the history")] {
            if count > 0 {
                self.gap(None, format!("{count} {what} are longer than {MAX_TEXT} bytes, and the rest was not looked at"));
            }
        }
    }
}
