//! One request, as often as it takes: authentication, redirects, repetition.

use std::time::Instant;

use bytes::Bytes;
use reqwest::{
    Method, Response, StatusCode, Url,
    header::{
        ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, HeaderMap, HeaderValue, LOCATION,
        WWW_AUTHENTICATE,
    },
};

use crate::{
    address::is_loopback,
    challenge::parse_challenges,
    client::Client,
    error::{ErrorKind, RegistryError, cause},
    profile::{Profile, transport_fault},
    repository::Repository,
    retry::{Fault, Tries, passes, retry_after},
};

const MAX_REDIRECTS: usize = 5;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// For messages: what is being done to what.
    pub(crate) doing: String,
    pub(crate) repository: &'a Repository,
    /// The rights that it takes, as token servers write them.
    pub(crate) scope: String,
    pub(crate) method: Method,
    pub(crate) to: To,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether a try that failed may be made again as it is.
    pub(crate) repeat: bool,
    /// Read the body up to so many bytes; `None` leaves it as a stream.
    pub(crate) collect: Option<u64>,
    pub(crate) end: Instant,
}

/// Where it is asked.
#[derive(Debug, Clone)]
pub(crate) enum To {
    /// Below `/v2/`, well-formed as it stands.
    Path(String),
    /// An address that the registry gave.
    Url(Url),
}

