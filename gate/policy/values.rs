//! The small values of policy files: lengths of time, moments, bounds on numbers, globs.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use crate::{
    diagnostic::{Place, Sink, short},
    fields,
    yaml::Node,
};

/// The longest time that a policy may name: ten years.
const MAX_SECONDS: i64 = 10 * 366 * 86_400;

/// A length of time: a whole number and one of `m`, `h`, `d`, `w`.
pub(crate) fn duration(text: &str) -> Option<SignedDuration> {
    let unit = match text.chars().last()? {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    let digits = text.get(..text.len() - 1)?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds = digits.parse::<i64>().ok()?.checked_mul(unit)?;
    (seconds <= MAX_SECONDS).then(|| SignedDuration::from_secs(seconds))
}

pub(crate) fn read_duration(
    node: &Node,
    name: &str,
    sink: &mut Sink<'_>,
) -> Option<SignedDuration> {
    let text = fields::text(node, name, sink)?;
    let value = duration(text);
    if value.is_none() {
        let message = format!("`{name}: {}` is not a length of time", short(text));
        sink.error_hint(
            node.at,
            message,
            "write a whole number and m, h, d or w, for example 24h or 14d, at most 10 years",
        );
    }
    value
}

/// A length of time in the words that a policy uses.
pub(crate) fn duration_words(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        _ if seconds % 86_400 == 0 => format!("{}d", seconds / 86_400),
        _ if seconds % 3_600 == 0 => format!("{}h", seconds / 3_600),
        _ => format!("{}m", seconds / 60),
    }
}

/// How old something is, for a message.
pub(crate) fn age_words(age: SignedDuration) -> String {
    let hours = age.as_hours();
    if hours >= 72 { format!("{} days", hours / 24) } else { format!("{hours} hours") }
}

/// `now - length`, held inside what a time stamp can be.
pub(crate) fn add(at: Timestamp, length: SignedDuration) -> Timestamp {
    at.checked_add(length).unwrap_or(if length.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// A day, which means its first moment in UTC, or a moment with its offset (RFC 3339). Only years 2000 to 2199: a typo
/// in a year must not last for ever.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let parsed = if text.len() == 10 {
        let date: Date = text.parse().ok()?;
        date.to_zoned(TimeZone::UTC).ok()?.timestamp()
    } else if text.len() >= 20 && text.contains(['T', 't']) {
        text.parse::<Timestamp>().ok()?
    } else {
        return None;
    };
    let year = parsed.to_zoned(TimeZone::UTC).year();
    (2000..2200).contains(&year).then_some(parsed)
}

pub(crate) fn read_moment(node: &Node, name: &str, sink: &mut Sink<'_>) -> Option<Timestamp> {
    let text = fields::text(node, name, sink)?;
    let value = moment(text);
    if value.is_none() {
        let message = format!("`{name}: {}` is not a date", short(text));
        sink.error_hint(
            node.at,
            message,
            "write 2026-12-31, or 2026-12-31T18:00:00Z, years 2000 to 2199",
        );
    }
    value
}

/// A date alone where the moment is a day's first in UTC, else the whole time stamp.
pub(crate) fn moment_words(at: Timestamp) -> String {
    let text = at.to_string();
    text.strip_suffix("T00:00:00Z").map_or_else(|| text.clone(), str::to_owned)
}

/// A comparison with a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bound {
    op: Op,
    limit: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Op {
    Above,
    AtLeast,
    Below,
    AtMost,
}

impl Bound {
    pub(crate) fn holds(self, value: f64) -> bool {
        match self.op {
            Op::Above => value > self.limit,
            Op::AtLeast => value >= self.limit,
            Op::Below => value < self.limit,
            Op::AtMost => value <= self.limit,
        }
    }

    /// Splits the operator off; the rest is the limit's text.
    fn split(text: &str) -> Option<(Op, &str)> {
        let text = text.trim();
        let (op, rest) =
            [(">=", Op::AtLeast), ("<=", Op::AtMost), (">", Op::Above), ("<", Op::Below)]
                .into_iter()
                .find_map(|(sign, op)| Some((op, text.strip_prefix(sign)?)))?;
        Some((op, rest.trim()))
    }

    fn sign(self) -> &'static str {
        match self.op {
            Op::Above => ">",
            Op::AtLeast => ">=",
            Op::Below => "<",
            Op::AtMost => "<=",
        }
    }

    pub(crate) fn words(self) -> String {
        format!("{} {}", self.sign(), self.limit)
    }

    /// For a bound in seconds.
    pub(crate) fn duration_words(self) -> String {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "made from whole seconds below ten years"
        )]
        let seconds = self.limit as i64;
        format!("{} {}", self.sign(), duration_words(SignedDuration::from_secs(seconds)))
    }

    /// Where the truth of the bound changes, in its own unit.
    pub(crate) fn limit(self) -> f64 {
        self.limit
    }
}

/// `">0.5"`: an operator and a number from 0 to `max`.
pub(crate) fn read_bound(node: &Node, name: &str, max: f64, sink: &mut Sink<'_>) -> Option<Bound> {
    let text = fields::text(node, name, sink)?;
    let parsed = Bound::split(text).and_then(|(op, number)| {
        let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let limit =
            number.parse::<f64>().ok().filter(|limit| digits && (0.0..=max).contains(limit))?;
        Some(Bound { op, limit })
    });
    if parsed.is_none() {
        let message = format!("`{name}: {}` is not a bound", short(text));
        sink.error_hint(
            node.at,
            message,
            format!(
                "write an operator and a number from 0 to {max}, for example \">={}\"",
                max / 2.0
            ),
        );
    }
    parsed
}

