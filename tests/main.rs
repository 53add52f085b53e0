//! The program from outside: its verbs, exit codes, files and messages, run as a user runs them. No network but a server
//! of our own on the loopback address, no clock but the machine's where the program itself reads it, no waiting for luck.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that meets what it does not expect must fail loudly; it reads its own files, the clock and PATH"
)]

mod architecture;
mod cli {
    mod baseline;
    mod broken_input;
    mod configuration;
    mod database_file;
    mod database_kill;
    mod database_update;
    mod exclude;
    mod exit_codes;
    mod explain;
    mod faults;
    mod foreign_sbom;
    mod freshness;
    mod hook;
    mod image;
    mod image_files;
    mod init;
    mod licenses;
    mod policy;
    mod pushed;
    mod sbom;
    mod sbom_diff;
    mod texts;
    mod waive;
    mod yanked;
}
mod stages {
    mod applications;
    mod gate;
    mod hostile_target;
    mod image;
    mod source;
}
mod reports {
    mod files;
    mod output;
    mod shape;
}

mod harness;
mod image;
mod mirror;
mod server;
