use std::collections::BTreeSet;

use super::{
    facts::ImageFacts,
    rule::{Hit, Place},
};
use crate::secret::{Secret, find_in_command, find_in_value};

/// A hit about a secret: the message says what it is, the evidence shows four characters of it at most. `place` is part of
/// its identity, and so is its mark, so that a waiver for one value does not cover the next.
pub(crate) fn secret_hit(
    facts: &ImageFacts<'_>,
    secret: &Secret<'_>,
    holder: &str,
    place: Place,
    identity: &str,
) -> Hit {
    let name = secret.name.map(|name| format!("{}=", printable(name))).unwrap_or_default();
    let title = secret.sort.title();
    let first = title.get(..1).unwrap_or_default().to_uppercase();
    let message = format!("{first}{} in {holder}", title.get(1..).unwrap_or_default());
    let mut hit = Hit::new(message, place)
        .seen(format!("{name}{}", facts.marker.shown(secret.value)))
        .severity(secret.severity)
        .confidence(secret.confidence);
    hit.what =
        vec![identity.to_owned(), secret.sort.id().to_owned(), facts.marker.mark(secret.value)];
    hit
}

/// A name as it may be shown: its last part, since `//user:password@host/:_authToken` is one too, and not too much of it.
pub(crate) fn printable(name: &str) -> String {
    let name = name.trim_end_matches(['/', ':', '@']);
    let name = name.rsplit(['/', ':', '@']).next().unwrap_or_default();
    let mut text: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
    if name.chars().count() > 100 {
        text.push('…');
    }
    text
}

/// The secrets of a list of variables or labels. Of a name that is given twice the last counts for a program, and both for whoever
/// reads the configuration.
pub(crate) fn of_pairs<'t>(
    pairs: impl Iterator<Item = (&'t str, &'t str)>,
) -> Vec<(&'t str, Secret<'t>)> {
    let all: BTreeSet<(&str, &str)> = pairs.collect();
    all.into_iter()
        .flat_map(|(name, value)| {
            find_in_value(name, value).into_iter().map(move |found| (name, found))
        })
        .collect()
}

/// The commands that an image runs, each as one line.
pub(crate) fn commands(facts: &ImageFacts<'_>) -> Vec<(&'static str, String)> {
    let run = &facts.execution;
    let health = run.healthcheck.as_ref().and_then(|check| check.test.as_ref());
    [("Entrypoint", run.entrypoint.as_ref()), ("Cmd", run.cmd.as_ref()), ("Healthcheck", health)]
        .into_iter()
        .filter_map(|(field, words)| Some((field, words?.join(" "))))
        .collect()
}

/// Labels: name and value.
pub(crate) fn labels<'f>(facts: &'f ImageFacts<'_>) -> impl Iterator<Item = (&'f str, &'f str)> {
    let labels = facts.execution.labels.iter().flatten();
    let notes = facts.image.annotations.iter();
    labels.chain(notes).map(|(name, value)| (name.as_str(), value.as_str()))
}

/// The marks of all secrets that the configuration itself holds: the history tells of the steps that put them there, and must
/// not count them again.
pub(crate) fn configured(facts: &ImageFacts<'_>) -> BTreeSet<String> {
    let mut marks: BTreeSet<String> = of_pairs(facts.environment())
        .into_iter()
        .chain(of_pairs(labels(facts)))
        .map(|(_, found)| facts.marker.mark(found.value))
        .collect();
    for (_, command) in commands(facts) {
        marks.extend(find_in_command(&command).iter().map(|found| facts.marker.mark(found.value)));
    }
    marks
}
