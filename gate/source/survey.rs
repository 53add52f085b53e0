use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use crate::{
    Link, PICK_START, Pick, Skipped, Wish,
    budget::Budget,
    layer_list::{Body, Kept, LayerList},
    merge::{End, FileAt, Merge, MergeError, Node, ROOT, What, lossy},
};

/// Files with telling modes that are listed.
const MAX_MODES: usize = 10_000;

/// Files and folders looked at below links to folders.
const MAX_ASKED: u64 = 40_000_000;

/// A regular file that is set-user-ID, set-group-ID, or writable by everybody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModeFile {
    /// Relative to the image's root; bytes that are not UTF-8 replaced.
    pub path: String,
    /// Permissions with set-user-ID, set-group-ID and sticky bit.
    pub mode: u32,
    /// The number of the layer that put it there, the lowest 0.
    pub layer: usize,
}

/// What there is in a merged image of what is wanted.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) files: BTreeMap<String, Found>,
    pub(crate) links: Vec<Link>,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) modes: Vec<ModeFile>,
    /// All regular files.
    pub(crate) count: u64,
    /// Wanted by a path that only the merged image shows, and not kept: layer, member and that path.
    pub(crate) missing: BTreeSet<(u32, u64, String)>,
}

/// A wanted file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// The layer that put it at its path.
    pub(crate) layer: u32,
    /// The layer that holds its bytes.
    pub(crate) source: u32,
    pub(crate) body: u32,
    pub(crate) size: u64,
    pub(crate) mode: u32,
}

/// Whether a file is listed at a path.
enum Answer {
    No,
    Yes(u32),
    Missing,
}

struct Surveyor<'a, 'b> {
    merge: &'a mut Merge<'b>,
    report: Report<'a>,
}

/// What is found, and what decides it.
struct Report<'a> {
    lists: &'a [Arc<LayerList>],
    pick: &'a dyn Pick,
    budget: &'a Budget<'a>,
    survey: Survey,
    listed: HashSet<u32>,
    asked: u64,
}

/// Lists what is wanted of a merged image: each file once, at its real path, or at the first path through a link where only
/// that one is wanted.
pub(crate) fn survey<'b>(
    merge: &mut Merge<'b>,
    lists: &[Arc<LayerList>],
    pick: &dyn Pick,
    budget: &'b Budget<'b>,
) -> Result<Survey, MergeError> {
    let survey = Survey::default();
    let report = Report { lists, pick, budget, survey, listed: HashSet::new(), asked: 0 };
    let mut surveyor = Surveyor { merge, report };
    let links = surveyor.real_paths()?;
    for (stack, path) in links {
        surveyor.through_link(stack, &path)?;
    }
    let disputed = surveyor.merge.disputed();
    let Survey { files, links, skipped, modes, .. } = &mut surveyor.report.survey;
    skipped.extend(disputed);
    links.retain(|link| !files.contains_key(&link.path));
    links.sort_unstable();
    modes.sort_unstable();
    if modes.len() > MAX_MODES {
        modes.truncate(MAX_MODES);
        skipped.push(Skipped {
            path: String::new(),
            reason: format!(
                "more than {MAX_MODES} files are set-user-ID, set-group-ID or writable by everybody"
            ),
        });
    }
    skipped.sort_unstable();
    Ok(surveyor.report.survey)
}

impl Surveyor<'_, '_> {
    /// Walks the image. Gives back the links, each with the folders above it.
    fn real_paths(&mut self) -> Result<Vec<LinkAt>, MergeError> {
        let mut links = Vec::new();
        let (merge, report) = (&*self.merge, &mut self.report);
        below(
            merge,
            report.budget,
            ROOT,
            Vec::new(),
            &mut |at, node, path, stack| match &node.what {
                What::File(file) => {
                    report.survey.count += 1;
                    if file.mode & 0o6002 != 0 && report.survey.modes.len() <= MAX_MODES {
                        let (path, layer) = (lossy(path), node.layer as usize);
                        report.survey.modes.push(ModeFile { path, mode: file.mode, layer });
                    }
                    let answer = if file.asked {
                        match file.kept {
                            Kept::Picked(body) => Answer::Yes(body),
                            Kept::Nothing | Kept::Refused | Kept::Linked(_) => Answer::No,
                        }
                    } else {
                        report.ask(file, &lossy(path))
                    };
                    report.note(at, node.layer, file, path, &answer);
                    Ok(())
                }
                What::Symlink(target) => {
                    if let Ok(text) = std::str::from_utf8(path) {
                        let target = std::str::from_utf8(target).unwrap_or_default().to_owned();
                        report.survey.links.push(Link { path: text.to_owned(), target });
                    }
                    report
                        .budget
                        .keep((path.len() + 8 * stack.len() + 64) as u64)
                        .map_err(MergeError::Limit)?;
                    links.push((stack.to_vec(), path.to_vec()));
                    Ok(())
                }
                What::Folder(_) | What::Other => Ok(()),
            },
        )?;
        Ok(links)
    }

