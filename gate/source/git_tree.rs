use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError},
};

use crate::{Entry, Limits, Link, ReadError, Skipped, Tree, tree::Bodies};

/// Bytes of a symbolic link's target that are read: the longest path that Linux takes.
const MAX_TARGET: usize = 4096;

/// Why a revision cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The program is not there or cannot be started.
    #[error("git cannot be run: {0}")]
    Run(io::Error),
    /// Git refused.
    #[error("git cannot read `{revision}`: {message}")]
    Refused {
        /// The revision asked for.
        revision: String,
        /// Git's first line.
        message: String,
    },
}

/// Opens the tree of a commit through the `git` program: what is committed, whatever the work tree holds. Only paths
/// below `folder` (relative to the top of the repository, empty for all) belong to it, named relative to it. What is
/// committed counts wherever it lies, in build and cache folders too.
///
/// # Errors
/// When git is not there or does not know the revision.
pub fn open_revision(
    repository: &Path,
    revision: &str,
    folder: &str,
    limits: Limits,
) -> Result<Tree, GitError> {
    let refused = |message: &str| GitError::Refused {
        revision: revision.chars().take(100).collect(),
        message: message.lines().next().unwrap_or("no reason given").chars().take(200).collect(),
    };
    if revision.starts_with('-') || revision.contains(['\0', '\n', ':']) {
        return Err(refused("not a revision"));
    }
    let listing = git(repository)
        .args(["ls-tree", "-r", "-z", "--full-tree", "-l", &format!("{revision}^{{tree}}")])
        .output()
        .map_err(GitError::Run)?;
    if !listing.status.success() {
        return Err(refused(&String::from_utf8_lossy(&listing.stderr)));
    }
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let (mut blobs, mut links, mut skipped) = (BTreeMap::new(), Vec::new(), Vec::new());
    for row in listing.stdout.split(|byte| *byte == 0).filter(|row| !row.is_empty()) {
        let Ok(row) = std::str::from_utf8(row) else {
            skipped.push(Skipped {
                path: String::from_utf8_lossy(row).into_owned(),
                reason: "its name is not UTF-8".into(),
            });
            continue;
        };
        // `mode type object size<TAB>path`
        let Some((meta, path)) = row.split_once('\t') else { continue };
        let Some(path) = path.strip_prefix(&prefix) else { continue };
        let mut words = meta.split_whitespace();
        let (mode, _, object) = (words.next(), words.next(), words.next());
        match (mode, object) {
            (Some(mode @ ("100644" | "100755" | "100664" | "120000")), Some(object)) => {
                if blobs.len() + links.len() >= limits.entries {
                    skipped.push(Skipped {
                        path: path.to_owned(),
                        reason: format!("more than {} entries", limits.entries),
                    });
                    break;
                }
                if mode == "120000" {
                    links.push((path.to_owned(), object.to_owned()));
                } else {
                    blobs.insert(path.to_owned(), object.to_owned());
                }
            }
            (Some("160000"), _) => {
                skipped.push(Skipped {
                    path: path.to_owned(),
                    reason: "a submodule: scan it in its own repository".into(),
                });
            }
            _ => {}
        }
    }
    let entries = blobs.keys().map(|path| Entry { path: path.clone() }).collect();
    skipped.sort();
    let mut reader = BlobReader::start(repository).map_err(GitError::Run)?;
    let mut links: Vec<Link> = links
        .into_iter()
        .map(|(path, object)| {
            let target = reader.read_start(&object, MAX_TARGET).ok();
            let target = target.and_then(|target| String::from_utf8(target).ok());
            Link { path, target: target.unwrap_or_default() }
        })
        .collect();
    links.sort();
    let bodies = Bodies::Git { blobs, reader: Mutex::new(reader) };
    Ok(Tree { bodies, entries, links, skipped, limits })
}

fn git(repository: &Path) -> Command {
    let mut command = Command::new("git");
    // Neither a pager, nor a prompt, nor a lock on the index of whoever is working there.
    command
        .arg("-C")
        .arg(repository)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        // A partial clone would ask its server for what it lacks.
        .env("GIT_NO_LAZY_FETCH", "1");
    command.stdin(Stdio::null());
    command
}

/// One `git cat-file --batch` that answers for every blob.
#[derive(Debug)]
pub(crate) struct BlobReader {
    child: Child,
    ask: Option<ChildStdin>,
    answer: BufReader<ChildStdout>,
}

impl BlobReader {
    fn start(repository: &Path) -> io::Result<Self> {
        let mut child = git(repository)
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let no_pipe = || io::Error::other("no pipe to git");
        let ask = Some(child.stdin.take().ok_or_else(no_pipe)?);
        let answer = BufReader::new(child.stdout.take().ok_or_else(no_pipe)?);
        Ok(Self { child, ask, answer })
    }

