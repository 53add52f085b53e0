use cvss::Cvss as Parsed;
use secgate_model::{Cvss, Severity};

/// Scores each vector and rates them together.
///
/// The worst v3 or v4 score counts: where two publishers disagree, the gate takes the graver word. v2 vectors and the
/// database's own words count only where no newer vector can be scored, and the words also where one of several cannot.
pub(crate) fn rate<'r>(
    vectors: &[String],
    ratings: impl IntoIterator<Item = &'r str>,
) -> (Vec<Cvss>, Option<Severity>) {
    let mut scored: Vec<(u8, Cvss)> = vectors
        .iter()
        .map(|text| {
            let parsed = text.trim().parse::<Parsed>().ok().filter(|_| is_whole(text));
            let version = match &parsed {
                Some(Parsed::CvssV40(_)) => 4,
                Some(Parsed::CvssV30(_) | Parsed::CvssV31(_)) => 3,
                Some(Parsed::CvssV20(_)) => 2,
                _ => 0,
            };
            (
                version,
                Cvss { vector: text.trim().to_owned(), score: parsed.as_ref().map(base_score) },
            )
        })
        .collect();
    scored.sort_by(|(a, left), (b, right)| {
        b.cmp(a).then_with(|| right.score.unwrap_or(0.0).total_cmp(&left.score.unwrap_or(0.0)))
    });
    let worst = |modern: bool| {
        scored
            .iter()
            .filter(|(version, _)| (*version >= 3) == modern && *version > 0)
            .filter_map(|(_, cvss)| cvss.score)
            .max_by(f64::total_cmp)
    };
    let word = ratings.into_iter().filter_map(|word| word.parse().ok()).max();
    let unscored = scored.iter().any(|(_, cvss)| cvss.score.is_none());
    let severity = match worst(true).map(Severity::from_cvss) {
        Some(severity) if unscored => Some(severity).max(word),
        Some(severity) => Some(severity),
        None => worst(false).map(Severity::from_cvss2).max(word),
    };
    (scored.into_iter().map(|(_, cvss)| cvss).collect(), severity)
}

/// Whether a v3 vector has every base metric (CVSS v3.1 §6). The `cvss` crate checks that for v2 and v4, and scores a v3
/// vector that lacks some as harmless.
fn is_whole(vector: &str) -> bool {
    const BASE: [&str; 8] = ["AV", "AC", "PR", "UI", "S", "C", "I", "A"];
    let has = |metric: &&str| {
        vector.split('/').any(|part| part.split_once(':').is_some_and(|(name, _)| name == *metric))
    };
    !vector.trim().starts_with("CVSS:3") || BASE.iter().all(has)
}

/// The base score of v3: temporal and environmental metrics that a publisher appended describe a moment or a place, not
/// the flaw. v4 has no such score apart: there the whole vector counts (CVSS v4.0 §1.3).
fn base_score(parsed: &Parsed) -> f64 {
    match parsed {
        Parsed::CvssV30(vector) | Parsed::CvssV31(vector) => vector.base_score().value(),
        other => other.score(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        vectors: &[&str],
        rating: Option<&str>,
        score: Option<f64>,
        severity: Option<Severity>,
    ) {
        let vectors: Vec<String> = vectors.iter().map(|text| (*text).to_owned()).collect();
        let (cvss, rated) = rate(&vectors, rating);
        assert_eq!(cvss.first().and_then(|cvss| cvss.score), score, "{vectors:?}");
        assert_eq!(rated, severity, "{vectors:?}");
    }

    #[test]
    fn the_gravest_modern_vector_counts() {
        let v4 = "CVSS:4.0/AV:N/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N";
        let v3 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
        let v2 = "AV:L/AC:L/Au:N/C:N/I:N/A:C";
        check(&[v2], None, Some(4.9), Some(Severity::Medium));
        check(&["AV:N/AC:L/Au:N/C:C/I:C/A:C"], None, Some(10.0), Some(Severity::High));
        check(&[v2, v3, v4], None, Some(7.7), Some(Severity::Critical));
        check(&["CVSS:3.1/AV:N"], Some("moderate"), None, Some(Severity::Medium));
        check(
            &["CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L/E:U/RL:O"],
            None,
            Some(5.3),
            Some(Severity::Medium),
        );
        check(&[], None, None, None);
        check(&[], Some("critical"), None, Some(Severity::Critical));
        // A low old score does not speak against the database's own word.
        check(&[v2], Some("critical"), Some(4.9), Some(Severity::Critical));
        check(
            &["CVSS:4.0/AV:N", "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L"],
            Some("high"),
            Some(5.3),
            Some(Severity::High),
        );
        assert_eq!(rate(&[], ["low", "critical", "moderate"]).1, Some(Severity::Critical));
    }
}
