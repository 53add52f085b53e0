use super::debian_control::stanzas;

/// Licences of one package that are kept.
const MAX_LICENSES: usize = 40;
/// Bytes of a licence's name.
const MAX_NAME: usize = 120;

/// The licences that a `copyright` file names: the short names of the machine-readable form (Debian's "Machine-readable
/// debian/copyright file", version 1.0), else the common licences that a free text points to.
pub(super) fn licenses(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut push = |name: &str| {
        let fits = !name.is_empty() && name.len() <= MAX_NAME && found.len() < MAX_LICENSES;
        if fits && !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
    };
    let mut paragraphs = stanzas(text);
    let header = paragraphs.next();
    let format = header.as_ref().and_then(|header| header.first_line("Format"));
    if format.is_some_and(|format| format.contains("copyright-format")) {
        for stanza in header.iter().chain(&paragraphs.collect::<Vec<_>>()) {
            push(stanza.first_line("License").unwrap_or_default());
        }
    } else {
        const COMMON: &str = "/usr/share/common-licenses/";
        for rest in text.split(COMMON).skip(1) {
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.' | '+'))
                .unwrap_or(rest.len());
            push(rest.get(..end).unwrap_or_default().trim_end_matches('.'));
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        let machine = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
            Source: x\n\nFiles: *\nCopyright: 1998 A\nLicense: GPL-2+ with OpenSSL exception\n Text\n\n\
            Files: debian/*\nLicense: Expat\n\nLicense: Expat\n Permission\n";
        assert_eq!(licenses(machine), ["Expat", "GPL-2+ with OpenSSL exception"]);
        let free = "It is free.\nSee `/usr/share/common-licenses/GPL-2', and\n/usr/share/common-licenses/LGPL-2.1.\n";
        assert_eq!(licenses(free), ["GPL-2", "LGPL-2.1"]);
        assert!(licenses("").is_empty());
    }
}