/// `">30d"`, in seconds.
pub(crate) fn read_age(node: &Node, name: &str, sink: &mut Sink<'_>) -> Option<Bound> {
    let text = fields::text(node, name, sink)?;
    let parsed = Bound::split(text).and_then(|(op, length)| {
        #[expect(clippy::cast_precision_loss, reason = "ten years of seconds fit a double exactly")]
        let limit = duration(length)?.as_secs() as f64;
        Some(Bound { op, limit })
    });
    if parsed.is_none() {
        let message = format!("`{name}: {}` is not a bound on an age", short(text));
        sink.error_hint(
            node.at,
            message,
            "write an operator and a length of time, for example \">30d\"",
        );
    }
    parsed
}

/// Globs that are tried together.
#[derive(Debug, Clone)]
pub(crate) struct Globs {
    texts: Vec<String>,
    /// Patterns without a wildcard, by far the most, need no automaton.
    plain: Vec<String>,
    set: Option<GlobSet>,
}

impl Globs {
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.plain.iter().any(|plain| plain == text)
            || self.set.as_ref().is_some_and(|set| set.is_match(text))
    }

    pub(crate) fn words(&self) -> String {
        self.texts.join(" or ")
    }

    /// `slashes`: whether `*` stops at `/`, as it does in paths, where `**` crosses it.
    pub(crate) fn new(
        texts: &[(&str, Place)],
        name: &str,
        slashes: bool,
        sink: &mut Sink<'_>,
    ) -> Option<Self> {
        let mut builder = GlobSetBuilder::new();
        let (mut plain, mut wild, mut good) = (Vec::new(), false, true);
        for (text, at) in texts {
            if text.len() > 256 {
                sink.error(*at, format!("the pattern of `{name}` is longer than 256 bytes"));
                good = false;
            } else if !text.contains(['*', '?', '[', '{', '\\']) {
                plain.push((*text).to_owned());
            } else {
                match GlobBuilder::new(text).literal_separator(slashes).build() {
                    Ok(glob) => {
                        builder.add(glob);
                        wild = true;
                    }
                    Err(error) => {
                        sink.error(
                            *at,
                            format!("`{}` is not a pattern: {}", short(text), error.kind()),
                        );
                        good = false;
                    }
                }
            }
        }
        if !good || texts.is_empty() {
            return None;
        }
        let set = if wild {
            match builder.build() {
                Ok(set) => Some(set),
                Err(error) => {
                    let at = texts.first().map(|(_, at)| *at).unwrap_or_default();
                    sink.error(
                        at,
                        format!("the patterns of `{name}` cannot be compiled: {}", error.kind()),
                    );
                    return None;
                }
            }
        } else {
            None
        };
        Some(Self { texts: texts.iter().map(|(text, _)| (*text).to_owned()).collect(), plain, set })
    }
}

/// Whether a pattern names something: at least three letters or digits outside its wildcards, so that `*`, `**/*` and
/// their like cannot stand for everything.
pub(crate) fn is_specific(pattern: &str) -> bool {
    let mut depth = 0_usize;
    let mut letters = 0;
    for c in pattern.chars() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            c if depth == 0 && c.is_alphanumeric() => letters += 1,
            _ => {}
        }
    }
    letters >= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        for (text, seconds) in [
            ("24h", Some(86_400)),
            ("3d", Some(259_200)),
            ("2w", Some(1_209_600)),
            ("90m", Some(5_400)),
            ("0d", Some(0)),
            ("", None),
            ("d", None),
            ("-1d", None),
            ("1.5d", None),
            ("3", None),
            ("3y", None),
            ("99999999999999999999d", None),
            ("4000d", None),
        ] {
            assert_eq!(duration(text).map(|d| d.as_secs()), seconds, "{text}");
        }
        assert_eq!(duration_words(SignedDuration::from_hours(48)), "2d");
        assert_eq!(duration_words(SignedDuration::from_hours(25)), "25h");
    }

    #[test]
    fn moments() {
        for (text, expected) in [
            ("2026-12-31", Some("2026-12-31T00:00:00Z")),
            ("2026-12-31T18:00:00Z", Some("2026-12-31T18:00:00Z")),
            ("2026-12-31T18:00:00+02:00", Some("2026-12-31T16:00:00Z")),
            ("2026-02-30", None),
            ("20261231", None),
            ("31-12-2026", None),
            ("9026-12-31", None),
            ("never", None),
            ("2026-12-31T18:00:00", None),
        ] {
            assert_eq!(moment(text).map(|at| at.to_string()).as_deref(), expected, "{text}");
        }
        assert_eq!(moment_words(moment("2026-12-31").unwrap()), "2026-12-31");
    }

    #[test]
    fn a_specific_pattern_names_something() {
        for (pattern, expected) in [
            ("*", false),
            ("**/*", false),
            ("?*?", false),
            ("{abc,*}", false),
            ("SG-*", false),
            ("SG-PY-*", true),
            ("CVE-2026-1", true),
        ] {
            assert_eq!(is_specific(pattern), expected, "{pattern}");
        }
    }
}
