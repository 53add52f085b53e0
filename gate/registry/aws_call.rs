use std::{sync::Arc, time::Instant};

use reqwest::{
    Method, Url,
    header::{HeaderName, HeaderValue},
};

use crate::{
    address::{AddressPolicy, Guard},
    client::Client,
    error::ErrorKind,
    options::Secret,
    profile::{http, proxies, transport_fault},
    retry::{Fault, Tries, passes, retry_after},
};

const MAX_ANSWER: u64 = 1 << 20;

/// A request to one of Amazon's services, or to the metadata service of this machine.
#[derive(Debug)]
pub(crate) struct AwsCall {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(String, Secret)>,
    pub(crate) body: Vec<u8>,
    /// Whether the host may be a link-local one: only where the caller's own settings name it.
    pub(crate) metadata: bool,
    pub(crate) end: Instant,
}

pub(crate) fn plain(name: &str, value: &str) -> (String, Secret) {
    (name.to_owned(), Secret::new(value))
}

impl Client {
    pub(crate) async fn aws_call(&self, call: AwsCall) -> Result<Vec<u8>, ErrorKind> {
        let host = call.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let failed = |kind: ErrorKind| {
            ErrorKind::Credentials(format!("asking {host} for Amazon's credentials: {kind}"))
        };
        // Its endpoints may be in this network: private links are common. They are not the registry's choice.
        let allowed = if call.metadata { vec![host.clone()] } else { Vec::new() };
        let policy = AddressPolicy { private_registry: true, allowed };
        let guard = Arc::new(Guard {
            registry: host.clone(),
            policy,
            proxies: proxies(self.options()).map_err(failed)?,
        });
        guard.check(&call.url).map_err(|message| failed(ErrorKind::Refused(message)))?;
        if call.url.scheme() != "https" && !call.metadata && !crate::address::is_loopback(&host) {
            return Err(failed(ErrorKind::Refused("the address is not https".to_owned())));
        }
        // What is this machine's own is asked without a proxy.
        let mut options = self.options().clone();
        if call.metadata {
            options.proxy = crate::options::ProxyOptions::default();
        }
        let http = http(&guard, &options, None).map_err(failed)?;
        let mut tries = Tries::new(options.bounds, call.end);
        loop {
            let mut request =
                http.request(call.method.clone(), call.url.clone()).body(call.body.clone());
            for (name, value) in &call.headers {
                let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| {
                    failed(ErrorKind::Wrong(format!("the header {name} cannot be sent")))
                })?;
                value.set_sensitive(true);
                if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                    request = request.header(name, value);
                }
            }
            let once = async {
                let response = request.send().await.map_err(transport_fault)?;
                let status = response.status();
                if status.is_success() {
                    return self.body(response, MAX_ANSWER).await;
                }
                let kind = ErrorKind::Status(status.as_u16());
                Err(if passes(status) {
                    Fault::Passing(kind, retry_after(response.headers()))
                } else {
                    Fault::Final(kind)
                })
            };
            let until = call.end.min(self.end(options.bounds.idle));
            let fault = match tokio::time::timeout_at(until.into(), once).await {
                Ok(Ok(bytes)) => return Ok(bytes),
                Ok(Err(fault)) => fault,
                Err(_) => Fault::Passing(ErrorKind::Slow("no answer in time".to_owned()), None),
            };
            tries.again(fault).await.map_err(failed)?;
        }
    }
}
