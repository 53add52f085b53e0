//! What describes secgate itself: completions, man pages, schemas. All of it comes from the same definitions that the
//! program runs on.

use clap::CommandFactory;

use crate::{
    args::{Cli, CompletionsArgs, ManArgs, SchemaArgs},
    exit::{Failure, Outcome, PASS},
    judge::{show, write_whole},
};

pub(crate) fn completions(args: &CompletionsArgs) -> Outcome {
    let mut bytes = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "secgate", &mut bytes);
    show(&bytes)?;
    Ok(PASS)
}

pub(crate) fn man(args: &ManArgs) -> Outcome {
    let mut root = Cli::command();
    root.build();
    let mut pages = Vec::new();
    collect(&root, "secgate", &mut pages);
    for (name, command) in pages {
        let mut bytes = Vec::new();
        clap_mangen::Man::new(command)
            .title(name.to_uppercase())
            .render(&mut bytes)
            .map_err(Failure::evidence)?;
        write_whole(&args.folder.join(format!("{name}.1")), &bytes)?;
    }
    Ok(PASS)
}

fn collect(command: &clap::Command, name: &str, pages: &mut Vec<(String, clap::Command)>) {
    pages.push((name.to_owned(), command.clone().name(name.to_owned())));
    for sub in
        command.get_subcommands().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set())
    {
        collect(sub, &format!("{name}-{}", sub.get_name()), pages);
    }
}

pub(crate) fn schema(args: &SchemaArgs) -> Outcome {
    let text = match args.name.as_str() {
        "policy" => secgate_policy::POLICY_SCHEMA,
        "waivers" => secgate_policy::WAIVERS_SCHEMA,
        "policy-test" => secgate_policy::POLICY_TEST_SCHEMA,
        "sbom-diff" => secgate_report::SBOM_DIFF_SCHEMA,
        _ => secgate_report::REPORT_SCHEMA,
    };
    show(text.as_bytes())?;
    Ok(PASS)
}
