use secgate_model::{Kind, Severity};

use super::{
    facts::ImageFacts,
    rule::{Hit, ImageRule, Place, RuleAbout},
};

/// A program with raised rights that no distribution ships so.
#[derive(Debug)]
pub(crate) struct Setuid;

static ABOUT: RuleAbout = RuleAbout {
    id: "SG-IMG-SETUID",
    kind: Kind::Config,
    title: "A program of the image is set-user-ID or set-group-ID",
    help: "Whoever runs such a program has the rights of the file's owner, mostly root, for as long as it runs; one flaw in it \
           gives root away. The programs that distributions ship so are counted in one finding of their own, by their paths; \
           who owns the file is not known here.",
    remedy: "Remove the bit (`chmod a-s`) or the program.",
    severity: Severity::Medium,
    cwe: &[250, 269],
    references: &[],
};

/// Folders in which distributions put programs.
const FOLDERS: [&str; 5] = ["usr/bin", "usr/sbin", "bin", "sbin", "usr/local/sbin"];

/// Programs that distributions ship set-user-ID or set-group-ID: shadow, util-linux, pam, fuse, cron, iputils, policykit, bsdutils,
/// liblockfile, man-db, busybox, nfs, postfix.
const PROGRAMS: [&str; 45] = [
    "passwd",
    "su",
    "mount",
    "umount",
    "chsh",
    "chfn",
    "newgrp",
    "sg",
    "gpasswd",
    "chage",
    "expiry",
    "ssh-agent",
    "wall",
    "write",
    "write.ul",
    "bsd-write",
    "crontab",
    "at",
    "fusermount",
    "fusermount3",
    "pkexec",
    "newuidmap",
    "newgidmap",
    "dotlockfile",
    "mlock",
    "ping",
    "ping6",
    "traceroute6",
    "unix_chkpwd",
    "unix2_chkpwd",
    "pam_extrausers_chkpwd",
    "pam_timestamp_check",
    "mount.nfs",
    "mount.cifs",
    "umount.nfs",
    "grub2-set-bootflag",
    "usernetctl",
    "userhelper",
    "bbsuid",
    "man",
    "mandb",
    "locate",
    "plocate",
    "postdrop",
    "postqueue",
];

/// Programs at the end of other paths.
const ELSEWHERE: [&str; 7] = [
    "/openssh/ssh-keysign",
    "/ssh-keysign",
    "/dbus-daemon-launch-helper",
    "/polkit-agent-helper-1",
    "/utempter/utempter",
    "/dmcrypt-get-device",
    "/camel-lock-helper-1.2",
];

/// Programs that are made to give root away, so that they are told apart: `sudo` is there on purpose.
const GIVERS: [&str; 3] = ["sudo", "doas", "sudoedit"];

/// Whether a mode raises the rights of who runs the file: set-user-ID, or set-group-ID (without the group's `x` that bit
/// means locking), and somebody may run it.
pub(crate) fn is_raised(mode: u32) -> bool {
    mode & 0o4000 != 0 && mode & 0o111 != 0 || mode & 0o2010 == 0o2010
}

/// Whether distributions ship a file at this path with raised rights.
pub(crate) fn is_usual(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    FOLDERS.contains(&folder) && PROGRAMS.contains(&name)
        || ["usr/lib/", "usr/libexec/", "usr/lib64/", "lib/", "lib64/", "libexec/"]
            .iter()
            .any(|start| path.starts_with(start))
            && ELSEWHERE.iter().any(|end| path.ends_with(end))
}

impl ImageRule for Setuid {
    fn about(&self) -> &'static RuleAbout {
        &ABOUT
    }

    fn check(&self, facts: &ImageFacts<'_>) -> Vec<Hit> {
        facts
            .image
            .modes
            .iter()
            .filter(|file| is_raised(file.mode) && !is_usual(&file.path) && file.mode & 0o002 == 0)
            .map(|file| {
                let bits = match file.mode & 0o6000 {
                    0o6000 => "set-user-ID and set-group-ID",
                    0o4000 => "set-user-ID",
                    _ => "set-group-ID",
                };
                let place = Place::File(file.path.clone(), None, facts.layer(file.layer));
                let hit = Hit::new(format!("{} is {bits}", file.path), place)
                    .seen(format!("mode {:04o}", file.mode))
                    .of(&*file.path);
                let (folder, name) = file.path.rsplit_once('/').unwrap_or_default();
                let is_giver = FOLDERS.contains(&folder) && GIVERS.contains(&name);
                if is_giver { hit.severity(Severity::Low) } else { hit }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::trial::{hits, whats, with_modes};

    #[test]
    fn unusual_programs() {
        let check = |path: &str, mode: u32, expected: usize| {
            assert_eq!(
                whats(&Setuid, &with_modes(&[(path, mode)])).len(),
                expected,
                "{path} {mode:o}"
            );
        };
        check("app/tool", 0o4755, 1);
        check("app/tool", 0o2755, 1);
        check("app/tool", 0o6711, 1);
        check("usr/bin/python3.11", 0o4755, 1);
        check("app/passwd", 0o4755, 1);
        check("opt/x/ssh-keysign", 0o4755, 1);
        check("usr/bin/sudo", 0o4755, 1);
        for (path, mode) in [
            ("usr/bin/passwd", 0o4755),
            ("bin/su", 0o4755),
            ("sbin/unix_chkpwd", 0o2755),
            ("usr/bin/chage", 0o2755),
            ("usr/lib/openssh/ssh-keysign", 0o4755),
            ("usr/libexec/dbus-1/dbus-daemon-launch-helper", 0o4750),
            ("bin/bbsuid", 0o4111),
            ("app/data", 0o2644),
            ("app/data", 0o4644),
            ("app/tool", 0o755),
            ("app/tool", 0o4777),
        ] {
            check(path, mode, 0);
        }
        assert_eq!(
            hits(&Setuid, &with_modes(&[("usr/bin/sudo", 0o4755)]))[0].severity,
            Some(Severity::Low)
        );
        assert_eq!(hits(&Setuid, &with_modes(&[("home/sudo", 0o4755)]))[0].severity, None);
    }
}
