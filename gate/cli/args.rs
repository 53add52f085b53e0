//! What can be typed. Meaning is given to it in `settings.rs` and in `cmd/`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use secgate_model::Severity;
use secgate_report::Format;

use crate::args_sbom::SbomArgs;

/// One inventory, one finding model, one policy, one verdict.
///
/// Exit codes: 0 the policy passes (or --no-gate), 1 it fails, 2 wrong usage or an unreadable configuration or policy,
/// 3 no judgement: evidence that the policy needs is missing, stale or broken.
#[derive(Debug, Parser)]
#[command(
    name = "secgate",
    version,
    max_term_width = 100,
    propagate_version = false,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run every scanner that the stages name, evaluate each stage's policy, print the verdict, write the reports
    Run(RunArgs),
    /// Judge the dependencies below PATH: lockfiles, manifests, SBOM files, installed packages
    Audit(AuditArgs),
    /// Judge a container image: packages of its operating system and of languages, its configuration
    Image(ImageArgs),
    /// Write the SBOM of a path or an image; compare or merge SBOMs
    Sbom(SbomArgs),
    /// Evaluate the policy alone over reports: secgate's own, SARIF, CycloneDX, JSON of well-known scanners
    Gate(GateArgs),
    /// Check, test and explain policy files
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Say why a finding is there, what it does to the verdict, and the smallest change that makes the stage pass
    Explain(ExplainArgs),
    /// Write a waiver with owner, reason and expiry into the waiver file
    Waive(WaiveArgs),
    /// The advisory database
    #[command(subcommand)]
    Db(DbCommand),
    /// Detect the stack and write a commented configuration and policy
    Init(InitArgs),
    /// Install the git pre-push hook
    #[command(subcommand)]
    Hook(HookCommand),
    /// Judge what is about to be pushed; what the git hook runs
    PushScan(PushScanArgs),
    /// Say what is set up and what is missing
    Doctor(DoctorArgs),
    /// The client that the sigstore conformance suite drives
    #[command(hide = true)]
    Conformance(ConformanceArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Write man pages into a folder
    Man(ManArgs),
    /// Print a JSON Schema
    Schema(SchemaArgs),
}

/// Options that every scanning verb has.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output and gate")]
pub(crate) struct Common {
    /// Format of standard output
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = format)]
    pub(crate) format: Format,
    /// Also write this format to a file; may be repeated
    #[arg(short, long = "output", value_name = "FORMAT=FILE", value_parser = output)]
    pub(crate) output: Vec<(Format, PathBuf)>,
    /// Policy file, or `builtin:default`, `builtin:strict`
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<String>,
    /// Waiver file; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) waivers: Vec<PathBuf>,
    /// VEX document (OpenVEX, CycloneDX, CSAF); may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) vex: Vec<PathBuf>,
    /// Report only: the verdict does not decide the exit code
    #[arg(long)]
    pub(crate) no_gate: bool,
    /// Fail on findings of this severity or above, whatever the policy's rules say
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    pub(crate) fail_on: Option<Severity>,
    /// Only what is new counts, compared with a git revision or an earlier JSON report
    #[arg(long, value_name = "REF-OR-FILE")]
    pub(crate) baseline: Option<String>,
    /// Evaluate as of this time (RFC 3339) instead of now
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<jiff::Timestamp>,
    /// Never use the network (secgate uses it only where a verb's purpose is the network)
    #[arg(long)]
    pub(crate) offline: bool,
    /// Advisory database file
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    /// Report yanked crates by this copy of the crates.io index; `cargo` is the one that Cargo keeps
    #[arg(long, value_name = "DIR")]
    pub(crate) crates_index: Option<String>,
    /// Configuration file; otherwise secgate.yaml is looked for upwards
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) talk: Talk,
}

