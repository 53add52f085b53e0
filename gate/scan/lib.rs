//! How a scanner plugs in, how scanners are run, and the readers of reports that other tools wrote.

mod fingerprint;
pub mod import;
mod merge;
mod run;
mod scanner;

pub use fingerprint::{fingerprint, subject_key, vulnerability_fingerprint};
pub use merge::merge_findings;
pub use run::{Ran, run_scanners};
pub use scanner::{About, Job, Need, Scan, ScanError, Scanner};
