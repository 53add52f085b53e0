use std::{
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use jiff::Timestamp;
use secgate_model::Verdict;
use secgate_policy::tidy_path;
use secgate_source::repository_top;

use crate::{
    args::{Common, PushScanArgs},
    baseline::is_complete,
    committed::{Committed, Ruling},
    environment,
    exit::{Failure, Outcome, PASS},
    judge::{Case, baseline_of, conclude, judge_stage, policy_for},
    look::{Looked, look_at_revision},
    settings::Settings,
};

use super::audit::STAGE;

/// One ref that is about to be pushed: the commit, and what the remote holds of it so far.
#[derive(Debug, PartialEq, Eq)]
struct Push {
    commit: String,
    remote: Option<String>,
}

pub(crate) fn run(args: &PushScanArgs) -> Outcome {
    let common = &args.common;
    if common.baseline.is_some() {
        return Err(Failure::usage(
            "push-scan takes no --baseline: what the remote has is its baseline",
        )
        .hint("`secgate audit . --baseline REF` compares with another commit"));
    }
    let started = common.at.unwrap_or_else(environment::now);
    let top = repository_top(Path::new("."))
        .ok_or_else(|| Failure::usage("this is no git repository"))?;
    let pushes = pushes(&top, &args.git)?;
    let mut judged: Vec<Judged> = Vec::with_capacity(pushes.len());
    for push in &pushes {
        judged.push(judge(push, &top, common, started)?);
    }
    // One report and one exit code, of the worst: git pushes all refs or none.
    judged.sort_by_key(|judged| std::cmp::Reverse(judged.verdict.decision));
    if judged.len() > 1 && !common.talk.quiet {
        anstream::eprintln!(
            "note: {} refs are pushed; this is about the worst of them",
            judged.len()
        );
    }
    let Some(Judged { looked, verdict, settings }) = judged.into_iter().next() else {
        return Ok(PASS);
    };
    conclude(&Case::of(&looked, started), &[verdict], common, &common.output, &settings)
}

/// A commit that was judged, and by what.
struct Judged {
    looked: Looked,
    verdict: Verdict,
    settings: Settings,
}

fn judge(push: &Push, top: &Path, common: &Common, started: Timestamp) -> Result<Judged, Failure> {
    let note = |text: String| {
        if !common.talk.quiet {
            anstream::eprintln!("note: {text}");
        }
    };
    let pushed = Committed::open(top, &push.commit)?;
    let remote = push.remote.as_deref().map(|commit| Committed::open(top, commit)).transpose()?;
    let settings = match pushed.settings(remote.as_ref(), common)? {
        Ruling::Own(settings) => settings,
        Ruling::Remote(settings) => {
            note(format!(
                "the push takes {} away; it is judged by the one that the remote has",
                settings.config.shown()
            ));
            settings
        }
    };
    let scanners = ["audit"];
    let policy = policy_for(&settings, common, STAGE)?.only_scanners(STAGE, &scanners);
    let database = settings.database(common)?;
    let folder = folder(&settings, top)?;
    let look = |commit: &str| {
        look_at_revision(top, commit, &folder, None, &settings, &database, &scanners)
    };
    let looked = look(&push.commit)?;
    // What the remote holds already is not this push's to repair.
    let before = push.remote.as_deref().map(look).transpose()?;
    let baseline = match before {
        Some(before) if is_complete(&before) => Some(baseline_of(&before.ran.findings)),
        // To refuse would keep out the very push that repairs it.
        Some(_) => {
            note(
                "what the remote has could not be looked at as a whole, so it excuses nothing"
                    .to_owned(),
            );
            None
        }
        None => None,
    };
    let case = Case::of(&looked, started);
    let verdict = judge_stage(&case, &settings, &policy, STAGE, baseline.as_ref(), &database);
    Ok(Judged { looked, verdict, settings })
}

/// The part of the repository that the configuration has judged; without one, all of it.
fn folder(settings: &Settings, top: &Path) -> Result<String, Failure> {
    if !settings.config.is_there() {
        return Ok(String::new());
    }
    // By its text alone: the commit need not be what is checked out.
    let target = tidy_path(&Path::new(".").canonicalize()?.join(settings.config.target()));
    let below = target.strip_prefix(top).ok().and_then(Path::to_str).ok_or_else(|| {
        Failure::usage(format!(
            "{} judges {}, which is not in this repository",
            settings.config.shown(),
            target.display()
        ))
    })?;
    Ok(below.to_owned())
}

/// What is pushed: from git's hook input, from the `pre-commit` program's variables, or the branch against its upstream.
fn pushes(top: &Path, hook: &[String]) -> Result<Vec<Push>, Failure> {
    // Git calls the hook with the remote's name and address, and then writes what is pushed. Called by anybody else,
    // standard input may stay open for ever.
    if let Some(remote) = hook.first() {
        let mut text = String::new();
        if !std::io::stdin().is_terminal() {
            std::io::stdin().lock().take(1 << 20).read_to_string(&mut text)?;
        }
        return parse(&text, &|commit, name| {
            if is_known(top, name) {
                Some(name.to_owned())
            } else {
                shared_with(top, commit, remote)
            }
        });
    }
    if let Some(commit) = environment::variable("PRE_COMMIT_TO_REF") {
        let remote = environment::variable("PRE_COMMIT_FROM_REF")
            .filter(|remote| !is_zero(remote) && is_known(top, remote));
        return Ok(vec![Push { commit, remote }]);
    }
    let resolve = |name: &str| -> Option<String> {
        let out = git(top, &["rev-parse", "--verify", "--quiet", name])?;
        Some(out.trim().to_owned()).filter(|text| !text.is_empty())
    };
    let commit = resolve("HEAD^{commit}")
        .ok_or_else(|| Failure::usage("there is no commit to judge yet"))?;
    Ok(vec![Push { commit, remote: resolve("@{upstream}^{commit}") }])
}

/// githooks(5), pre-push: `local-ref local-name remote-ref remote-name` a line; a deletion has an all-zero local name.
fn parse(text: &str, base: &dyn Fn(&str, &str) -> Option<String>) -> Result<Vec<Push>, Failure> {
    let mut pushes = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[_, commit, _, remote] = words.as_slice() else {
            return Err(Failure::usage(format!("`{line}` is not what git gives a pre-push hook")));
        };
        if is_zero(commit) {
            continue;
        }
        let remote = base(commit, remote);
        let push = Push { commit: commit.to_owned(), remote };
        if !pushes.contains(&push) {
            pushes.push(push);
        }
    }
    Ok(pushes)
}