/// How much is said.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output and gate")]
pub(crate) struct Talk {
    /// Say nothing on standard error but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Say more
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Colours on standard output
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: When,
    /// Progress on standard error
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) progress: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal
    Auto,
    Always,
    Never,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Stage to run; may be repeated. Without it, every stage of the configuration
    #[arg(long, value_name = "STAGE")]
    pub(crate) stage: Vec<String>,
    /// The image that image stages judge, as for `secgate image`; otherwise that of the configuration
    #[arg(long, value_name = "REF")]
    pub(crate) image: Option<String>,
    #[command(flatten)]
    pub(crate) source: ImageSource,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Folder, lockfile or SBOM
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct ImageArgs {
    /// REGISTRY/REPOSITORY:TAG, …@sha256:DIGEST, oci:DIR, oci-archive:FILE, docker-archive:FILE, docker-daemon:NAME, podman:NAME
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
    #[command(flatten)]
    pub(crate) source: ImageSource,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Where an image comes from and which one it is.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Image")]
pub(crate) struct ImageSource {
    /// Which image of an index: os/arch[/variant]; linux on this machine's architecture without it
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    /// Every image of an index
    #[arg(long, conflicts_with = "platform")]
    pub(crate) all_platforms: bool,
    /// Folder that remembers layers; may be shared by any number of runs. Who can write to it decides what they find
    #[arg(long, value_name = "DIR")]
    pub(crate) layer_cache: Option<PathBuf>,
    /// Remember no layers
    #[arg(long, conflicts_with = "layer_cache")]
    pub(crate) no_layer_cache: bool,
    #[command(flatten)]
    pub(crate) registry: RegistrySource,
}

/// How registries are spoken to. Logins come from docker's and podman's files and their credential helpers, from
/// `SECGATE_REGISTRY_USERNAME` and `SECGATE_REGISTRY_PASSWORD`, and for Amazon's registry from the AWS environment.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Registry")]
pub(crate) struct RegistrySource {
    /// File with certificates (PEM) that registries are trusted by, besides the usual ones; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) registry_ca: Vec<PathBuf>,
    /// Registry (HOST or HOST:PORT) that is spoken to without encryption; loopback addresses are so by themselves
    #[arg(long, value_name = "HOST")]
    pub(crate) insecure_registry: Vec<String>,
    /// Take images of HOST from MIRROR first (HOST, HOST:PORT, HOST/PREFIX); may be repeated
    #[arg(long, value_name = "HOST=MIRROR")]
    pub(crate) registry_mirror: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    /// The stage whose policy is evaluated
    #[arg(long, value_name = "STAGE")]
    pub(crate) stage: String,
    /// Reports, all of the same subject
    #[arg(required = true)]
    pub(crate) reports: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Check policy and waiver files: every fault with file, line, column and what to do
    Check(PolicyArgs),
    /// Run policy tests (`kind: PolicyTest`) and report rules that no test covers both ways
    Test(PolicyTestArgs),
    /// Say in words what a policy demands, and where each rule is written
    Explain(PolicyExplainArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// Policy files; without any, those of the configuration
    pub(crate) files: Vec<String>,
    /// Waiver file; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) waivers: Vec<PathBuf>,
    /// VEX document; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) vex: Vec<PathBuf>,
    /// Configuration file; otherwise secgate.yaml is looked for upwards
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyTestArgs {
    /// Test files, or folders that hold them; without any, the tests of the built-in policies
    pub(crate) files: Vec<PathBuf>,
    /// Do not fail for rules that no test covers both ways
    #[arg(long)]
    pub(crate) no_coverage: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyExplainArgs {
    /// Only this stage
    #[arg(long, value_name = "STAGE")]
    pub(crate) stage: Option<String>,
    /// Policy file; without one, that of the configuration
    pub(crate) file: Option<String>,
    /// Configuration file; otherwise secgate.yaml is looked for upwards
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// An advisory id or alias, a rule, a fingerprint or its beginning, or a package name
    pub(crate) id: String,
    /// Look into this report instead of scanning
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// The stage
    #[arg(long, value_name = "STAGE", default_value = "source")]
    pub(crate) stage: String,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct WaiveArgs {
    /// Advisory id or alias, rule, or fingerprint
    pub(crate) id: String,
    /// Why the finding is acceptable
    #[arg(long)]
    pub(crate) reason: String,
    /// Who answers for it, for example an address
    #[arg(long)]
    pub(crate) owner: String,
    /// Last day: a date, or a span such as 30d
    #[arg(long, value_name = "DATE|DAYS")]
    pub(crate) expires: String,
    /// Only in this package (purl without version, or with)
    #[arg(long, value_name = "PURL")]
    pub(crate) package: Option<String>,
    /// Only below this path (glob)
    #[arg(long, value_name = "GLOB")]
    pub(crate) path: Option<String>,
    /// VEX status
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Option<String>,
    /// VEX justification, with `--status not_affected`
    #[arg(long, value_name = "WORD")]
    pub(crate) justification: Option<String>,
    /// Who approved it, and where: `who` or `who=where`
    #[arg(long, value_name = "WHO[=WHERE]")]
    pub(crate) approved_by: Option<String>,
    /// The file to write to; otherwise that of the configuration
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Configuration file; otherwise secgate.yaml is looked for upwards
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The present, instead of now
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<jiff::Timestamp>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Fetch what changed from a mirror of the OSV export, KEV and EPSS
    Update(DbUpdateArgs),
    /// Show age, sources and counts
    Status(DbStatusArgs),
    /// Build a database from a folder, offline: an OSV export, or a RustSec checkout
    Build(DbBuildArgs),
    /// Put the database into a registry of your own
    Push(DbPushArgs),
    /// Take the database from a registry of your own
    Pull(DbPullArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DbPushArgs {
    /// REGISTRY/REPOSITORY:TAG
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
    /// Advisory database file
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    /// Configuration file; otherwise secgate.yaml is looked for upwards
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) source: RegistrySource,
    #[command(flatten)]
    pub(crate) talk: Talk,
}

#[derive(Debug, Args)]
pub(crate) struct DbPullArgs {
    /// REGISTRY/REPOSITORY:TAG, or …@sha256:DIGEST
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
    /// Policy file, or `builtin:default`, `builtin:strict`: how old the database may be, and whether it may be unsigned
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<String>,
    /// Take it although the database here has newer advisories
    #[arg(long)]
    pub(crate) replace_newer: bool,
    /// Advisory database file
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    /// Configuration file; otherwise secgate.yaml is looked for upwards
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) source: RegistrySource,
    #[command(flatten)]
    pub(crate) talk: Talk,
}

#[derive(Debug, Args)]
pub(crate) struct DbUpdateArgs {
    /// Base address (http, https, file) or folder with the layout of the public OSV export
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
    /// Only this ecosystem; may be repeated or separated by commas
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) ecosystem: Vec<String>,
    /// Address of CISA's catalogue (JSON)
    #[arg(long, value_name = "URL")]
    pub(crate) kev: Option<String>,
    /// Address of the EPSS scores (CSV, gzip)
    #[arg(long, value_name = "URL")]
    pub(crate) epss: Option<String>,
    /// Advisories of a release of Amazon Linux: address of its updateinfo.xml, mirror.list or repository; may be repeated
    #[arg(long, value_name = "RELEASE=URL")]
    pub(crate) amazon: Vec<String>,
    /// Fetch everything anew
    #[arg(long)]
    pub(crate) full: bool,
    /// Refuse: this verb is the network
    #[arg(long)]
    pub(crate) offline: bool,
    /// Advisory database file
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    /// Configuration file; otherwise secgate.yaml is looked for upwards
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) talk: Talk,
}

#[derive(Debug, Args)]
pub(crate) struct DbStatusArgs {
    /// Advisory database file
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    /// Check every byte against its checksum
    #[arg(long)]
    pub(crate) verify: bool,
    /// `table` or `json`
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = ["table", "json"])]
    pub(crate) format: String,
    /// Configuration file; otherwise secgate.yaml is looked for upwards
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) talk: Talk,
}

