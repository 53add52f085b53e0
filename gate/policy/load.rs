use std::{
    io,
    path::{Component, Path, PathBuf},
};

use crate::{
    Diagnostic, Diagnostics, Policy, builtin,
    diagnostic::{Place, Sink, short},
    link::link,
    read_policy::{self, Draft},
    yaml,
};

const MAX_DEPTH: usize = 8;
const MAX_FILES: usize = 32;

/// How files are read: the caller does it, bounded, and decides what may be read at all.
pub type ReadFile<'a> = dyn Fn(&Path) -> io::Result<Vec<u8>> + 'a;

/// Loads the policy file `path`, or `builtin:default` and `builtin:strict`, with everything that it extends.
///
/// Files in `extends` are named relative to the file that names them. At most 1 MiB a file, 32 files, 8 levels.
/// Fails with every fault of every file; a policy with a fault is never loaded in part.
pub fn load_policy(path: &Path, read: &ReadFile<'_>) -> Result<Policy, Diagnostics> {
    load_named(&path.to_string_lossy(), None, read)
}

/// Loads the policy `file`, which is named at the place `from` of another file.
pub(crate) fn load_named(
    file: &str,
    from: Option<(&str, Place)>,
    read: &ReadFile<'_>,
) -> Result<Policy, Diagnostics> {
    let mut loader = Loader {
        read,
        files: Vec::new(),
        open: Vec::new(),
        found: Vec::new(),
        hash: blake3::Hasher::new(),
    };
    loader.load(file, from);
    let Loader { files, mut found, hash, .. } = loader;
    let policy = if found.is_empty() {
        link(files, format!("blake3:{}", hash.finalize().to_hex()), &mut found)
    } else {
        None
    };
    match policy {
        Some(policy) if found.is_empty() => Ok(policy),
        _ => {
            found.sort();
            found.dedup();
            Err(Diagnostics(found))
        }
    }
}

struct Loader<'a> {
    read: &'a ReadFile<'a>,
    files: Vec<(String, Draft)>,
    /// The files that are being loaded, to see a circle.
    open: Vec<String>,
    found: Vec<Diagnostic>,
    hash: blake3::Hasher,
}

impl Loader<'_> {
    /// Loads `file` after what it extends; `from` is where it is named.
    fn load(&mut self, file: &str, from: Option<(&str, Place)>) {
        let (blame, at) = from.unwrap_or((file, Place::default()));
        let (blame, open) = (blame.to_owned(), self.open.len());
        let mut sink = Sink { file: &blame, found: &mut self.found };
        if self.open.iter().any(|other| other == file) {
            sink.error(
                at,
                format!("`{}` extends itself by way of {}", short(file), self.open.join(" → ")),
            );
            return;
        }
        if open >= MAX_DEPTH || self.files.len() >= MAX_FILES {
            sink.error(
                at,
                format!("more than {MAX_DEPTH} levels or {MAX_FILES} files of `extends`"),
            );
            return;
        }
        let bytes = if let Some(name) = file.strip_prefix("builtin:") {
            if let Some(text) = builtin::policy(name) {
                text.as_bytes().to_vec()
            } else {
                sink.unknown(at, "built-in policy", name, builtin::NAMES.into_iter());
                return;
            }
        } else {
            match (self.read)(Path::new(file)) {
                Ok(bytes) => bytes,
                Err(error) => {
                    sink.error(
                        at,
                        format!("the policy file `{}` cannot be read: {error}", short(file)),
                    );
                    return;
                }
            }
        };
        self.hash.update(&(bytes.len() as u64).to_le_bytes());
        self.hash.update(&bytes);
        let mut sink = Sink { file, found: &mut self.found };
        let Some(draft) =
            yaml::parse(&bytes, &mut sink).and_then(|root| read_policy::read(&root, &mut sink))
        else {
            return;
        };
        self.open.push(file.to_owned());
        for (target, at) in &draft.extends {
            let mut sink = Sink { file, found: &mut self.found };
            if let Some(path) = resolve(file, target, *at, &mut sink) {
                self.load(&path, Some((file, *at)));
            }
        }
        self.open.pop();
        self.files.push((file.to_owned(), draft));
    }
}

/// The path that `target` of `extends` means in `file`.
pub(crate) fn resolve(file: &str, target: &str, at: Place, sink: &mut Sink<'_>) -> Option<String> {
    if target.starts_with("builtin:") {
        return Some(target.to_owned());
    }
    if target.starts_with("oci:") {
        sink.error_hint(
            at,
            format!("`{}` cannot be fetched: policies from a registry need signature checks, which this version does not have", short(target)),
            "copy the policy into the repository and name the file",
        );
        return None;
    }
    if target.contains("://") || Path::new(target).is_absolute() || target.contains('\0') {
        sink.error_hint(
            at,
            format!("`{}` is not a relative path", short(target)),
            "name a local file relative to this one, or builtin:default",
        );
        return None;
    }
    if file.starts_with("builtin:") {
        sink.error(at, "a built-in policy extends built-in policies only");
        return None;
    }
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    Some(tidy_path(&folder.join(target)).to_string_lossy().into_owned())
}

/// Takes `.` and `..` out of a path by its text alone. Above the root is the root.
pub fn tidy_path(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => match out.components().next_back() {
                Some(Component::Normal(_)) => {
                    out.pop();
                }
                Some(Component::RootDir) => {}
                _ => out.push(".."),
            },
            part => out.push(part),
        }
    }
    out
}
