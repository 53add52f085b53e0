//! `license:` of a match: which licences are not allowed.

use spdx::{
    Expression, LicenseItem, LicenseReq, ParseMode,
    expression::{ExprNode, Operator},
};

use crate::{
    diagnostic::{Place, Sink, short},
    fields::{self, Fields},
    yaml::Node,
};

const LISTED: ParseMode = ParseMode { allow_deprecated: true, ..ParseMode::STRICT };
const FIELDS: &[&str] = &["allow", "deny", "unknown"];

/// Which licences a rule objects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LicenseTest {
    /// Everything else is denied, where there are any.
    allow: Vec<Entry>,
    deny: Vec<Entry>,
    /// Whether the rule objects to what nobody can judge.
    unknown: bool,
}

/// What a licence, or a whole expression, is under a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Denied,
    Unknown,
    Allowed,
}

/// A licence of a list, or of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    text: String,
    /// `GPL` of `GPL-2.0-only`, all of `MIT`; the front of a name that ends with `*`.
    family: String,
    version: Option<Vec<u32>>,
    later: bool,
    exception: Option<String>,
    any: bool,
}

impl Entry {
    fn of(needed: &LicenseReq) -> Self {
        let exception = needed.addition.as_ref().map(ToString::to_string);
        match &needed.license {
            LicenseItem::Spdx { id, or_later } => Self::named(id.name, *or_later, exception),
            LicenseItem::Other(reference) => Self {
                text: needed.to_string(),
                family: reference.to_string(),
                version: None,
                later: false,
                exception,
                any: false,
            },
        }
    }

    /// The bare ids of the GNU licences are deprecated and mean `-only` (SPDX licence list 3.0).
    fn named(id: &str, plus: bool, exception: Option<String>) -> Self {
        let (base, later) = match (id.strip_suffix("-or-later"), id.strip_suffix("-only")) {
            (Some(base), _) => (base, true),
            (None, Some(base)) => (base, false),
            (None, None) => (id, plus),
        };
        let split = base.rsplit_once('-').and_then(|(family, version)| {
            let numbers: Option<Vec<u32>> =
                version.split('.').map(|part| part.parse().ok()).collect();
            numbers.map(|numbers| (family, numbers))
        });
        let (family, version) = match split {
            Some((family, version)) => (family, Some(version)),
            None => (base, None),
        };
        let text = match &exception {
            Some(exception) => format!("{id}{} WITH {exception}", if plus { "+" } else { "" }),
            None => format!("{id}{}", if plus { "+" } else { "" }),
        };
        Self { text, family: family.to_owned(), version, later, exception, any: false }
    }

    /// Whether this entry of a list, exceptions apart, speaks about `license`; `denies` when the list is that of the denied.
    ///
    /// A licence "or later" leaves the choice: one version that is allowed is enough. An entry of the denied speaks about
    /// its version in either form, and "or later" about those above it too.
    fn covers(&self, license: &Self, denies: bool) -> bool {
        if self.any {
            return license.text.starts_with(&self.family);
        }
        if self.family != license.family {
            return false;
        }
        let (Some(own), Some(other)) = (&self.version, &license.version) else {
            return self.version == license.version;
        };
        own == other || (self.later && other > own) || (!denies && license.later && own > other)
    }
}

impl LicenseTest {
    /// Reads `{allow: [...], deny: [...], unknown: fail | ignore}`.
    pub(crate) fn read(node: &Node, sink: &mut Sink<'_>) -> Option<Self> {
        let before = sink.found.len();
        let map = Fields::read(node, "`license`", FIELDS, sink)?;
        let mut list = |name: &str| -> Vec<Entry> {
            let Some(value) = map.get(name) else { return Vec::new() };
            fields::texts(value, name, sink)
                .into_iter()
                .filter_map(|(text, at)| entry(text, at, sink))
                .collect()
        };
        let (allow, deny) = (list("allow"), list("deny"));
        let unknown = match map
            .get("unknown")
            .map(|value| (value, fields::text(value, "unknown", sink)))
        {
            None | Some((_, Some("fail") | None)) => true,
            Some((_, Some("ignore"))) => false,
            Some((value, Some(other))) => {
                sink.unknown(value.at, "value of `unknown`", other, ["fail", "ignore"].into_iter());
                true
            }
        };
        let says_all =
            map.get("allow").is_none() && map.get("deny").is_none() && map.get("unknown").is_none();
        if says_all {
            sink.error_hint(
                node.at,
                "`license` says nothing",
                "give `allow`, `deny` or `unknown`, for example `license: {deny: [AGPL-3.0-only]}`",
            );
        }
        (sink.found.len() == before).then_some(Self { allow, deny, unknown })
    }

