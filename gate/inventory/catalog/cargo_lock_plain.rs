//! The form in which Cargo itself writes a lockfile, read line by line: a few times quicker than a whole TOML document,
//! which counts for a gate that runs before each push. Whatever departs from that form is left to the TOML reader.

/// A `[[package]]` as Cargo writes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plain<'t> {
    pub(super) name: &'t str,
    pub(super) version: &'t str,
    pub(super) source: Option<&'t str>,
    pub(super) checksum: Option<&'t str>,
    /// The line of `name`, from 1.
    pub(super) line: u32,
    /// Each dependency with its line.
    pub(super) dependencies: Vec<(&'t str, u32)>,
}

impl Plain<'_> {
    fn is_cut(&self) -> bool {
        self.name.is_empty() || self.version.is_empty()
    }
}

/// Reads a lockfile in Cargo's own form (`cargo/core/resolver/encode.rs`, `ops/lockfile.rs`); `None` when any line is not
/// of it.
pub(super) fn read(text: &str) -> Option<Vec<Plain<'_>>> {
    let mut packages: Vec<Plain<'_>> = Vec::with_capacity(text.len() / 220);
    let mut versioned = false;
    let mut line = 0;
    let mut lines = text.lines();
    // Keys of a package come in this order, each at most once.
    let mut last = 0;
    while let Some(row) = lines.next() {
        line += 1;
        if row.is_empty() || row.starts_with('#') {
            continue;
        }
        if row == "[[package]]" {
            if packages.last().is_some_and(Plain::is_cut) {
                return None;
            }
            packages.push(Plain {
                name: "",
                version: "",
                source: None,
                checksum: None,
                line: 0,
                dependencies: Vec::new(),
            });
            last = 1;
            continue;
        }
        let Some(package) = packages.last_mut() else {
            let known = matches!(row, "version = 3" | "version = 4");
            if !known || versioned {
                return None;
            }
            versioned = true;
            continue;
        };
        let (key, value) = row.split_once('=')?;
        let (key, value) = (key.strip_suffix(' ')?, value.strip_prefix(' ')?);
        let order = match key {
            "name" => 2,
            "version" => 3,
            "source" => 4,
            "checksum" => 5,
            "dependencies" => 6,
            _ => return None,
        };
        if order <= last {
            return None;
        }
        last = order;
        match key {
            "name" => {
                package.name = quoted(value)?;
                package.line = line;
            }
            "version" => package.version = quoted(value)?,
            "source" => package.source = Some(quoted(value)?),
            "checksum" => package.checksum = Some(quoted(value)?),
            _ if value == "[" => loop {
                line += 1;
                let row = lines.next()?;
                if row == "]" {
                    break;
                }
                package
                    .dependencies
                    .push((quoted(row.strip_prefix(' ')?.strip_suffix(',')?)?, line));
            },
            _ => return None,
        }
    }
    let whole = versioned
        && packages.last().is_some_and(|package| !package.is_cut())
        && text.ends_with('\n');
    whole.then_some(packages)
}

/// The text between quotes, if there is nothing in it that TOML would read otherwise. An empty text is not of the form.
fn quoted(value: &str) -> Option<&str> {
    let text = value.strip_prefix('"')?.strip_suffix('"')?;
    let plain = !text.is_empty()
        && text.bytes().all(|b| (b.is_ascii_graphic() || b == b' ') && b != b'"' && b != b'\\');
    plain.then_some(text)
}
