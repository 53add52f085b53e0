use secgate_formats::oci::Platform;

/// Which image of an index is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlatformChoice {
    /// The one for the machine that asks; an image that is alone is opened whatever it is for.
    Host(Platform),
    /// The one for a platform that a person named, and no other.
    Only(Platform),
    /// Every one.
    All,
}

/// Reads `os/arch[/variant]`, with the names that other tools use for architectures.
///
/// # Errors
/// One sentence, when it is not of that form.
pub fn parse_platform(text: &str) -> Result<Platform, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let (os, architecture, variant) = match parts.as_slice() {
        [os, architecture] => (*os, *architecture, None),
        [os, architecture, variant] => (*os, *architecture, Some(*variant)),
        _ => {
            return Err(format!("`{text}` is not a platform: expected os/arch or os/arch/variant"));
        }
    };
    let word = |part: &&str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    if !parts.iter().all(word) {
        return Err(format!("`{text}` is not a platform: a part of it is no word"));
    }
    let (architecture, variant) = match (architecture, variant) {
        ("x86_64" | "x86-64", variant) => ("amd64", variant),
        ("aarch64", variant) => ("arm64", variant),
        ("i386" | "i486" | "i586" | "i686" | "x86", variant) => ("386", variant),
        ("armhf" | "armv7l" | "armv7", None) => ("arm", Some("v7")),
        ("armel" | "armv6l" | "armv6", None) => ("arm", Some("v6")),
        other => other,
    };
    Ok(Platform {
        architecture: architecture.to_owned(),
        os: os.to_owned(),
        os_version: None,
        variant: variant.map(str::to_owned),
    })
}

/// `os/arch[/variant]`.
pub(crate) fn platform_name(platform: &Platform) -> String {
    let mut name = format!("{}/{}", platform.os, platform.architecture);
    if let Some(variant) = platform.variant.as_ref().filter(|variant| !variant.is_empty()) {
        name.push('/');
        name.push_str(variant);
    }
    name
}

/// How well an image for `offered` runs on `wanted`: the higher the better, `None` not at all. An older variant of an
/// architecture runs on a newer one, never the other way round.
pub(crate) fn fit(wanted: &Platform, offered: &Platform) -> Option<u32> {
    if wanted.os != offered.os || wanted.architecture != offered.architecture {
        return None;
    }
    match (variant(wanted), variant(offered)) {
        (Some(wanted), Some(offered)) => {
            wanted.checked_sub(offered).map(|older| 1000 - older.min(999))
        }
        _ => (wanted.variant == offered.variant).then_some(1000),
    }
}

/// The number of a variant; the one that is meant where an architecture stands alone.
fn variant(platform: &Platform) -> Option<u32> {
    match platform.variant.as_deref().filter(|variant| !variant.is_empty()) {
        Some(variant) => variant.strip_prefix('v').unwrap_or(variant).parse().ok(),
        None => match platform.architecture.as_str() {
            "arm64" => Some(8),
            "arm" => Some(7),
            "amd64" => Some(1),
            _ => Some(0),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_variant_that_runs_is_taken() {
        let check = |wanted: &str, offered: &str, expected: Option<u32>| {
            let fit = fit(&parse_platform(wanted).unwrap(), &parse_platform(offered).unwrap());
            assert_eq!(fit, expected, "{offered} on {wanted}");
        };
        check("linux/amd64", "linux/x86_64", Some(1000));
        check("linux/amd64", "linux/amd64/v3", None);
        check("linux/amd64/v3", "linux/amd64", Some(998));
        check("linux/arm64", "linux/aarch64/v8", Some(1000));
        check("linux/arm", "linux/arm/v6", Some(999));
        check("linux/arm/v6", "linux/arm/v7", None);
        check("linux/armhf", "linux/arm", Some(1000));
        check("linux/amd64", "windows/amd64", None);
        check("linux/s390x", "linux/s390x", Some(1000));
        check("linux/x/odd", "linux/x/odd", Some(1000));
        check("linux/x/odd", "linux/x", None);
    }

    #[test]
    fn what_is_no_platform_is_refused() {
        for bad in ["", "linux", "linux/", "/amd64", "linux/amd64/v1/x", "linux/a b"] {
            assert!(parse_platform(bad).is_err(), "{bad}");
        }
        let platform = parse_platform("linux/arm/v7").unwrap();
        assert_eq!(platform_name(&platform), "linux/arm/v7");
    }
}