#[derive(Debug, Args)]
pub(crate) struct DbBuildArgs {
    /// The folder
    #[arg(long, value_name = "DIR")]
    pub(crate) from: PathBuf,
    /// Only this ecosystem; may be repeated or separated by commas
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) ecosystem: Vec<String>,
    /// Advisory database file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) talk: Talk,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The project's folder
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Replace files that are there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HookCommand {
    /// Write the pre-push hook into the repository
    Install(HookArgs),
    /// Remove the hook that `install` wrote
    Uninstall(HookArgs),
}

#[derive(Debug, Args)]
pub(crate) struct HookArgs {
    /// Replace a hook that secgate did not write
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PushScanArgs {
    /// What git gives the hook: the remote's name and address. Not used, accepted
    #[arg(hide = true)]
    pub(crate) git: Vec<String>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Configuration file; otherwise secgate.yaml is looked for upwards
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Advisory database file
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) talk: Talk,
}

#[derive(Debug, Args)]
pub(crate) struct ConformanceArgs {
    /// A command line of the suite's protocol
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    pub(crate) words: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder, made if it is not there
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Which one
    #[arg(value_parser = ["report", "policy", "policy-test", "waivers", "sbom-diff"])]
    pub(crate) name: String,
}

fn format(text: &str) -> Result<Format, String> {
    text.parse().map_err(|_| {
        "expected table, json, sarif, markdown, html, junit, gitlab or github".to_owned()
    })
}

fn output(text: &str) -> Result<(Format, PathBuf), String> {
    let (name, file) =
        text.split_once('=').ok_or("expected FORMAT=FILE, for example sarif=report.sarif")?;
    if file.is_empty() {
        return Err("expected FORMAT=FILE, and the file is empty".to_owned());
    }
    Ok((format(name)?, file.into()))
}

fn severity(text: &str) -> Result<Severity, String> {
    text.parse().map_err(|error: secgate_model::SeverityError| error.to_string())
}