    /// Whether the rule objects to an SPDX expression (SPDX 2.3, annex D). Of an OR one side that is allowed is enough, of an
    /// AND both must be; what is not an expression is unknown.
    pub(crate) fn objects(&self, expression: &str) -> bool {
        match self.standing(expression) {
            Standing::Denied => true,
            Standing::Unknown => self.unknown,
            Standing::Allowed => false,
        }
    }

    fn standing(&self, expression: &str) -> Standing {
        let Ok(parsed) = Expression::parse_mode(expression, LISTED) else {
            return Standing::Unknown;
        };
        let mut stack: Vec<Standing> = Vec::new();
        for node in parsed.iter() {
            let standing = match node {
                ExprNode::Req(needed) => self.of_one(&needed.req),
                ExprNode::Op(operator) => {
                    let (Some(one), Some(two)) = (stack.pop(), stack.pop()) else {
                        return Standing::Unknown;
                    };
                    match operator {
                        Operator::And => one.min(two),
                        Operator::Or => one.max(two),
                    }
                }
            };
            stack.push(standing);
        }
        stack.pop().unwrap_or(Standing::Unknown)
    }

    /// An entry with the licence's own exception goes before one without any; an exception gives more rights and takes none,
    /// so an entry without one speaks about the licence with one too.
    fn of_one(&self, needed: &LicenseReq) -> Standing {
        let license = Entry::of(needed);
        let listed = |list: &[Entry], exact: bool, denies: bool| {
            list.iter().any(|entry| {
                let exception = if exact {
                    entry.exception == license.exception
                } else {
                    entry.exception.is_none()
                };
                exception && entry.covers(&license, denies)
            })
        };
        for exact in [true, false] {
            if listed(&self.deny, exact, true) {
                return Standing::Denied;
            }
            if listed(&self.allow, exact, false) {
                return Standing::Allowed;
            }
        }
        let is_known =
            needed.license.id().is_some_and(|id| !matches!(id.name, "NOASSERTION" | "NONE"));
        match (is_known, self.allow.is_empty()) {
            (false, _) => Standing::Unknown,
            (true, true) => Standing::Allowed,
            (true, false) => Standing::Denied,
        }
    }

    /// The test in words.
    pub(crate) fn words(&self) -> String {
        let names = |list: &[Entry]| {
            list.iter().map(|entry| entry.text.as_str()).collect::<Vec<_>>().join(", ")
        };
        let mut parts = Vec::new();
        if !self.allow.is_empty() {
            parts.push(format!("none of {}", names(&self.allow)));
        }
        if !self.deny.is_empty() {
            parts.push(format!("one of {}", names(&self.deny)));
        }
        if self.unknown {
            parts.push("unknown".to_owned());
        }
        if parts.is_empty() {
            "licence is never objected to".to_owned()
        } else {
            format!("licence is {}", parts.join(" or "))
        }
    }
}

