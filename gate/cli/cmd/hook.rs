use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    args::{HookArgs, HookCommand},
    exit::{Failure, Outcome, PASS},
    judge::write_whole,
    settings::read,
};

const MARK: &str = "# Written by `secgate hook install`.";

pub(crate) fn run(command: &HookCommand) -> Outcome {
    match command {
        HookCommand::Install(args) => install(args),
        HookCommand::Uninstall(args) => uninstall(args),
    }
}

fn install(args: &HookArgs) -> Outcome {
    let path = hook_path(Path::new("."))?;
    if is_foreign(&path) && !args.force {
        return Err(Failure::usage(format!("{} is another hook", path.display()))
            .hint("call `secgate push-scan \"$@\"` from it, or replace it with --force"));
    }
    let text = format!(
        "#!/bin/sh\n{MARK}\n# Judges what is about to be pushed. `git push --no-verify` goes past it.\nexec secgate push-scan \"$@\"\n"
    );
    write_whole(&path, text.as_bytes())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    }
    anstream::eprintln!("wrote {}", path.display());
    Ok(PASS)
}

fn uninstall(args: &HookArgs) -> Outcome {
    let path = hook_path(Path::new("."))?;
    if !path.exists() {
        anstream::eprintln!("there is no pre-push hook");
    } else if is_foreign(&path) && !args.force {
        return Err(Failure::usage(format!("{} is another hook", path.display()))
            .hint("--force removes it all the same"));
    } else {
        std::fs::remove_file(&path)?;
        anstream::eprintln!("removed {}", path.display());
    }
    Ok(PASS)
}

/// Whether the hook is there and somebody else's.
fn is_foreign(path: &Path) -> bool {
    path.exists() && !is_ours(path)
}

/// Whether secgate wrote the hook.
pub(crate) fn is_ours(path: &Path) -> bool {
    read(path, 1 << 20).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(MARK))
}

/// Where git looks for the hook (`core.hooksPath` respected).
pub(crate) fn hook_path(folder: &Path) -> Result<PathBuf, Failure> {
    let asked = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["rev-parse", "--git-path", "hooks/pre-push"])
        .output()
        .map_err(|error| Failure::evidence(format!("git cannot be run: {error}")))?;
    if !asked.status.success() {
        return Err(Failure::usage("this is no git repository"));
    }
    Ok(folder.join(String::from_utf8_lossy(&asked.stdout).trim()))
}
