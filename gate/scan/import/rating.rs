//! Severities, weaknesses and fixes as other tools write them.

use jiff::Timestamp;
use secgate_model::{Cvss, Severity};

/// A severity by its word, in any case. `none`, `unknown` and everything else are nobody's word.
///
/// `negligible` (Debian, Grype) is low and not "info": there is something to fix.
pub(super) fn word(text: &str) -> Option<Severity> {
    Some(match text.trim().to_ascii_lowercase().as_str() {
        "critical" => Severity::Critical,
        "high" | "important" => Severity::High,
        "medium" | "moderate" => Severity::Medium,
        "low" | "negligible" | "minor" => Severity::Low,
        "info" | "informational" | "information" => Severity::Info,
        _ => return None,
    })
}

/// A CVSS vector with its score computed.
pub(super) fn cvss(vector: &str) -> Option<Cvss> {
    let vector = vector.trim();
    if vector.is_empty() || vector.len() > 512 || vector.contains(char::is_control) {
        return None;
    }
    let score = vector.parse::<cvss::Cvss>().ok().map(|vector| vector.score());
    Some(Cvss { vector: vector.to_owned(), score: score.filter(|score| score.is_finite()) })
}

/// The vectors, each once, the highest version of CVSS first.
pub(super) fn vectors<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<Cvss> {
    let mut vectors: Vec<Cvss> = texts.into_iter().filter_map(cvss).collect();
    let class = |vector: &str| match vector.get(..8) {
        Some("CVSS:4.0") => 0,
        Some("CVSS:3.1") => 1,
        Some("CVSS:3.0") => 2,
        _ => 3,
    };
    vectors.sort_by(|a, b| {
        class(&a.vector)
            .cmp(&class(&b.vector))
            .then_with(|| b.score.unwrap_or(0.0).total_cmp(&a.score.unwrap_or(0.0)))
            .then_with(|| a.vector.cmp(&b.vector))
    });
    vectors.dedup_by(|a, b| a.vector == b.vector);
    vectors.truncate(16);
    vectors
}

/// The rating of the first vector that has a score.
pub(super) fn of_vectors(vectors: &[Cvss]) -> Option<Severity> {
    vectors.iter().find_map(|cvss| {
        let score = cvss.score?;
        let second = !cvss.vector.starts_with("CVSS:3") && !cvss.vector.starts_with("CVSS:4");
        Some(if second { Severity::from_cvss2(score) } else { Severity::from_cvss(score) })
    })
}

/// The rating of a score as text, such as SARIF's `security-severity`; `None` outside 0.0 to 10.0.
pub(super) fn of_score(text: &str) -> Option<Severity> {
    let score: f64 = text.trim().parse().ok()?;
    (0.0..=10.0).contains(&score).then(|| Severity::from_cvss(score))
}

/// Every CWE number in a text: `CWE-79: …`, `external/cwe/cwe-079`.
pub(super) fn cwes(text: &str) -> Vec<u32> {
    let lower = text.to_ascii_lowercase();
    let mut numbers = Vec::new();
    for part in lower.split("cwe-").skip(1) {
        let digits: String = part.chars().take_while(char::is_ascii_digit).take(7).collect();
        if let Ok(number) = digits.parse()
            && numbers.len() < 64
            && number > 0
            && !numbers.contains(&number)
        {
            numbers.push(number);
        }
    }
    numbers
}

/// The lowest of the versions that is above the installed one; `None` when that cannot be told.
///
/// One version alone is above: the installed one is affected, the fix is not. Several are compared only where all of
/// them are plain numbers between dots, which every ecosystem orders alike.
pub(super) fn fix_above(installed: Option<&str>, fixed_in: &[String]) -> Option<String> {
    if let [only] = fixed_in {
        return Some(only.clone());
    }
    let numbers = |version: &str| {
        let numbers: Option<Vec<u64>> =
            version.trim_start_matches('v').split('.').map(|part| part.parse().ok()).collect();
        numbers.map(|mut numbers| {
            while numbers.last() == Some(&0) {
                numbers.pop();
            }
            numbers
        })
    };
    let installed = numbers(installed?)?;
    let mut fixes: Vec<(Vec<u64>, &String)> =
        fixed_in.iter().map(|fix| numbers(fix).map(|order| (order, fix))).collect::<Option<_>>()?;
    fixes.sort();
    fixes.into_iter().find(|(order, _)| *order > installed).map(|(_, fix)| fix.clone())
}