    /// Asks for what a link leads to under the names that the link gives it.
    fn through_link(&mut self, stack: Vec<u32>, path: &[u8]) -> Result<(), MergeError> {
        let at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
        let name = path.get(at..).unwrap_or_default().to_vec();
        let end = self.merge.walk(stack, &name, false)?;
        let (merge, report) = (&*self.merge, &mut self.report);
        match end {
            End::Leaf(at) => match merge.nodes.get(at as usize) {
                Some(node) => report.alias(at, node, path),
                None => Ok(()),
            },
            End::Folder(place) => {
                let path = path.to_vec();
                below(merge, report.budget, place.node, path, &mut |at, node, path, _| {
                    report.alias(at, node, path)
                })
            }
            End::Missing | End::Blocked | End::Loop => Ok(()),
        }
    }
}

impl Report<'_> {
    fn alias(&mut self, at: u32, node: &Node, path: &[u8]) -> Result<(), MergeError> {
        self.asked += 1;
        if self.asked > MAX_ASKED {
            return Err(MergeError::Steps);
        }
        let What::File(file) = &node.what else { return Ok(()) };
        if self.listed.contains(&at) {
            return Ok(());
        }
        let answer = self.ask(file, &lossy(path));
        self.note(at, node.layer, file, path, &answer);
        Ok(())
    }

    fn ask(&self, file: &FileAt, path: &str) -> Answer {
        let body = match file.kept {
            Kept::Picked(body) | Kept::Linked(body) => Some(body),
            Kept::Nothing | Kept::Refused => None,
        };
        match (self.pick.wants(path, file.size, file.mode), body) {
            (Wish::No, _) => Answer::No,
            (Wish::Yes, Some(body)) => Answer::Yes(body),
            // Its first bytes were refused under the other name; they are the same.
            (Wish::ByStart, None) if file.kept == Kept::Refused => Answer::No,
            (Wish::Yes | Wish::ByStart, None) => Answer::Missing,
            (Wish::ByStart, Some(body)) => {
                let bytes = self.body(file.source, body).map_or([].as_slice(), |body| &body.bytes);
                if self.pick.wants_start(path, bytes.get(..PICK_START).unwrap_or(bytes)) {
                    Answer::Yes(body)
                } else {
                    Answer::No
                }
            }
        }
    }

    fn body(&self, source: u32, body: u32) -> Option<&Body> {
        self.lists.get(source as usize)?.bodies.get(body as usize)
    }

    fn note(&mut self, at: u32, layer: u32, file: &FileAt, path: &[u8], answer: &Answer) {
        let skip = |reason: &str| Skipped { path: lossy(path), reason: reason.to_owned() };
        match answer {
            Answer::No => {}
            Answer::Missing => {
                self.listed.insert(at);
                self.survey.missing.insert((file.source, file.member, lossy(path)));
            }
            Answer::Yes(body) => {
                self.listed.insert(at);
                if self.body(file.source, *body).is_none() {
                    self.survey.skipped.push(skip("its bytes are not where the layer's list says"));
                    return;
                }
                let Ok(text) = std::str::from_utf8(path) else {
                    self.survey.skipped.push(skip("its name is not UTF-8"));
                    return;
                };
                let FileAt { source, size, mode, .. } = *file;
                self.survey
                    .files
                    .insert(text.to_owned(), Found { layer, source, body: *body, size, mode });
            }
        }
    }
}

/// Visits all that lies below a folder, without following links: its number, itself, its path, the folders above it.
pub(crate) fn below(
    merge: &Merge<'_>,
    budget: &Budget<'_>,
    top: u32,
    mut path: Vec<u8>,
    visit: &mut Visit<'_>,
) -> Visited {
    let children = |folder: u32| match merge.what(folder) {
        Some(What::Folder(children)) => Some(children.iter()),
        _ => None,
    };
    let mut stack = vec![(children(top), path.len())];
    let mut above = vec![top];
    let mut visited = 0_u64;
    while let Some((rest, length)) = stack.last_mut() {
        path.truncate(*length);
        let Some((name, at)) = rest.as_mut().and_then(Iterator::next) else {
            stack.pop();
            above.pop();
            continue;
        };
        visited += 1;
        if visited.is_multiple_of(4096) {
            budget.check_time().map_err(MergeError::Limit)?;
        }
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        let Some(node) = merge.nodes.get(*at as usize) else { continue };
        visit(*at, node, &path, &above)?;
        if matches!(node.what, What::Folder(_)) {
            stack.push((children(*at), path.len()));
            above.push(*at);
        }
    }
    Ok(())
}

/// The folders above a link, the root first, and its path.
type LinkAt = (Vec<u32>, Vec<u8>);

pub(crate) type Visited = Result<(), MergeError>;
pub(crate) type Visit<'v> = dyn FnMut(u32, &Node, &[u8], &[u32]) -> Visited + 'v;
