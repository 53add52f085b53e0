//! GitLab's security reports. GitLab takes one file a type of scan, each with its own schema, so a run that found
//! several sorts of thing makes several reports: [`gitlab_reports`] gives them all. The format `gitlab` is one file: the
//! first of them, with a message that counts what only the others hold.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
};

use jiff::Timestamp;
use secgate_formats::gitlab::{
    Commit, CvssVector, Dependency, DependencyFile, Identifier, Link, Location, Message,
    MessageLevel, Package, Program, Report, Resource, Scan, ScanType, Severity, Status, VERSION,
    Vendor, Vulnerability,
};
use secgate_model::{Ended, Finding, Kind, Outcome, Purl, TargetKind};

use crate::{
    Options, RenderError, Run, text,
    view::{Item, View, component_text},
};

/// One report file for GitLab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitlabReport {
    /// The name that GitLab's documentation gives the file, for example `gl-dependency-scanning-report.json`.
    pub name: String,
    /// JSON, UTF-8.
    pub bytes: Vec<u8>,
}

/// A report for each type of scan that has findings, in a fixed order; one empty report when there are none.
pub fn gitlab_reports(run: &Run<'_>, options: &Options) -> Result<Vec<GitlabReport>, RenderError> {
    let view = View::new(run);
    types(&view)
        .into_keys()
        .map(|kind| {
            Ok(GitlabReport {
                name: format!("gl-{}-report.json", kind.slug()),
                bytes: write(&report(&view, options, kind, false))?,
            })
        })
        .collect()
}

pub(crate) fn render(view: &View<'_>, options: &Options) -> Result<Vec<u8>, RenderError> {
    let kind = types(view).into_keys().next().unwrap_or(ScanType::Sast);
    write(&report(view, options, kind, true))
}

fn write(report: &Report) -> Result<Vec<u8>, RenderError> {
    let mut out = serde_json::to_vec_pretty(report)?;
    out.push(b'\n');
    Ok(out)
}

fn scan_type(view: &View<'_>, finding: &Finding) -> ScanType {
    match finding.kind {
        Kind::Vulnerability if finding.locus.component.is_some() => match view.run.target.kind {
            TargetKind::Image => ScanType::ContainerScanning,
            TargetKind::Path | TargetKind::Url => ScanType::DependencyScanning,
        },
        Kind::Secret => ScanType::SecretDetection,
        Kind::Web => ScanType::Dast,
        Kind::Vulnerability | Kind::Code | Kind::Config | Kind::Licence | Kind::Signature => {
            ScanType::Sast
        }
    }
}

/// The types with findings and how many they have; never empty.
fn types(view: &View<'_>) -> BTreeMap<ScanType, usize> {
    let mut out = BTreeMap::new();
    for item in &view.items {
        *out.entry(scan_type(view, item.finding)).or_insert(0) += 1;
    }
    if out.is_empty() {
        let kind = match view.run.target.kind {
            TargetKind::Image => ScanType::ContainerScanning,
            TargetKind::Url => ScanType::Dast,
            TargetKind::Path if view.run.inventory.is_some() => ScanType::DependencyScanning,
            TargetKind::Path => ScanType::Sast,
        };
        out.insert(kind, 0);
    }
    out
}

fn report(view: &View<'_>, options: &Options, kind: ScanType, alone: bool) -> Report {
    let run = view.run;
    let program = |id: &str, name: &str| Program {
        id: id.to_owned(),
        name: name.to_owned(),
        version: if run.tool_version.is_empty() {
            "0".to_owned()
        } else {
            run.tool_version.to_owned()
        },
        vendor: Vendor { name: "secgate".to_owned() },
    };
    let remarks = view.remarks().into_iter().map(|remark| Message {
        level: MessageLevel::Warn,
        value: format!("{}: {}", text::line(&remark.rule), text::line(&remark.why)),
    });
    let mut messages: Vec<Message> =
        run.outcomes.iter().flat_map(outcome_messages).chain(remarks).collect();
    if alone {
        for (other, number) in types(view).into_iter().filter(|(other, _)| *other != kind) {
            messages.push(Message {
                level: MessageLevel::Warn,
                value: format!(
                    "{} of type {} not in this report, because GitLab takes one type a file: gl-{}-report.json holds them",
                    if number == 1 { "1 finding is".to_owned() } else { format!("{number} findings are") },
                    other.slug(),
                    other.slug()
                ),
            });
        }
    }
    let mut occurrences: HashMap<&str, usize> = HashMap::new();
    let failed = run.outcomes.iter().any(|outcome| outcome.ended == Ended::Failed);
    Report {
        version: VERSION,
        schema: format!(
            "https://gitlab.com/gitlab-org/security-products/security-report-schemas/-/raw/v{VERSION}/dist/{}-report-format.json",
            kind.slug()
        ),
        scan: Scan {
            analyzer: program("secgate", "secgate"),
            scanner: program("secgate", "secgate"),
            kind,
            start_time: seconds(run.started),
            end_time: seconds(run.finished),
            status: if failed { Status::Failure } else { Status::Success },
            messages,
            scanned_resources: (kind == ScanType::Dast).then(|| resources(view)),
        },
        vulnerabilities: view
            .items
            .iter()
            // GitLab has no word for a waiver; what is waived is not reported as open.
            .filter(|item| item.waived.is_none() && scan_type(view, item.finding) == kind)
            .map(|item| {
                let nth = occurrences.entry(&item.finding.fingerprint.0).or_default();
                *nth += 1;
                vulnerability(view, options, kind, item, *nth)
            })
            .collect(),
        dependency_files: (kind == ScanType::DependencyScanning)
            .then(|| dependency_files(view, options)),
    }
}