/// An answer of success.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The last address, after redirects.
    pub(crate) url: Url,
    /// Whether the registry itself answered, and not where it sent us.
    pub(crate) own: bool,
    pub(crate) bytes: Vec<u8>,
    pub(crate) stream: Option<Response>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Client {
    pub(crate) async fn call(&self, call: &Call<'_>) -> Result<Answer, RegistryError> {
        let failed = |kind| RegistryError::new(call.doing.clone(), kind);
        let profile = self.profile(call.repository.host()).map_err(failed)?;
        let mut tries = Tries::new(self.options().bounds, call.end);
        // Whether the token was got for this very call: the registry that refuses it will refuse the next.
        let mut fresh = false;
        loop {
            let once = self.once(&profile, call, &mut fresh);
            let fault = match tokio::time::timeout_at(call.end.into(), once).await {
                Ok(Ok(Some(answer))) => return Ok(answer),
                Ok(Ok(None)) => continue,
                Ok(Err(fault)) => fault,
                Err(_) => Fault::Final(ErrorKind::Slow("it did not end in time".to_owned())),
            };
            let fault = match fault {
                // Half of it may have been done: whoever asked finds out before asking again. 429 did nothing.
                Fault::Passing(kind, _) if !call.repeat && kind != ErrorKind::TooManyRequests => {
                    Fault::Final(kind)
                }
                fault => fault,
            };
            tries.again(fault).await.map_err(failed)?;
        }
    }

    /// One try. `None`: there is a token now that there was not before.
    async fn once(
        &self,
        profile: &Profile,
        call: &Call<'_>,
        fresh: &mut bool,
    ) -> Result<Option<Answer>, Fault> {
        let base = profile.base(call.end, self.options().bounds.connect).await?;
        let token = self.tokens().get(call.repository.host(), &call.scope);
        let (response, own) = self.follow(profile, base, call, token.as_ref()).await?;
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED && own {
            if *fresh {
                let what =
                    if token.is_some() { ", though it was given those that are known" } else { "" };
                return Err(ErrorKind::Unauthorized(what.to_owned()).into());
            }
            let values = response.headers().get_all(WWW_AUTHENTICATE);
            let values = values.iter().take(8).filter_map(|value| value.to_str().ok());
            let challenges: Vec<_> = values.flat_map(parse_challenges).collect();
            self.authenticate(profile, base, call, &challenges, token.as_ref()).await?;
            *fresh = true;
            return Ok(None);
        }
        if !status.is_success() {
            return Err(status_fault(status, &response, own));
        }
        if let Some(coding) = response.headers().get(CONTENT_ENCODING)
            && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
        {
            let message = "the answer is compressed, though it was asked for as it is".to_owned();
            return Err(ErrorKind::Wrong(message).into());
        }
        let mut answer = Answer {
            status,
            headers: response.headers().clone(),
            url: response.url().clone(),
            own,
            bytes: Vec::new(),
            stream: None,
        };
        match call.collect {
            Some(limit) => answer.bytes = self.body(response, limit).await?,
            None => answer.stream = Some(response),
        }
        Ok(Some(answer))
    }

    /// Sends, and follows redirects of what only reads. Credentials stay with the registry.
    async fn follow(
        &self,
        profile: &Profile,
        base: &Url,
        call: &Call<'_>,
        token: Option<&HeaderValue>,
    ) -> Result<(Response, bool), Fault> {
        let mut url = match &call.to {
            To::Path(path) => {
                base.join(path).map_err(|error| ErrorKind::Input(error.to_string()))?
            }
            To::Url(url) => url.clone(),
        };
        let reads = matches!(call.method, Method::GET | Method::HEAD);
        let mut own = url.origin() == base.origin();
        for _ in 0..=MAX_REDIRECTS {
            profile.guard.check(&url).map_err(ErrorKind::Refused)?;
            let mut request = profile
                .http
                .request(call.method.clone(), url.clone())
                .headers(call.headers.clone())
                .header(ACCEPT_ENCODING, "identity");
            if let Some(token) = token.filter(|_| own) {
                request = request.header(AUTHORIZATION, token);
            }
            if !reads {
                request = request.body(call.body.clone());
            }
            // A request with a body takes the time that the body takes; the operation's end bounds it.
            let wait = if call.body.is_empty() {
                self.options().bounds.idle
            } else {
                self.options().bounds.operation
            };
            let Ok(sent) = tokio::time::timeout(wait, request.send()).await else {
                let message = format!("no answer in {} s", wait.as_secs());
                return Err(Fault::Passing(ErrorKind::Slow(message), None));
            };
            let response = sent.map_err(transport_fault)?;
            if !(reads && matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308)) {
                return Ok((response, own));
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let location = location
                .ok_or_else(|| ErrorKind::Wrong("a redirect without an address".to_owned()))?;
            url = next_hop(base, &url, location).map_err(ErrorKind::Refused)?;
            own &= url.origin() == base.origin();
        }
        Err(ErrorKind::Refused(format!("more than {MAX_REDIRECTS} redirects")).into())
    }

    /// A body whole.
    pub(crate) async fn body(&self, mut response: Response, limit: u64) -> Result<Vec<u8>, Fault> {
        let too_large = || Fault::Final(ErrorKind::TooLarge(format!("{limit} bytes")));
        if response.content_length().is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        loop {
            let chunk = tokio::time::timeout(self.options().bounds.idle, response.chunk()).await;
            let chunk = chunk
                .map_err(|_| {
                    Fault::Passing(ErrorKind::Slow("the answer stopped".to_owned()), None)
                })?
                .map_err(|error| {
                    let message = format!("the answer broke off: {}", cause(&error.without_url()));
                    Fault::Passing(ErrorKind::Unreachable(message), None)
                })?;
            let Some(chunk) = chunk else { return Ok(bytes) };
            if (bytes.len() as u64).saturating_add(chunk.len() as u64) > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
    }
}

/// Where an answer sends us: over an encrypted connection, or back to a registry that is itself talked to without.
pub(crate) fn next_hop(base: &Url, from: &Url, location: &str) -> Result<Url, String> {
    let url = from
        .join(location)
        .map_err(|_| "the registry names no address to go on with".to_owned())?;
    let host = url.host_str().unwrap_or_default();
    let plain = url.scheme() == "http"
        && from.scheme() == "http"
        && base.scheme() == "http"
        && (base.host_str() == Some(host)
            || (is_loopback(host) && base.host_str().is_some_and(is_loopback)));
    if url.scheme() != "https" && !plain {
        return Err(format!(
            "the registry sends us to an unencrypted address, {}://{host}",
            url.scheme()
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "the registry sends us to an address with a password in it, on {host}"
        ));
    }
    Ok(url)
}

/// Pairs as a form or query writes them (WHATWG URL, `application/x-www-form-urlencoded`).
pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    let mut url = Url::parse("form:").expect("a constant address");
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

fn status_fault(status: StatusCode, response: &Response, own: bool) -> Fault {
    let elsewhere = || {
        let host = response.url().host_str().unwrap_or_default();
        ErrorKind::Wrong(format!(
            "{host}, where the registry sent us, answered {}",
            status.as_u16()
        ))
    };
    let kind = match status.as_u16() {
        429 => ErrorKind::TooManyRequests,
        // What a storage says of an address that the registry gave says nothing about the image.
        _ if !own => elsewhere(),
        401 => ErrorKind::Unauthorized(String::new()),
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        412 => ErrorKind::Changed,
        other => ErrorKind::Status(other),
    };
    if passes(status) {
        Fault::Passing(kind, retry_after(response.headers()))
    } else {
        Fault::Final(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_encrypted() {
        let check = |base: &str, location: &str, expected: bool| {
            let base = Url::parse(base).unwrap();
            let answer = next_hop(&base, &base, location);
            assert_eq!(answer.is_ok(), expected, "{base} {location} {answer:?}");
        };
        check("https://r.example/v2/", "https://cdn.example/x?sig=1", true);
        check("https://r.example/v2/", "/other", true);
        check("https://r.example/v2/", "//cdn.example/x", true);
        check("https://r.example/v2/", "http://r.example/x", false);
        check("https://r.example/v2/", "http://cdn.example/x", false);
        check("https://r.example/v2/", "file:///etc/passwd", false);
        check("https://r.example/v2/", "https://me:secret@cdn.example/x", false);
        check("https://127.0.0.1/v2/", "http://127.0.0.1/x", false);
        check("http://127.0.0.1:5000/v2/", "http://127.0.0.1:6000/x", true);
        check("http://127.0.0.1:5000/v2/", "http://cdn.example/x", false);
        check("http://r.example/v2/", "http://r.example/x", true);
        check("http://r.example/v2/", "https://cdn.example/x", true);
    }
}
