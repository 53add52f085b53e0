//! Rules over an image: how it is run, how it was built, and the files whose modes or contents tell.
//!
//! To add a rule: one file below `image/` with a unit struct that implements [`ImageRule`], and one line in [`IMAGE_RULES`].

mod engine_socket;
mod facts;
mod floating_tag;
mod healthcheck;
mod history;
mod piped_shell;
mod remote_add;
mod remote_port;
mod root_user;
mod rule;
mod scan;
mod secret_command;
mod secret_environment;
mod secret_file;
mod secret_history;
mod secret_hit;
mod setuid;
mod setuid_usual;
mod setuid_writable;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trial;
mod world_writable;

pub use facts::ImageFacts;
pub use history::{Step, read_step};
pub use rule::{Hit, ImageRule, Place, RuleAbout};
pub use scan::{ImageRules, MAX_HITS, scan_image};

/// Every rule, by id.
pub const IMAGE_RULES: &[&dyn ImageRule] = &[
    &remote_add::RemoteAdd,
    &piped_shell::PipedShell,
    &engine_socket::EngineSocket,
    &floating_tag::FloatingTag,
    &healthcheck::NoHealthcheck,
    &remote_port::RemotePort,
    &root_user::RootUser,
    &secret_command::SecretCommand,
    &secret_environment::SecretEnvironment,
    &secret_file::SecretFile,
    &secret_history::SecretHistory,
    &setuid::Setuid,
    &setuid_usual::SetuidUsual,
    &setuid_writable::SetuidWritable,
    &world_writable::WorldWritable,
];
