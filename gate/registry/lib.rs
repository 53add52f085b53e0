//! Registries and container engines: reading images and artifacts from them, and pushing to them.
//!
//! [`Client`] is asynchronous and serves any number of registries; [`Registry`] is the blocking face that image reading uses. The other
//! side is taken to be hostile: bodies, lists, redirects, waits and addresses are bounded, credentials stay with the registry that
//! they are for, and only a 404 of the registry itself means that there is no such thing.

mod address;
mod attach;
mod aws;
mod aws_call;
#[cfg(test)]
mod aws_tests;
mod blob;
mod challenge;
mod client;
mod credential;
mod docker_config;
mod ecr;
#[cfg(unix)]
mod engine;
mod error;
mod exchange;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod hostile_tests;
mod listing;
mod login;
mod login_helper;
mod manifest;
mod options;
mod profile;
mod push;
#[cfg(test)]
mod push_tests;
#[cfg(test)]
mod real_tests;
mod realm;
mod registry;
mod repository;
mod retry;
mod sigv4;
mod token;
#[cfg(test)]
mod trust_tests;

pub use address::AddressPolicy;
pub use aws::{Aws, ReadText, Variable};
pub use blob::Blob;
pub use challenge::{Challenge, parse_challenges};
pub use client::Client;
pub use credential::Credential;
pub use docker_config::{ConfigError, DockerConfig, MAX_CONFIG};
#[cfg(unix)]
pub use engine::{Engine, EngineImage};
pub use error::{ErrorKind, RegistryError};
pub use listing::Referrers;
pub use manifest::Manifest;
pub use options::{HelperRunner, HostOptions, Options, ProxyOptions, Secret, Transport};
pub use push::{Pushed, Upload};
pub use registry::Registry;
pub use repository::Repository;
pub use retry::Bounds;
