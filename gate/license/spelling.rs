//! Spellings of licences in the world outside SPDX's list: package indexes' classifiers, and what people write by hand. Only
//! what means one licence: "BSD" may be any of four and "GPL" any of three, so they are not here.

/// A text without what does not tell licences apart: lower case, words of letters, digits, `.` and `+` with one blank between,
/// `licence` spelt `license`, no `the` in front.
pub(crate) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '+') {
            out.push(c.to_ascii_lowercase());
        } else if !c.is_ascii() {
            // Not to be taken for a blank: a text in another script is another text.
            out.push(c);
        } else if !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
        }
    }
    let folded = out.trim_end().replace("licence", "license");
    let folded = folded.strip_prefix("license osi approved ").unwrap_or(&folded);
    folded.strip_prefix("the ").unwrap_or(folded).to_owned()
}

/// The expression that a folded text stands for.
pub(crate) fn known(folded: &str) -> Option<&'static str> {
    SPELLINGS
        .iter()
        .find(|(_, spellings)| spellings.contains(&folded))
        .map(|(expression, _)| *expression)
}

pub(crate) const SPELLINGS: &[(&str, &[&str])] = &[
    (
        "MIT",
        &[
            "mit",
            "mit license",
            "mit license mit",
            "expat",
            "expat license",
            "mit x11",
            "mit expat",
        ],
    ),
    ("MIT-0", &["mit no attribution", "mit no attribution license mit 0"]),
    // "Apache Software License" is PyPI's classifier of it; version 1.1 of that name has not been used since 2004.
    (
        "Apache-2.0",
        &[
            "apache 2.0",
            "apache 2",
            "apache2",
            "apache2.0",
            "apache v2",
            "apache v2.0",
            "apachev2",
            "apache version 2.0",
            "apache license 2.0",
            "apache license 2",
            "apache license v2",
            "apache license v2.0",
            "apache license version 2",
            "apache license version 2.0",
            "apache license version 2.0 january 2004",
            "apache license 2.0 apache 2.0",
            "apache 2.0 license",
            "apache software license",
            "apache software license 2.0",
            "apache software license version 2.0",
            "apache license apache 2.0",
            "asl 2.0",
            "al2",
            "http www.apache.org licenses license 2.0",
            "https www.apache.org licenses license 2.0",
            "http www.apache.org licenses license 2.0.txt",
            "https www.apache.org licenses license 2.0.txt",
        ],
    ),
    (
        "Apache-1.1",
        &[
            "apache software license version 1.1",
            "apache software license 1.1",
            "apache license 1.1",
            "asl 1.1",
        ],
    ),
    (
        "BSD-3-Clause",
        &[
            "bsd 3 clause",
            "bsd 3 clause license",
            "bsd 3 clause new or revised license",
            "3 clause bsd",
            "3 clause bsd license",
            "bsd 3",
            "bsd3",
            "bsd license 3",
            "bsd license 3 clause",
            "new bsd",
            "new bsd license",
            "modified bsd",
            "modified bsd license",
            "revised bsd",
            "revised bsd license",
            "new revised bsd license",
            "bsd new",
            "bsd 3 clause new license",
            "https opensource.org licenses bsd 3 clause",
        ],
    ),
    (
        "BSD-2-Clause",
        &[
            "bsd 2 clause",
            "bsd 2 clause license",
            "2 clause bsd",
            "2 clause bsd license",
            "bsd 2",
            "bsd2",
            "simplified bsd",
            "simplified bsd license",
            "bsd 2 clause simplified license",
            "https opensource.org licenses bsd 2 clause",
        ],
    ),
    ("0BSD", &["bsd zero clause license", "zero clause bsd 0bsd"]),
    ("ISC", &["isc", "isc license", "isc license iscl", "iscl"]),
    ("Unlicense", &["unlicense", "unlicense unlicense", "un license"]),
    (
        "CC0-1.0",
        &[
            "cc0",
            "cc0 1.0",
            "cc0 1.0 universal",
            "cc0 1.0 universal cc0 1.0 public domain dedication",
            "creative commons zero v1.0 universal",
        ],
    ),
    (
        "CC-BY-4.0",
        &[
            "cc by 4.0",
            "creative commons attribution 4.0",
            "creative commons attribution 4.0 international",
        ],
    ),
    ("CC-BY-3.0", &["cc by 3.0", "creative commons attribution 3.0"]),
    (
        "CC-BY-SA-4.0",
        &["cc by sa 4.0", "creative commons attribution share alike 4.0 international"],
    ),
    ("Zlib", &["zlib", "zlib license", "zlib libpng license"]),
    (
        "BSL-1.0",
        &[
            "boost",
            "boost software license",
            "boost software license 1.0",
            "boost software license 1.0 bsl 1.0",
            "boost software license version 1.0",
        ],
    ),
    ("PSF-2.0", &["psf", "psf license", "psf 2.0", "psfl", "python software foundation license"]),
    ("Python-2.0", &["python 2.0", "python license 2.0"]),
    ("WTFPL", &["wtfpl", "do what the fuck you want to public license"]),
    ("Artistic-2.0", &["artistic 2.0", "artistic license 2.0", "artistic license version 2.0"]),
    (
        "Artistic-1.0-Perl OR GPL-1.0-or-later",
        &["perl 5", "perl5", "same as perl", "same terms as perl itself"],
    ),
    ("Ruby", &["ruby", "ruby license"]),
    ("PHP-3.01", &["php 3.01", "php license 3.01", "php license version 3.01"]),
    (
        "EPL-1.0",
        &[
            "epl 1.0",
            "eclipse public license 1.0",
            "eclipse public license v1.0",
            "eclipse public license v 1.0",
            "eclipse public license version 1.0",
            "eclipse public license 1.0 epl 1.0",
        ],
    ),
    (
        "EPL-2.0",
        &[
            "epl 2.0",
            "eclipse public license 2.0",
            "eclipse public license v2.0",
            "eclipse public license v 2.0",
            "eclipse public license version 2.0",
            "eclipse public license 2.0 epl 2.0",
        ],
    ),
    (
        "CDDL-1.0",
        &[
            "cddl 1.0",
            "cddl",
            "common development and distribution license 1.0",
            "common development and distribution license cddl version 1.0",
        ],
    ),
    ("CDDL-1.1", &["cddl 1.1", "common development and distribution license 1.1"]),
    (
        "MPL-2.0",
        &[
            "mpl 2.0",
            "mpl 2",
            "mpl2",
            "mpl v2",
            "mplv2",
            "mozilla public license 2.0",
            "mozilla public license 2.0 mpl 2.0",
            "mozilla public license version 2.0",
            "mozilla public license v2.0",
        ],
    ),
    (
        "MPL-1.1",
        &[
            "mpl 1.1",
            "mozilla public license 1.1",
            "mozilla public license 1.1 mpl 1.1",
            "mozilla public license version 1.1",
        ],
    ),
    (
        "GPL-2.0-only",
        &[
            "gplv2",
            "gpl v2",
            "gpl 2",
            "gpl 2.0",
            "gpl2",
            "gnu gpl v2",
            "gnu gplv2",
            "gnu gpl 2",
            "gnu general public license v2",
            "gnu general public license v2.0",
            "gnu general public license v2 gplv2",
            "gnu general public license v2.0 only",
            "gnu general public license version 2",
            "gnu general public license version 2.0",
        ],
    ),
    (
        "GPL-2.0-or-later",
        &[
            "gplv2+",
            "gpl v2+",
            "gpl 2+",
            "gpl2+",
            "gpl 2.0+",
            "gnu gpl v2+",
            "gnu gplv2+",
            "gpl v2 or later",
            "gplv2 or later",
            "gpl 2 or later",
            "gnu general public license v2 or later",
            "gnu general public license v2 or later gplv2+",
            "gnu general public license v2.0 or later",
            "gnu general public license version 2 or later",
        ],
    ),
    (
        "GPL-3.0-only",
        &[
            "gplv3",
            "gpl v3",
            "gpl 3",
            "gpl 3.0",
            "gpl3",
            "gnu gpl v3",
            "gnu gplv3",
            "gnu gpl 3",
            "gnu general public license v3",
            "gnu general public license v3.0",
            "gnu general public license v3 gplv3",
            "gnu general public license v3.0 only",
            "gnu general public license version 3",
            "gnu general public license version 3.0",
        ],
    ),
    (
        "GPL-3.0-or-later",
        &[
            "gplv3+",
            "gpl v3+",
            "gpl 3+",
            "gpl3+",
            "gpl 3.0+",
            "gnu gpl v3+",
            "gnu gplv3+",
            "gpl v3 or later",
            "gplv3 or later",
            "gpl 3 or later",
            "gnu general public license v3 or later",
            "gnu general public license v3 or later gplv3+",
            "gnu general public license v3.0 or later",
            "gnu general public license version 3 or later",
        ],
    ),
    (
        "LGPL-2.0-only",
        &[
            "lgplv2",
            "lgpl v2",
            "lgpl 2",
            "lgpl 2.0",
            "gnu lesser general public license v2 lgplv2",
            "gnu library general public license v2",
        ],
    ),
    (
        "LGPL-2.0-or-later",
        &[
            "lgplv2+",
            "lgpl v2+",
            "lgpl 2+",
            "lgpl 2.0+",
            "gnu lesser general public license v2 or later lgplv2+",
            "gnu library general public license v2 or later",
        ],
    ),
    (
        "LGPL-2.1-only",
        &[
            "lgplv2.1",
            "lgpl v2.1",
            "lgpl 2.1",
            "lgpl2.1",
            "gnu lgpl v2.1",
            "gnu lesser general public license v2.1",
            "gnu lesser general public license version 2.1",
            "gnu lesser general public license v2.1 only",
        ],
    ),
    (
        "LGPL-2.1-or-later",
        &[
            "lgplv2.1+",
            "lgpl v2.1+",
            "lgpl 2.1+",
            "lgpl 2.1 or later",
            "lgplv2.1 or later",
            "gnu lesser general public license v2.1 or later",
            "gnu lesser general public license version 2.1 or later",
        ],
    ),
    (
        "LGPL-3.0-only",
        &[
            "lgplv3",
            "lgpl v3",
            "lgpl 3",
            "lgpl 3.0",
            "lgpl3",
            "gnu lgpl v3",
            "gnu lesser general public license v3",
            "gnu lesser general public license v3 lgplv3",
            "gnu lesser general public license version 3",
        ],
    ),
    (
        "LGPL-3.0-or-later",
        &[
            "lgplv3+",
            "lgpl v3+",
            "lgpl 3+",
            "lgpl 3.0+",
            "lgpl v3 or later",
            "lgplv3 or later",
            "gnu lesser general public license v3 or later",
            "gnu lesser general public license v3 or later lgplv3+",
        ],
    ),
    (
        "AGPL-3.0-only",
        &[
            "agplv3",
            "agpl v3",
            "agpl 3",
            "agpl 3.0",
            "agpl3",
            "gnu agpl v3",
            "gnu agplv3",
            "gnu affero general public license v3",
            "gnu affero general public license v3 agplv3",
            "gnu affero general public license v3.0",
            "gnu affero general public license version 3",
        ],
    ),
    (
        "AGPL-3.0-or-later",
        &[
            "agplv3+",
            "agpl v3+",
            "agpl 3+",
            "agpl 3.0+",
            "agpl v3 or later",
            "gnu affero general public license v3 or later",
            "gnu affero general public license v3 or later agplv3+",
        ],
    ),
    // Deprecated ids that are another licence, or a licence and an exception, in today's list.
    ("GPL-1.0-only", &["gpl 1.0"]),
    ("GPL-1.0-or-later", &["gpl 1.0+"]),
    ("AGPL-1.0-only", &["agpl 1.0"]),
    ("GFDL-1.1-only", &["gfdl 1.1"]),
    ("GFDL-1.2-only", &["gfdl 1.2"]),
    ("GFDL-1.3-only", &["gfdl 1.3"]),
    ("GPL-2.0-only WITH Autoconf-exception-2.0", &["gpl 2.0 with autoconf exception"]),
    ("GPL-2.0-only WITH Bison-exception-2.2", &["gpl 2.0 with bison exception"]),
    (
        "GPL-2.0-only WITH Classpath-exception-2.0",
        &[
            "gpl 2.0 with classpath exception",
            "gpl2 w cpe",
            "gplv2 with classpath exception",
            "gnu general public license version 2 with the classpath exception",
        ],
    ),
    ("GPL-2.0-only WITH Font-exception-2.0", &["gpl 2.0 with font exception"]),
    ("GPL-2.0-only WITH GCC-exception-2.0", &["gpl 2.0 with gcc exception"]),
    ("GPL-3.0-only WITH Autoconf-exception-3.0", &["gpl 3.0 with autoconf exception"]),
    ("GPL-3.0-only WITH GCC-exception-3.1", &["gpl 3.0 with gcc exception"]),
    ("BSD-2-Clause", &["bsd 2 clause netbsd"]),
    ("SMLNJ", &["standardml nj"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_folded_once_and_means_valid_expression() {
        let mut seen = std::collections::BTreeSet::new();
        for (expression, spellings) in SPELLINGS {
            assert!(spdx::Expression::parse(expression).is_ok(), "{expression}");
            for spelling in *spellings {
                assert_eq!(fold(spelling), *spelling, "{expression}");
                assert!(seen.insert(spelling), "{spelling} is there twice");
            }
        }
    }
}