    /// Asks for an object and returns its size; its bytes and a line end follow.
    fn ask(&mut self, object: &str) -> Result<u64, ReadError> {
        let ask = self.ask.as_mut().ok_or_else(|| io::Error::other("git has ended"))?;
        writeln!(ask, "{object}")?;
        ask.flush()?;
        let mut head = String::new();
        (&mut self.answer).take(200).read_line(&mut head)?;
        // `object type size`, or `object missing`.
        head.trim_end()
            .rsplit(' ')
            .next()
            .and_then(|size| size.parse().ok())
            .ok_or_else(|| io::Error::other("git does not have the object").into())
    }

    /// The first bytes. Git sends the rest too, which is thrown away.
    fn read_start(&mut self, object: &str, count: usize) -> Result<Vec<u8>, ReadError> {
        let size = self.ask(object)?;
        let wanted = size.min(count as u64);
        let mut bytes = Vec::new();
        (&mut self.answer).take(wanted).read_to_end(&mut bytes)?;
        let rest = size - wanted + 1;
        let thrown = io::copy(&mut (&mut self.answer).take(rest), &mut io::sink())?;
        if bytes.len() as u64 == wanted && thrown == rest { Ok(bytes) } else { Err(cut_off()) }
    }

    fn read(&mut self, object: &str, limit: u64) -> Result<Vec<u8>, ReadError> {
        let size = self.ask(object)?;
        if size > limit {
            io::copy(&mut (&mut self.answer).take(size + 1), &mut io::sink())?;
            return Err(ReadError::TooLarge { limit });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        (&mut self.answer).take(size).read_to_end(&mut bytes)?;
        let mut newline = [0; 1];
        self.answer.read_exact(&mut newline)?;
        if bytes.len() as u64 == size { Ok(bytes) } else { Err(cut_off()) }
    }
}

fn cut_off() -> ReadError {
    io::Error::other("git ended in the middle of an object").into()
}

impl Drop for BlobReader {
    fn drop(&mut self) {
        // Closing the pipe ends the program; waiting keeps it from becoming a zombie.
        self.ask = None;
        let _ = self.child.wait();
    }
}

/// A blob's bytes.
pub(crate) fn read_blob(
    reader: &Mutex<BlobReader>,
    object: &str,
    limit: u64,
) -> Result<Vec<u8>, ReadError> {
    reader.lock().unwrap_or_else(PoisonError::into_inner).read(object, limit)
}

/// A blob's first bytes.
pub(crate) fn read_blob_start(
    reader: &Mutex<BlobReader>,
    object: &str,
    count: usize,
) -> Result<Vec<u8>, ReadError> {
    reader.lock().unwrap_or_else(PoisonError::into_inner).read_start(object, count)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn run(folder: &Path, args: &[&str]) {
        let status = git(folder)
            .args([
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@example.org",
                "-c",
                "init.defaultBranch=main",
            ])
            .args(args)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{args:?}");
    }

    #[test]
    fn a_commit_is_read_whatever_the_work_tree_holds() {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), &["init", "-q"]);
        fs::create_dir(dir.path().join("app")).unwrap();
        fs::write(dir.path().join("app/requirements.txt"), "flask==1\n").unwrap();
        fs::write(dir.path().join("top.txt"), "").unwrap();
        std::os::unix::fs::symlink("../top.txt", dir.path().join("app/link")).unwrap();
        run(dir.path(), &["add", "."]);
        run(dir.path(), &["commit", "-q", "-m", "one"]);
        fs::write(dir.path().join("app/requirements.txt"), "flask==2\n").unwrap();
        let tree = open_revision(dir.path(), "HEAD", "", Limits::default()).unwrap();
        assert_eq!(tree.entries().len(), 2);
        assert_eq!(
            tree.read_text(tree.find("app/requirements.txt").unwrap()).unwrap(),
            "flask==1\n"
        );
        assert_eq!(tree.read_text(tree.find("top.txt").unwrap()).unwrap(), "");
        let [link] = tree.links() else { panic!("{:?}", tree.links()) };
        assert_eq!((link.path.as_str(), link.target.as_str()), ("app/link", "../top.txt"));
        assert_eq!(tree.resolve(link), tree.find("top.txt"));
        let below =
            open_revision(dir.path(), "HEAD", "app", Limits { file_bytes: 3, ..Limits::default() })
                .unwrap();
        assert_eq!(below.resolve(&below.links()[0]), None, "it leads out of the folder");
        let entry = below.find("requirements.txt").unwrap();
        assert_eq!(below.read_start(entry, 3).unwrap(), b"fla");
        assert_eq!(below.read_start(entry, 99).unwrap(), b"flask==1\n");
        assert!(matches!(below.read(entry), Err(ReadError::TooLarge { .. })));
        assert!(
            matches!(below.read(entry), Err(ReadError::TooLarge { .. })),
            "the stream stays in step"
        );
        assert!(open_revision(dir.path(), "no-such-branch", "", Limits::default()).is_err());
        assert!(open_revision(dir.path(), "--output=/tmp/x", "", Limits::default()).is_err());
    }
}
