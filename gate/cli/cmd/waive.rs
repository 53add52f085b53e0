use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use secgate_policy::{Approval, NewWaiver, load_waivers, render_waiver};

use crate::{
    args::WaiveArgs,
    config::Config,
    environment,
    exit::{Failure, Outcome, PASS},
    judge::write_whole,
    settings::{faults, read},
};

pub(crate) fn run(args: &WaiveArgs) -> Outcome {
    let now = args.at.unwrap_or_else(environment::now);
    let config = Config::find(args.config.as_deref(), None)?;
    let path = file(args, &config);
    let name = path.display().to_string();
    let existing = match read(&path, 16 << 20) {
        Ok(bytes) => String::from_utf8(bytes)
            .map_err(|_| Failure::usage(format!("{name}: not UTF-8 text")))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::usage(format!("{name}: {error}"))),
    };
    let blank =
        existing.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    let held = if blank {
        load_waivers(&[])
    } else {
        load_waivers(&[(name.clone(), existing.clone().into_bytes())])
    };
    let held = held.map_err(|found| faults(&found))?;
    let fingerprint = args.id.starts_with("sg1-");
    let vulnerability = !fingerprint && is_advisory(&args.id);
    if !fingerprint && !vulnerability && !args.id.starts_with("SG-") {
        return Err(Failure::usage(format!(
            "`{}` is no advisory, no rule and no fingerprint",
            args.id
        ))
        .hint(
            "give an id such as CVE-2023-30861, or the fingerprint that `secgate explain` shows",
        ));
    }
    let waiver = NewWaiver {
        id: held.next_id(now),
        vuln: vulnerability.then(|| args.id.clone()),
        rule: (!fingerprint && !vulnerability).then(|| args.id.clone()),
        fingerprint: fingerprint.then(|| args.id.clone()),
        package: args.package.clone(),
        path: args.path.clone(),
        subject: None,
        reason: args.reason.clone(),
        status: args.status.clone(),
        justification: args.justification.clone(),
        owner: args.owner.clone(),
        created: Some(now),
        approved_by: args.approved_by.iter().map(|text| approval(text, now)).collect(),
        expires: expiry(&args.expires, now)?,
    };
    let text = render_waiver(&name, &existing, &waiver).map_err(|found| faults(&found))?;
    write_whole(&path, text.as_bytes())?;
    anstream::eprintln!(
        "{}: {} waives {} until {}",
        name,
        waiver.id,
        args.id,
        waiver.expires.strftime("%Y-%m-%d %H:%M UTC")
    );
    if !config.waivers().iter().any(|listed| listed.canonicalize().ok() == path.canonicalize().ok())
    {
        anstream::eprintln!(
            "note: secgate.yaml does not list {name} under `waivers`, so it does not count yet"
        );
    }
    Ok(PASS)
}

fn file(args: &WaiveArgs, config: &Config) -> PathBuf {
    args.file.clone().or_else(|| config.waivers().into_iter().next()).unwrap_or_else(|| {
        config.folder().unwrap_or(std::path::Path::new(".")).join("secgate-waivers.yaml")
    })
}

/// `CVE-2023-1`, `GHSA-…`, `RUSTSEC-…`: a prefix of capitals, a hyphen, and a digit or letter after it. Rules of secgate
/// begin with `SG-`.
fn is_advisory(id: &str) -> bool {
    id.split_once('-').is_some_and(|(prefix, rest)| {
        prefix != "SG"
            && prefix.len() >= 2
            && prefix.bytes().all(|b| b.is_ascii_uppercase())
            && !rest.is_empty()
    })
}

fn approval(text: &str, now: Timestamp) -> Approval {
    let (who, via) = match text.split_once('=') {
        Some((who, via)) => (who, Some(via.to_owned())),
        None => (text, None),
    };
    Approval { who: who.to_owned(), at: now, via }
}

/// `2027-01-31` counts to the end of that day (UTC); `30d` that many days from now.
fn expiry(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let wrong = || {
        Failure::usage(format!(
            "--expires {text}: expected a date such as 2027-01-31, or days such as 30d"
        ))
    };
    let at = if let Some(days) = text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok()) {
        now.checked_add(SignedDuration::from_hours(24 * days.clamp(0, 36_500)))
            .map_err(|_| wrong())?
    } else {
        let day: Date = text.parse().map_err(|_| wrong())?;
        let next = day.tomorrow().map_err(|_| wrong())?;
        next.to_zoned(TimeZone::UTC).map_err(|_| wrong())?.timestamp()
    };
    if at > now.checked_add(SignedDuration::from_hours(24 * 366)).map_err(|_| wrong())? {
        return Err(Failure::usage(format!(
            "--expires {text}: a waiver counts for a year at most"
        )));
    }
    if at <= now {
        return Err(Failure::usage(format!(
            "--expires {text} is not in the future: such a waiver would never count"
        )));
    }
    Ok(at)
}