fn outcome_messages(outcome: &Outcome) -> Vec<Message> {
    let scanner = text::line(&outcome.scanner);
    let mut out = Vec::new();
    if outcome.ended == Ended::Failed {
        out.push(Message {
            level: MessageLevel::Fatal,
            value: format!("{scanner} failed: {}", text::line(&outcome.detail)),
        });
    }
    for problem in outcome.problems.iter().take(100) {
        out.push(Message {
            level: if problem.gap { MessageLevel::Warn } else { MessageLevel::Info },
            value: format!("{scanner}: {}", text::line(&problem.message)),
        });
    }
    out
}

fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

fn vulnerability(
    view: &View<'_>,
    options: &Options,
    kind: ScanType,
    item: &Item<'_>,
    nth: usize,
) -> Vulnerability {
    let finding = item.finding;
    Vulnerability {
        id: uuid(&finding.fingerprint.0, nth),
        name: text::clip(&text::line(&finding.title), 255),
        description: description(view, finding),
        severity: match finding.severity {
            Some(secgate_model::Severity::Critical) => Severity::Critical,
            Some(secgate_model::Severity::High) => Severity::High,
            Some(secgate_model::Severity::Medium) => Severity::Medium,
            Some(secgate_model::Severity::Low) => Severity::Low,
            Some(secgate_model::Severity::Info) => Severity::Info,
            None => Severity::Unknown,
        },
        solution: finding.remediation.as_ref().map(|remedy| text::clip(&text::lines(remedy), 7000)),
        identifiers: std::iter::once(&finding.rule)
            .chain(&finding.aliases)
            .map(|id| identifier(&text::line(id)))
            .chain(finding.cwe.iter().map(|number| Identifier {
                kind: "cwe".to_owned(),
                name: format!("CWE-{number}"),
                value: number.to_string(),
                url: Some(format!("https://cwe.mitre.org/data/definitions/{number}.html")),
            }))
            .collect(),
        cvss_vectors: finding
            .vulnerability
            .iter()
            .flat_map(|about| &about.cvss)
            .filter_map(|cvss| vector(&cvss.vector))
            .take(10)
            .collect(),
        links: finding
            .references
            .iter()
            .filter_map(|url| text::safe_url(url))
            .map(|url| Link { url: url.to_owned() })
            .collect(),
        location: location(view, options, kind, finding),
    }
}

fn description(view: &View<'_>, finding: &Finding) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(finding.description.as_deref().map(crate::markdown::escape_lines));
    parts.extend(
        finding
            .evidence
            .as_deref()
            .map(|seen| format!("Seen: {}", crate::markdown::escape_lines(seen))),
    );
    if finding.locus.url.is_some() {
        parts.push(format!("Address: {}", crate::markdown::escape(&view.place_text(finding))));
    }
    (!parts.is_empty()).then(|| text::clip(&parts.join("\n\n"), 100_000))
}

fn identifier(id: &str) -> Identifier {
    let known = [
        ("CVE-", "cve"),
        ("GHSA-", "ghsa"),
        ("PYSEC-", "pysec"),
        ("RUSTSEC-", "rustsec"),
        ("GO-", "go"),
        ("DSA-", "dsa"),
    ];
    let kind =
        known.iter().find(|(start, _)| id.starts_with(start)).map_or("secgate", |(_, kind)| kind);
    let name = if id.is_empty() { "unnamed".to_owned() } else { id.to_owned() };
    Identifier {
        kind: kind.to_owned(),
        name: name.clone(),
        value: name,
        url: text::advisory_url(id),
    }
}

/// The schema takes CVSS 2 without a prefix and CVSS 3; others would make the whole report invalid.
fn vector(text: &str) -> Option<CvssVector> {
    let body = text.strip_prefix("CVSS:3.0/").or_else(|| text.strip_prefix("CVSS:3.1/"));
    let metrics = body?;
    let plain = metrics.split('/').all(|metric| {
        matches!(metric.split_once(':'), Some((name, value))
            if matches!(name, "AV" | "AC" | "PR" | "UI" | "S" | "C" | "I" | "A")
                && value.len() == 1 && value.bytes().all(|byte| byte.is_ascii_uppercase()))
    });
    (plain && (32..=128).contains(&text.len()))
        .then(|| CvssVector { vendor: "unknown".to_owned(), vector: text.to_owned() })
}

