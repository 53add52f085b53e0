/// Placeholder.
#[derive(Debug, Clone)]
pub struct Aws;
