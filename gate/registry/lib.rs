//! The client of registries and container engines.
