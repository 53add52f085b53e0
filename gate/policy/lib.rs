//! Findings, evidence, waivers, baseline and stage to a verdict and its pass plan.
//!
//! [`load_policy`] and [`load_waivers`] read files into types that cannot be wrong, with every fault at its line;
//! [`evaluate`] is a pure function over them. The laws that it keeps are tests in `laws.rs`.

mod baseline;
mod builtin;
mod condition;
mod diagnostic;
mod digest;
mod evaluate;
mod evidence;
mod explain;
mod expression;
mod expression_check;
mod fields;
mod license;
mod link;
mod load;
mod notices;
mod package_pattern;
mod plan;
mod policy;
mod policy_test;
mod read_match;
mod read_policy;
mod read_policy_test;
mod restrict;
mod turns;
mod unjudged;
mod values;
mod vex;
mod waiver;
mod waiver_file;
mod yaml;

#[cfg(test)]
mod broken;
#[cfg(test)]
mod freshness_laws;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod shipped;
#[cfg(test)]
mod waiver_laws;

/// The JSON Schema (draft 2020-12) of policy files, for editors.
pub const POLICY_SCHEMA: &str = include_str!("../../policies/schema/policy.schema.json");
/// The JSON Schema of waiver files.
pub const WAIVERS_SCHEMA: &str = include_str!("../../policies/schema/waivers.schema.json");
/// The JSON Schema of policy test files.
pub const POLICY_TEST_SCHEMA: &str = include_str!("../../policies/schema/policy-test.schema.json");

pub use baseline::{Baseline, BaselineError};
pub use builtin::{builtin_policy, builtin_tests};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use evaluate::{Inputs, evaluate, is_waived};
pub use evidence::{CLOCK_SKEW, judge_data};
pub use explain::{FindingExplanation, RuleExplanation, check, explain, explain_finding};
pub use load::{ReadFile, load_policy, tidy_path};
pub use plan::after_plan;
pub use policy::{Origin, Policy};
pub use policy_test::{PolicyTests, TestReport, TestResult, Uncovered, run_policy_tests};
pub use read_policy_test::load_policy_tests;
pub use waiver::{Approval, Waiver, Waivers};
pub use waiver_file::{NewWaiver, load_waivers, render_waiver};