/// A licence of a list: an id, `+` and `WITH` included, a `LicenseRef-`, or the front of ids and a `*`.
fn entry(text: &str, at: Place, sink: &mut Sink<'_>) -> Option<Entry> {
    if let Some(front) = text.strip_suffix('*') {
        let known =
            spdx::identifiers::LICENSES.iter().any(|license| license.name.starts_with(front));
        if front.is_empty() || front.contains('*') || !(known || front.starts_with("LicenseRef-")) {
            sink.error_hint(
                at,
                format!("no licence of SPDX's list begins as `{}`", short(text)),
                "for example `GPL-*`",
            );
            return None;
        }
        return Some(Entry {
            text: text.to_owned(),
            family: front.to_owned(),
            version: None,
            later: false,
            exception: None,
            any: true,
        });
    }
    // Deprecated ids that the library takes for an id and an operator.
    if let Some(base) = text.strip_suffix('+')
        && let Some(id) = spdx::license_id(base).filter(|id| id.is_gnu())
    {
        return Some(Entry::named(id.name, true, None));
    }
    let parsed = Expression::parse_mode(text, LISTED).ok();
    let mut needed = parsed.iter().flat_map(Expression::requirements);
    match (needed.next(), needed.next()) {
        (Some(one), None) if text != "NOASSERTION" && text != "NONE" => Some(Entry::of(&one.req)),
        (Some(_), Some(_)) => {
            sink.error_hint(
                at,
                format!("`{}` is several licences", short(text)),
                "list each by itself: expressions are evaluated over the list",
            );
            None
        }
        _ => {
            let near = spdx::identifiers::LICENSES
                .iter()
                .find(|license| license.name.eq_ignore_ascii_case(text.trim()));
            let hint = near.map_or_else(
                || {
                    "an id such as MIT, with `+` or WITH and an exception, or a LicenseRef-"
                        .to_owned()
                },
                |license| format!("did you mean `{}`?", license.name),
            );
            sink.error_hint(at, format!("`{}` is not in SPDX's licence list", short(text)), hint);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(allow: &[&str], deny: &[&str], unknown: bool) -> LicenseTest {
        let list = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| {
                    let mut sink = Sink { file: "p.yaml", found: &mut Vec::new() };
                    entry(text, Place::default(), &mut sink).unwrap_or_else(|| panic!("{text}"))
                })
                .collect()
        };
        LicenseTest { allow: list(allow), deny: list(deny), unknown }
    }

    const POLICY: &str = "apiVersion: secgate.dev/v1\nkind: Policy\nmetadata: { name: test }\nstages:\n  source: { use: [licences] }\nrules:\n  licences: { match: { license: { allow: [MIT, Apache-2.0], unknown: fail } } }\n";
    const TESTS: &str = r#"apiVersion: secgate.dev/v1
kind: PolicyTest
policy: p.yaml
tests:
  - name: what is not allowed or not known stops the stage
    stage: source
    at: 2026-11-20T12:00:00Z
    findings:
      - { name: one, kind: licence, rule: "MIT AND GPL-3.0-only", package: "pkg:npm/a@1" }
      - { name: two, kind: licence, rule: NOASSERTION, package: "pkg:npm/b@1" }
    expect: { decision: fail, rules: { licences: fail } }
  - name: what is allowed passes
    stage: source
    at: 2026-11-20T12:00:00Z
    findings:
      - { name: one, kind: licence, rule: "GPL-3.0-only OR MIT", package: "pkg:npm/a@1" }
    expect: { decision: pass, rules: { licences: pass } }
"#;

    fn load(policy: &str) -> Result<crate::Policy, crate::Diagnostics> {
        let bytes = policy.as_bytes().to_vec();
        crate::load_policy(std::path::Path::new("p.yaml"), &move |_| Ok(bytes.clone()))
    }

    #[test]
    fn a_policy_that_names_licences_runs_their_scanner_and_judges_them() {
        let policy = load(POLICY).unwrap();
        assert_eq!(policy.scanners("source"), Some(vec![("licenses", true)]));
        let text = crate::explain(&policy, "source").unwrap();
        assert!(text.contains("licence is none of MIT, Apache-2.0 or unknown"), "{text}");
        let read = |path: &std::path::Path| {
            let is_policy = path.file_name().is_some_and(|name| name == "p.yaml");
            Ok(if is_policy { POLICY } else { TESTS }.as_bytes().to_vec())
        };
        let tests = crate::load_policy_tests(std::path::Path::new("t.yaml"), &read).unwrap();
        let report = crate::run_policy_tests(&[tests]);
        assert!(report.passed(), "{report:#?}");
    }

    #[test]
    fn faults_are_told() {
        let check = |license: &str, expected: &str| {
            let text = POLICY.replace("{ allow: [MIT, Apache-2.0], unknown: fail }", license);
            let found = load(&text).unwrap_err().to_string();
            assert!(found.contains(expected), "{found}");
        };
        check("{ allow: [MTI] }", "`MTI` is not in SPDX's licence list");
        check("{ allow: [mit] }", "did you mean `MIT`?");
        check("{ deny: [MIT OR ISC] }", "`MIT OR ISC` is several licences");
        check("{ deny: [\"Foo-*\"] }", "no licence of SPDX's list begins as `Foo-*`");
        check("{ deny: [\"*\"] }", "begins as");
        check("{ unknown: match }", "fail");
        check("{}", "`license` says nothing");
        check("{ allow: [] }", "`allow` is an empty list");
        check("{ alow: [MIT] }", "allow");
        check("{ deny: [NOASSERTION] }", "NOASSERTION");
        check("{ deny: [MIT] }, kind: code", "no finding can match");
    }

    #[test]
    fn a_list_of_the_allowed_allows_nothing_else() {
        let test =
            test(&["MIT", "Apache-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"], &[], true);
        let check = |text: &str, objects| assert_eq!(test.objects(text), objects, "{text}");
        check("MIT", false);
        check("ISC", true);
        check("MIT OR ISC", false);
        check("MIT AND ISC", true);
        check("(ISC OR MIT) AND Apache-2.0", false);
        check("ISC OR (MIT AND GPL-3.0-only)", true);
        check("Apache-2.0 WITH LLVM-exception", false);
        check("Apache-2.0+", false);
        check("Apache-1.1", true);
        check("GPL-2.0-only", true);
        check("GPL-2.0-only WITH Classpath-exception-2.0", false);
        check("GPL-2.0 WITH Classpath-exception-2.0", false);
        check("NOASSERTION", true);
        check("LicenseRef-Acme", true);
        check("LicenseRef-Acme OR MIT", false);
        check("not an expression", true);
        check("", true);
    }

    #[test]
    fn a_list_of_the_denied_denies_those_alone() {
        let test = test(&[], &["GPL-3.0-or-later", "AGPL-*", "SSPL-1.0", "LicenseRef-Acme"], false);
        let check = |text: &str, objects| assert_eq!(test.objects(text), objects, "{text}");
        check("MIT", false);
        check("GPL-2.0-only", false);
        check("GPL-2.0-or-later", false);
        check("GPL-3.0-only", true);
        check("GPL-3.0", true);
        check("GPL-3.0-only WITH GCC-exception-3.1", true);
        check("AGPL-1.0-only", true);
        check("AGPL-3.0-or-later OR MIT", false);
        check("AGPL-3.0-or-later AND MIT", true);
        check("LGPL-3.0-only", false);
        check("LicenseRef-Acme", true);
        check("LicenseRef-Acme-2", false);
        check("NOASSERTION", false);
        check("NOASSERTION OR SSPL-1.0", false);
        check("NOASSERTION AND SSPL-1.0", true);
    }

    #[test]
    fn or_later_leaves_a_choice() {
        let check = |allowed: &str, text: &str, objects| {
            assert_eq!(test(&[allowed], &[], true).objects(text), objects, "{allowed} {text}");
        };
        check("GPL-3.0-only", "GPL-2.0-or-later", false);
        check("GPL-2.0-only", "GPL-2.0-or-later", false);
        check("GPL-2.0-only", "GPL-3.0-only", true);
        check("GPL-2.0-or-later", "GPL-3.0-only", false);
        check("GPL-2.0+", "GPL-3.0-only", false);
        check("GPL-3.0-only", "GPL-2.0-only", true);
        check("LGPL-2.1-only", "GPL-2.1-only", true);
        check("GPL-*", "GPL-2.0-only OR MIT", false);
        check("GPL-*", "LGPL-2.1-only", true);
        check("MPL-2.0", "MPL-2.0-no-copyleft-exception", true);
    }

    #[test]
    fn the_most_exact_entry_decides() {
        let test = test(&["GPL-2.0-only WITH Classpath-exception-2.0", "MIT"], &["GPL-*"], true);
        assert!(!test.objects("GPL-2.0-only WITH Classpath-exception-2.0"));
        assert!(test.objects("GPL-2.0-only WITH GCC-exception-2.0"));
        assert!(test.objects("GPL-2.0-only"));
    }
}
