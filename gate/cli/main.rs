//! The `secgate` binary: what was typed, what it means, which crates do it. No logic of its own.

mod args;
mod args_sbom;
mod baseline;
mod cmd;
mod committed;
mod config;
mod config_faults;
mod environment;
mod exclude;
mod exit;
mod judge;
mod look;
mod open_image;
mod plan;
mod progress;
mod remote;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(args) => cmd::run::run(&args),
        Command::Audit(args) => cmd::audit::run(&args),
        Command::Image(args) => cmd::image::run(&args),
        Command::Sbom(args) => cmd::sbom::run(&args),
        Command::Gate(args) => cmd::gate::run(&args),
        Command::Policy(command) => cmd::policy::run(&command),
        Command::Explain(args) => cmd::explain::run(&args),
        Command::Waive(args) => cmd::waive::run(&args),
        Command::Db(command) => cmd::db::run(&command),
        Command::Init(args) => cmd::init::run(&args),
        Command::Hook(command) => cmd::hook::run(&command),
        Command::PushScan(args) => cmd::push_scan::run(&args),
        Command::Doctor(args) => cmd::doctor::run(&args),
        Command::Conformance(args) => cmd::conformance::run(&args),
        Command::Completions(args) => cmd::texts::completions(&args),
        Command::Man(args) => cmd::texts::man(&args),
        Command::Schema(args) => cmd::texts::schema(&args),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failure.tell(),
    }
}
