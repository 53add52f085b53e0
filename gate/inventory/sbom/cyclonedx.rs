use secgate_model::Scope;

use crate::CatalogError;

/// The versions of the specification that are read.
pub(crate) fn check_version(text: &str, line: u32) -> Result<(), CatalogError> {
    if matches!(text, "1.2" | "1.3" | "1.4" | "1.5" | "1.6" | "1.7") {
        return Ok(());
    }
    let text: String = text.chars().take(40).collect();
    Err(CatalogError::at(line, format!("CycloneDX {text} is not known: 1.2 to 1.7 are")))
}

/// `scope` of a component. "Excluded" components serve tests and builds only (bom-1.6, `component.scope`). One without a
/// scope is not told from one that must run, and stays unknown.
pub(crate) fn scope(text: &str, line: u32) -> Result<Scope, CatalogError> {
    match text {
        "required" => Ok(Scope::Runtime),
        "optional" => Ok(Scope::Optional),
        "excluded" => Ok(Scope::Dev),
        _ => Err(CatalogError::at(line, "`scope` is none of required, optional, excluded")),
    }
}
