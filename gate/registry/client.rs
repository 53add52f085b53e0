use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use reqwest::{Method, header::HeaderMap};

use crate::{
    docker_config::host_key,
    error::{ErrorKind, RegistryError},
    exchange::{Call, To},
    options::Options,
    profile::Profile,
    repository::Repository,
    token::Tokens,
};

/// A client of any number of registries (OCI distribution specification 1.1). Cheap to clone; clones share connections and tokens.
///
/// It needs a tokio runtime with time and I/O. [`crate::Registry`] is the face for code without one.
#[derive(Debug, Clone)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: Options,
    profiles: Mutex<HashMap<String, Arc<Profile>>>,
    tokens: Tokens,
}

/// More registries than these in one process: the connections of all are dropped and made anew.
const MAX_PROFILES: usize = 256;

impl Client {
    /// A client that does as the options say. Nothing is connected to yet.
    ///
    /// # Errors
    /// When a certificate, a key or a proxy in the options is not what it should be.
    pub fn new(options: Options) -> Result<Self, RegistryError> {
        let failed =
            |host: &str, kind| RegistryError::new(format!("the settings for {host}"), kind);
        let mirrors = options.hosts.values().flat_map(|host| &host.mirrors);
        let hosts: Vec<String> = options.hosts.keys().chain(mirrors).cloned().collect();
        let client = Self(Arc::new(Shared {
            options,
            profiles: Mutex::new(HashMap::new()),
            tokens: Tokens::default(),
        }));
        // What is wrong is said now and not at the first image that needs it.
        Profile::new("registry.invalid", client.options())
            .map_err(|kind| failed("every registry", kind))?;
        for host in hosts {
            Repository::new(&host, "x")?;
            client.profile(&host).map_err(|kind| failed(&host, kind))?;
        }
        Ok(client)
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    pub(crate) fn profile(&self, host: &str) -> Result<Arc<Profile>, ErrorKind> {
        let key = host_key(host).to_owned();
        let mut profiles = self.0.profiles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(profile) = profiles.get(&key) {
            return Ok(Arc::clone(profile));
        }
        if profiles.len() >= MAX_PROFILES {
            profiles.clear();
        }
        let profile = Arc::new(Profile::new(host, self.options())?);
        profiles.insert(key, Arc::clone(&profile));
        Ok(profile)
    }

    /// When an operation that starts now has to be done.
    pub(crate) fn end(&self, bound: Duration) -> Instant {
        let now = Instant::now();
        // An instant so far away that it cannot be told is a day away.
        let end = now.checked_add(bound).unwrap_or(now + Duration::from_secs(86_400));
        self.options().deadline.map_or(end, |deadline| deadline.min(end))
    }

    /// A request that reads, with the usual bounds.
    pub(crate) fn reading<'a>(
        &self,
        repository: &'a Repository,
        doing: String,
        to: To,
    ) -> Call<'a> {
        Call {
            doing,
            repository,
            scope: format!("repository:{}:pull", repository.path()),
            method: Method::GET,
            to,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            repeat: true,
            collect: None,
            end: self.end(self.options().bounds.operation),
        }
    }

    /// Asks the mirrors of a repository's registry in their order and then the registry itself. What the last one says, the
    /// registry itself, is the answer when none of them has it: a mirror that knows nothing proves nothing.
    pub(crate) async fn ask_each<T, F: Future<Output = Result<T, RegistryError>>>(
        &self,
        repository: &Repository,
        ask: impl Fn(Repository) -> F,
    ) -> Result<T, RegistryError> {
        let key = host_key(repository.host());
        let hosts = &self.options().hosts;
        let own = hosts.iter().find(|(name, _)| host_key(name).eq_ignore_ascii_case(key));
        let mut passed = Vec::new();
        for mirror in own.into_iter().flat_map(|(_, host)| &host.mirrors) {
            match ask(repository.on(mirror)?).await {
                Ok(answer) => return Ok(answer),
                Err(error) => passed.push(error),
            }
        }
        ask(repository.clone()).await.map_err(|error| {
            let Some(first) = passed.first() else { return error };
            let kind = error.kind.clone();
            RegistryError::new(format!("{first} (and then) {}", error.doing()), kind)
        })
    }
}
