use crate::{RenderError, document, view::View};

/// The report document, indented by two blanks.
pub(crate) fn render(view: &View<'_>) -> Result<Vec<u8>, RenderError> {
    let mut out = serde_json::to_vec_pretty(&document::of(view))?;
    out.push(b'\n');
    Ok(out)
}
