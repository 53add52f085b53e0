use crate::CatalogError;

/// Fails on a text whose last line has no line break. Tools that write such files end every line, so its absence is the one
/// trace of a file cut off inside a value that needs no closing sign.
pub(crate) fn ends_with_a_line(text: &str) -> Result<(), CatalogError> {
    if text.is_empty() || text.ends_with('\n') {
        Ok(())
    } else {
        Err(CatalogError::whole("the last line does not end: the file is cut off"))
    }
}
