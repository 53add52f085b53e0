use std::{collections::BTreeMap, fmt, sync::Arc, time::Instant};

use crate::{
    address::AddressPolicy, aws::Aws, credential::Credential, docker_config::DockerConfig,
    retry::Bounds,
};

/// All that the caller decides: this library reads no environment and no files.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Bounds of bytes and time.
    pub bounds: Bounds,
    /// The moment after which nothing is done any more, for callers that have a budget.
    pub deadline: Option<Instant>,
    /// Which addresses are connected to.
    pub addresses: AddressPolicy,
    /// By `host[:port]`.
    pub hosts: BTreeMap<String, HostOptions>,
    /// More certificate authorities, for every host: PEM.
    pub authorities: Vec<u8>,
    /// Proxies.
    pub proxy: ProxyOptions,
    /// Hosts of token servers that may have the credentials of any registry.
    pub realms: Vec<String>,
    /// Docker's and podman's files, the first that knows a registry counts.
    pub logins: Vec<DockerConfig>,
    /// Runs the program `docker-credential-NAME get`; none: no program is run, and a login that needs one is an error.
    pub helpers: Option<HelperRunner>,
    /// For registries of Amazon (ECR).
    pub aws: Option<Aws>,
}

/// What is particular to a registry.
#[derive(Debug, Clone, Default)]
pub struct HostOptions {
    /// How to talk to it.
    pub transport: Transport,
    /// Who the caller says he is there. It counts more than any file.
    pub credential: Option<Credential>,
    /// Hosts to try before, in this order, for what is read.
    pub mirrors: Vec<String>,
    /// More certificate authorities: PEM.
    pub authorities: Vec<u8>,
    /// This client's certificate and private key: PEM, both in one.
    pub identity: Option<Secret>,
}

/// How to talk to a registry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Transport {
    /// HTTPS. A registry on a loopback address that does not speak it is talked to in plain HTTP.
    #[default]
    Safe,
    /// Plain HTTP: the caller lists this registry as insecure.
    Insecure,
}

/// Which proxy to use. Names are then resolved by the proxy, and its rules say which addresses it connects to.
#[derive(Debug, Clone, Default)]
pub struct ProxyOptions {
    /// For `http://`: an address, perhaps with user and password.
    pub http: Option<Secret>,
    /// For `https://`.
    pub https: Option<Secret>,
    /// Comma-separated hosts, domains and networks that are reached directly.
    pub direct: String,
}

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

type RunHelper = dyn Fn(&str, &str) -> Result<Option<Credential>, String> + Send + Sync;

/// Asks a credential helper: the helper's name and the server it is asked for. `None`: it knows nothing about that server.
#[derive(Clone)]
pub struct HelperRunner(pub Arc<RunHelper>);

impl fmt::Debug for HelperRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HelperRunner")
    }
}