fn is_zero(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte == b'0')
}

/// The newest commit that `commit` shares with what was last fetched from `remote`: the base of a branch or tag that the
/// remote does not have yet.
fn shared_with(top: &Path, commit: &str, remote: &str) -> Option<String> {
    if remote.starts_with('-') || !commit.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let refs = format!("refs/remotes/{remote}");
    let tips = git(top, &["for-each-ref", "--format=%(objectname)", &refs])?;
    let tips: Vec<&str> = tips.lines().take(200).collect();
    if tips.is_empty() {
        return None;
    }
    let mut command = vec!["merge-base", commit];
    command.extend(tips);
    let base = git(top, &command)?.trim().to_owned();
    is_known(top, &base).then_some(base)
}

/// Whether the commit is in this repository; the remote's newest may not have been fetched.
fn is_known(top: &Path, commit: &str) -> bool {
    !is_zero(commit)
        && commit.bytes().all(|b| b.is_ascii_hexdigit())
        && git(top, &["cat-file", "-e", &format!("{commit}^{{commit}}")]).is_some()
}

fn git(top: &Path, args: &[&str]) -> Option<String> {
    let out = Command::new("git")
        .arg("-C")
        .arg(PathBuf::from(top))
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_of_the_hook() {
        let (a, b, zero) = ("a".repeat(40), "b".repeat(40), "0".repeat(40));
        let text = format!(
            "refs/heads/x {a} refs/heads/x {b}\nrefs/heads/y {a} refs/heads/y {zero}\n(delete) {zero} refs/heads/z {b}\n"
        );
        let pushes = parse(&text, &|_, name| (!is_zero(name)).then(|| name.to_owned())).unwrap();
        assert_eq!(
            pushes,
            [Push { commit: a.clone(), remote: Some(b) }, Push { commit: a.clone(), remote: None }]
        );
        assert_eq!(parse(&text, &|_, _| None).unwrap(), [Push { commit: a, remote: None }]);
        assert!(parse("nonsense\n", &|_, _| None).is_err());
    }
}