/// The versions that mend, out of a requirement such as `>=1.2.3`, `^1.2.3 || >=2.0.1`, `>=0.5.1, <0.6.0`: the lower
/// end of each alternative. `<0.0.0`, npm's way to write "none", has no lower end.
pub(super) fn lower_ends(requirement: &str) -> Vec<String> {
    let mut ends = Vec::new();
    for alternative in requirement.split("||") {
        let mut words = alternative.split([',', ' ']).filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            let version = word.trim_start_matches(['>', '=', '^', '~']);
            let operator = word.get(..word.len() - version.len()).unwrap_or_default();
            // `>= 1.2` is two words.
            let version =
                if version.is_empty() { words.next().unwrap_or_default() } else { version };
            if version.starts_with(|c: char| c.is_ascii_digit() || c == 'v') {
                let text = if operator == ">" { format!(">{version}") } else { version.to_owned() };
                ends.push(text);
                break;
            }
        }
    }
    ends.truncate(64);
    ends
}

/// A moment as tools write it: RFC 3339, with a space or without a zone (taken for UTC).
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| format!("{text}Z").parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities() {
        assert_eq!(word("MODERATE"), Some(Severity::Medium));
        assert_eq!(word("Unknown"), None);
        assert_eq!(of_score("9.8"), Some(Severity::Critical));
        assert_eq!(of_score("NaN"), None);
        let both = vectors([
            "AV:N/AC:L/Au:N/C:P/I:P/A:P",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "x",
        ]);
        assert_eq!(both[0].score, Some(9.8));
        assert_eq!(of_vectors(&both), Some(Severity::Critical));
        assert_eq!(of_vectors(&vectors(["nothing"])), None);
    }

    #[test]
    fn weaknesses() {
        assert_eq!(cwes("external/cwe/cwe-079"), [79]);
        assert_eq!(cwes("CWE-89: SQL, CWE-564"), [89, 564]);
        assert_eq!(cwes("CWE-"), [0u32; 0]);
    }

    #[test]
    fn fixes() {
        let check = |installed, fixes: &[&str], expected: Option<&str>| {
            let fixes: Vec<String> = fixes.iter().map(|&fix| fix.to_owned()).collect();
            assert_eq!(fix_above(installed, &fixes).as_deref(), expected, "{fixes:?}");
        };
        check(Some("2.0.1"), &["2.3.2", "2.2.5"], Some("2.2.5"));
        check(Some("2.3.0"), &["2.2.5", "2.3.2"], Some("2.3.2"));
        check(Some("1:2-3"), &["1:2-4"], Some("1:2-4"));
        check(Some("2.0b1"), &["2.2.5", "2.3.2"], None);
        check(None, &["1", "2"], None);
        assert_eq!(lower_ends(">=1.2.3, <2.0.0 || ^2.0.1"), ["1.2.3", "2.0.1"]);
        assert_eq!(lower_ends(">= 4.17.21"), ["4.17.21"]);
        assert_eq!(lower_ends(">1.0"), [">1.0"]);
        assert_eq!(lower_ends("<0.0.0"), [""; 0]);
    }

    #[test]
    fn moments() {
        for text in ["2026-03-01T10:00:00Z", "2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00"] {
            assert_eq!(moment(text), moment("2026-03-01T10:00:00Z"), "{text}");
            assert!(moment(text).is_some());
        }
        assert_eq!(moment("yesterday"), None);
    }
}