/// An identity in the form of a UUID, version 8 (RFC 9562 §5.8): the same finding has the same one in every report.
fn uuid(fingerprint: &str, nth: usize) -> String {
    // Two findings of one identity still need two ids inside one report.
    let digest = text::sha256(format!("{fingerprint}\n{nth}").as_bytes());
    let mut out = String::with_capacity(36);
    for (at, byte) in digest.iter().take(16).enumerate() {
        let byte = match at {
            6 => (byte & 0x0f) | 0x80,
            8 => (byte & 0x3f) | 0x80,
            _ => *byte,
        };
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        let _ = write!(out, "{byte:02x}");
    }
    out
}

fn location(view: &View<'_>, options: &Options, kind: ScanType, finding: &Finding) -> Location {
    let place = view.place(finding);
    let file =
        place.map(|place| text::clean_path(options.base_path.as_deref(), &text::line(&place.path)));
    let dependency = finding.locus.component.as_ref().map(|purl| {
        dependency(purl, finding.vulnerability.as_ref().and_then(|about| about.direct))
    });
    let mut out = Location {
        start_line: place.and_then(|place| place.line),
        end_line: place.and_then(|place| place.end_line),
        ..Location::default()
    };
    match kind {
        ScanType::DependencyScanning => {
            out =
                Location {
                    file: Some(file.unwrap_or_else(|| {
                        text::clean_path(None, &text::line(&view.run.target.name))
                    })),
                    dependency,
                    ..Location::default()
                };
        }
        ScanType::ContainerScanning => {
            let component = finding.locus.component.as_ref();
            let system =
                component.and_then(|purl| purl.qualifier("distro").or_else(|| purl.namespace()));
            let name = text::line(&view.run.target.name);
            out = Location {
                dependency,
                operating_system: Some(
                    system
                        .map(text::line)
                        .filter(|text| !text.is_empty())
                        .unwrap_or_else(|| "unknown".to_owned()),
                ),
                image: Some(if name.contains(':') { name } else { format!("{name}:latest") }),
                ..Location::default()
            };
        }
        ScanType::Sast => out.file = file,
        ScanType::SecretDetection => {
            out.file = file;
            let sha = view
                .run
                .target
                .revision
                .as_deref()
                .filter(|revision| !revision.is_empty())
                .unwrap_or("0000000");
            out.commit = Some(Commit { sha: text::line(sha) });
        }
        ScanType::Dast => {
            let url = finding.locus.url.as_deref().unwrap_or_default();
            let start = url.find("://").map_or(0, |at| at + 3);
            let path =
                url.get(start..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| start + at);
            out.hostname = Some(text::line(url.get(..path).unwrap_or(url)));
            out.path = Some(text::line(url.get(path..).unwrap_or_default()));
            out.method = finding.locus.method.as_deref().map(text::line);
            out.param = finding.locus.parameter.as_deref().map(text::line);
        }
    }
    out
}

fn dependency(purl: &Purl, direct: Option<bool>) -> Dependency {
    let version = text::line(purl.version().unwrap_or_default());
    let whole = component_text(purl);
    let name = whole.strip_suffix(&version).map_or(whole.as_str(), str::trim_end).to_owned();
    Dependency { package: Package { name }, version, direct }
}

fn dependency_files(view: &View<'_>, options: &Options) -> Vec<DependencyFile> {
    let mut files: BTreeMap<(String, String), Vec<Dependency>> = BTreeMap::new();
    for package in view.run.inventory.iter().flat_map(|inventory| &inventory.packages) {
        for place in &package.locations {
            let path = text::clean_path(options.base_path.as_deref(), &text::line(&place.path));
            files
                .entry((path, package.purl.kind().to_owned()))
                .or_default()
                .push(dependency(&package.purl, package.direct));
        }
    }
    files
        .into_iter()
        .map(|((path, package_manager), dependencies)| DependencyFile {
            path,
            package_manager,
            dependencies,
        })
        .collect()
}

fn resources(view: &View<'_>) -> Vec<Resource> {
    let mut out: Vec<Resource> = view
        .items
        .iter()
        .filter_map(|item| {
            let url = text::line(item.finding.locus.url.as_deref()?);
            let method =
                item.finding.locus.method.as_deref().map_or_else(|| "GET".to_owned(), text::line);
            (!url.is_empty() && !method.is_empty()).then_some(Resource { method, url, kind: "url" })
        })
        .collect();
    out.sort_by(|a, b| (&a.url, &a.method).cmp(&(&b.url, &b.method)));
    out.dedup();
    out
}
