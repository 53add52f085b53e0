//! The policies that ship inside the binary.

pub(crate) const NAMES: [&str; 2] = ["default", "strict"];

/// The text of a built-in policy: `default` or `strict`.
pub fn builtin_policy(name: &str) -> Option<&'static str> {
    policy(name)
}

pub(crate) fn policy(name: &str) -> Option<&'static str> {
    match name {
        "default" => Some(include_str!("../../policies/default.yaml")),
        "strict" => Some(include_str!("../../policies/strict.yaml")),
        _ => None,
    }
}

/// The tests of the built-in policies, as path and text.
pub fn builtin_tests() -> [(&'static str, &'static str); 2] {
    [
        ("policies/tests/default.yaml", include_str!("../../policies/tests/default.yaml")),
        ("policies/tests/strict.yaml", include_str!("../../policies/tests/strict.yaml")),
    ]
}
