//! What conda's formats share.

use crate::{Catalog, catalog::address};

/// Adds a conda package and returns its index. The channel is part of the identity: channels build the same name
/// differently.
pub(crate) fn push(
    catalog: &mut Catalog,
    name: &str,
    version: &str,
    channel: Option<&str>,
    line: u32,
) -> Option<usize> {
    if !is_word(name) || !is_word(version) {
        let shown: String = name.chars().take(80).collect();
        catalog.unreadable(
            line,
            format!("`{}` is not the name and version of a package", shown.escape_debug()),
        );
        return None;
    }
    let package = catalog.package("conda", None, &name.to_ascii_lowercase(), version, line)?;
    if let Some(channel) = channel.map(channel_name).filter(|channel| !channel.is_empty()) {
        package.purl = package.purl.clone().with_qualifier("channel", &channel);
    }
    Some(catalog.packages.len() - 1)
}

/// A word as conda's names, versions and channels are.
pub(crate) fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 512
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+' | b'!'))
}

/// The channel's short name out of an address such as `https://conda.anaconda.org/t/<token>/conda-forge/linux-64/x.conda`.
pub(crate) fn channel_name(channel: &str) -> String {
    let shown = address::public(channel);
    let Some((_, rest)) = shown.split_once("://") else { return shown };
    let mut parts: Vec<&str> = rest.split('/').skip(1).filter(|part| !part.is_empty()).collect();
    if parts.first() == Some(&"t") {
        parts.drain(..parts.len().min(2));
    }
    if parts.last().is_some_and(|last| {
        last.ends_with(".conda") || last.ends_with(".tar.bz2") || last.ends_with(".json")
    }) {
        parts.pop();
    }
    if parts.last().is_some_and(|last| is_platform(last)) {
        parts.pop();
    }
    parts.join("/")
}

fn is_platform(word: &str) -> bool {
    word == "noarch"
        || ["linux-", "osx-", "win-", "freebsd-", "emscripten-", "wasi-", "zos-"]
            .iter()
            .any(|prefix| word.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_without_tokens() {
        for (address, name) in [
            ("conda-forge", "conda-forge"),
            ("https://conda.anaconda.org/conda-forge/linux-64", "conda-forge"),
            ("https://conda.anaconda.org/t/tk-1/acme/noarch/x-1-0.conda", "acme"),
            ("https://repo.anaconda.com/pkgs/main/linux-64/x-1-0.tar.bz2", "pkgs/main"),
            ("https://u:p@h/c", "c"),
        ] {
            assert_eq!(channel_name(address), name, "{address}");
        }
    }
}
