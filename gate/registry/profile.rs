use std::{
    error::Error,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Certificate, Client as Http, Identity, NoProxy, Proxy, Url, redirect::Policy};
use tokio::sync::{Mutex, OnceCell};

use crate::{
    address::{AddressRefused, Guard, Resolver, is_loopback},
    docker_config::host_key,
    error::{ErrorKind, cause},
    options::{HostOptions, Options, Transport},
    repository::without_port,
    retry::Fault,
};

/// One registry's connections: its own resolver, trust and pool. Nothing is shared between registries, so that what one may do
/// (a private address, a certificate of its own) another may not.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) http: Http,
    pub(crate) guard: Arc<Guard>,
    pub(crate) host: HostOptions,
    /// One token request at a time: the others then find its token.
    pub(crate) asking: Mutex<()>,
    api: String,
    base: OnceCell<Url>,
}

impl Profile {
    pub(crate) fn new(host: &str, options: &Options) -> Result<Self, ErrorKind> {
        let key = host_key(host);
        let own = options.hosts.iter().find(|(name, _)| host_key(name).eq_ignore_ascii_case(key));
        let own = own.map(|(_, host)| host.clone()).unwrap_or_default();
        // Docker's own registry answers under another name than the one that people write.
        let api = if key == "docker.io" { "registry-1.docker.io" } else { host };
        let guard = Arc::new(Guard {
            registry: without_port(api).to_owned(),
            policy: options.addresses.clone(),
            proxies: proxies(options)?,
        });
        let http = http(&guard, options, Some(&own))?;
        Ok(Self {
            http,
            guard,
            host: own,
            asking: Mutex::new(()),
            api: api.to_owned(),
            base: OnceCell::new(),
        })
    }

    /// The address that ends in `/v2/`.
    pub(crate) async fn base(&self, end: Instant, connect: Duration) -> Result<&Url, Fault> {
        self.base
            .get_or_try_init(async || {
                let url = |scheme: &str| {
                    Url::parse(&format!("{scheme}://{}/v2/", self.api))
                        .map_err(|error| Fault::Final(ErrorKind::Input(error.to_string())))
                };
                let safe = url("https")?;
                if self.host.transport == Transport::Insecure {
                    return url("http");
                }
                if !is_loopback(without_port(&self.api)) {
                    return Ok(safe);
                }
                self.guard.check(&safe).map_err(ErrorKind::Refused)?;
                let until = end.min(Instant::now() + connect);
                let probe = self.http.head(safe.clone()).send();
                match tokio::time::timeout_at(until.into(), probe).await {
                    Ok(Ok(_)) => Ok(safe),
                    Ok(Err(error)) if speaks_no_tls(&error) => url("http"),
                    Ok(Err(error)) => Err(transport_fault(error)),
                    Err(_) => Err(Fault::Passing(
                        ErrorKind::Slow("no connection in time".to_owned()),
                        None,
                    )),
                }
            })
            .await
    }
}

/// The hosts of the proxies: the caller configured them, so they may be anywhere.
pub(crate) fn proxies(options: &Options) -> Result<Vec<String>, ErrorKind> {
    [&options.proxy.http, &options.proxy.https]
        .into_iter()
        .flatten()
        .map(|proxy| {
            let url = Url::parse(proxy.reveal());
            let host = url.ok().and_then(|url| url.host_str().map(str::to_owned));
            host.ok_or_else(|| ErrorKind::Input("the proxy is no address".to_owned()))
        })
        .collect()
}

/// A client that follows nothing, repeats nothing and unpacks nothing: all of that is decided above it.
pub(crate) fn http(
    guard: &Arc<Guard>,
    options: &Options,
    host: Option<&HostOptions>,
) -> Result<Http, ErrorKind> {
    let wrong =
        |what: &str, error: &reqwest::Error| ErrorKind::Input(format!("{what}: {}", cause(error)));
    let mut builder = Http::builder()
        .user_agent(concat!("secgate/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.bounds.connect)
        .pool_idle_timeout(Duration::from_secs(30))
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        // Without this the proxies of the environment would count.
        .no_proxy()
        .dns_resolver(Resolver(Arc::clone(guard)));
    for pem in
        [Some(&options.authorities), host.map(|host| &host.authorities)].into_iter().flatten()
    {
        if !pem.is_empty() {
            let certificates = Certificate::from_pem_bundle(pem)
                .map_err(|error| wrong("the certificate authorities are not PEM", &error))?;
            if certificates.is_empty() {
                return Err(ErrorKind::Input(
                    "the certificate authorities hold no certificate".to_owned(),
                ));
            }
            builder = builder.tls_certs_merge(certificates);
        }
    }
    if let Some(identity) = host.and_then(|host| host.identity.as_ref()) {
        let identity = Identity::from_pem(identity.reveal().as_bytes())
            .map_err(|error| wrong("the client certificate and its key are not PEM", &error))?;
        builder = builder.identity(identity);
    }
    let direct = || NoProxy::from_string(&options.proxy.direct);
    if let Some(proxy) = &options.proxy.http {
        let proxy = Proxy::http(proxy.reveal())
            .map_err(|error| wrong("the proxy", &error.without_url()))?;
        builder = builder.proxy(proxy.no_proxy(direct()));
    }
    if let Some(proxy) = &options.proxy.https {
        let proxy = Proxy::https(proxy.reveal())
            .map_err(|error| wrong("the proxy", &error.without_url()))?;
        builder = builder.proxy(proxy.no_proxy(direct()));
    }
    builder.build().map_err(|error| wrong("the connection settings", &error))
}

/// What a failed transport means for another try.
pub(crate) fn transport_fault(error: reqwest::Error) -> Fault {
    let error = error.without_url();
    let mut refused = None;
    let mut certificate = false;
    each_cause(&error, &mut |inner| {
        if let Some(found) = inner.downcast_ref::<AddressRefused>() {
            refused = Some(found.0.clone());
        }
        certificate |= matches!(
            inner.downcast_ref(),
            Some(rustls::Error::InvalidCertificate(_) | rustls::Error::AlertReceived(_))
        );
    });
    if let Some(message) = refused {
        return Fault::Final(ErrorKind::Refused(message));
    }
    if error.is_builder() {
        return Fault::Final(ErrorKind::Input(cause(&error)));
    }
    let kind = ErrorKind::Unreachable(cause(&error));
    if certificate { Fault::Final(kind) } else { Fault::Passing(kind, None) }
}

/// Whether the other side took the beginning of TLS for something it does not understand.
fn speaks_no_tls(error: &reqwest::Error) -> bool {
    let mut answer = false;
    each_cause(error, &mut |inner| {
        answer |= matches!(inner.downcast_ref(), Some(rustls::Error::InvalidMessage(_)));
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            answer |= matches!(
                io.kind(),
                io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::BrokenPipe
            );
        }
    });
    answer && error.is_connect()
}

fn each_cause(error: &(dyn Error + 'static), see: &mut dyn FnMut(&(dyn Error + 'static))) {
    let mut next = Some(error);
    while let Some(inner) = next {
        see(inner);
        // An I/O error does not name what it wraps as its source.
        if let Some(wrapped) = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            each_cause(wrapped, see);
        }
        next = inner.source();
    }
}
