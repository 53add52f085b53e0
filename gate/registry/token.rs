//! Tokens: the Docker registry token flow (distribution project, `spec/auth/token.md` and `oauth.md`) and plain Basic.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use reqwest::{
    RequestBuilder, StatusCode, Url,
    header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use serde::Deserialize;

use crate::{
    challenge::Challenge,
    client::Client,
    credential::Credential,
    error::ErrorKind,
    exchange::{Call, form},
    options::Secret,
    profile::{Profile, transport_fault},
    realm::check_realm,
    retry::{Fault, Tries, passes, retry_after},
};

/// Bodies of token servers, in bytes.
const MAX_TOKEN_BODY: u64 = 1 << 20;
/// What is kept; more hosts and scopes than these are asked for anew.
const MAX_TOKENS: usize = 4096;
/// What a token lives when nobody says (`spec/auth/token.md`).
const SHORTEST_LIFE: Duration = Duration::from_secs(60);
const LONGEST_LIFE: Duration = Duration::from_secs(12 * 3600);
/// It is not used in its last moments: it must still be good when it arrives.
const MARGIN: Duration = Duration::from_secs(5);

/// What is sent as `Authorization`, by registry and rights, while it is good.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<(String, String), (HeaderValue, Instant)>>);

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    pub(crate) fn get(&self, host: &str, scope: &str) -> Option<HeaderValue> {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (host.to_owned(), scope.to_owned());
        match tokens.get(&key) {
            Some((value, until)) if *until > Instant::now() => Some(value.clone()),
            Some(_) => {
                tokens.remove(&key);
                None
            }
            None => None,
        }
    }

    fn put(&self, host: &str, scope: &str, value: HeaderValue, life: Duration) {
        let now = Instant::now();
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MAX_TOKENS {
            tokens.retain(|_, (_, until)| *until > now);
        }
        if tokens.len() >= MAX_TOKENS {
            tokens.clear();
        }
        let until = now + life.min(LONGEST_LIFE);
        tokens.insert((host.to_owned(), scope.to_owned()), (value, until));
    }
}

#[derive(Deserialize)]
struct WireToken {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<f64>,
}

impl Client {
    /// Answers a challenge: afterwards there is something to send that was not sent before.
    pub(crate) async fn authenticate(
        &self,
        profile: &Profile,
        base: &Url,
        call: &Call<'_>,
        challenges: &[Challenge],
        sent: Option<&HeaderValue>,
    ) -> Result<(), Fault> {
        let host = call.repository.host();
        let _one = profile.asking.lock().await;
        // Another request has been here while this one waited.
        let known = self.tokens().get(host, &call.scope);
        if known.is_some() && known.as_ref() != sent {
            return Ok(());
        }
        let (credential, life) = self.credential(profile, call.repository, call.end).await?;
        if let Some(Credential::Bearer(token)) = &credential {
            return self.keep(call, sent, &format!("Bearer {}", token.reveal()), LONGEST_LIFE);
        }
        if let Some(bearer) = challenges.iter().find(|challenge| challenge.scheme == "bearer") {
            let (token, life) =
                self.token(profile, base, call, bearer, credential.as_ref()).await?;
            // A token just got is another one, whatever it looks like.
            return self.keep(call, None, &format!("Bearer {}", token.reveal()), life);
        }
        if challenges.iter().any(|challenge| challenge.scheme == "basic") {
            let Some(basic) = credential.as_ref().and_then(Credential::basic) else {
                return Err(ErrorKind::Unauthorized(
                    ": no user and password are known for it".to_owned(),
                )
                .into());
            };
            return self.keep(call, sent, basic.reveal(), life);
        }
        let offered: Vec<&str> =
            challenges.iter().map(|challenge| challenge.scheme.as_str()).take(4).collect();
        let message = if offered.is_empty() {
            ": it does not say how".to_owned()
        } else {
            format!(": it offers only {}", offered.join(", "))
        };
        Err(ErrorKind::Unauthorized(message).into())
    }

    fn keep(
        &self,
        call: &Call<'_>,
        sent: Option<&HeaderValue>,
        value: &str,
        life: Duration,
    ) -> Result<(), Fault> {
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            ErrorKind::Wrong("the token holds characters that no token has".to_owned())
        })?;
        value.set_sensitive(true);
        if sent == Some(&value) {
            let message = ", though it was given those that are known".to_owned();
            return Err(ErrorKind::Unauthorized(message).into());
        }
        self.tokens().put(call.repository.host(), &call.scope, value, life);
        Ok(())
    }

    async fn token(
        &self,
        profile: &Profile,
        base: &Url,
        call: &Call<'_>,
        challenge: &Challenge,
        credential: Option<&Credential>,
    ) -> Result<(Secret, Duration), Fault> {
        let realm = challenge.parameter("realm").ok_or_else(|| {
            ErrorKind::Wrong("the registry does not say where to get a token".to_owned())
        })?;
        let allowed = &self.options().realms;
        let realm =
            check_realm(base, realm, credential.is_some(), allowed).map_err(ErrorKind::Refused)?;
        profile.guard.check(&realm).map_err(ErrorKind::Refused)?;
        let service = challenge.parameter("service").unwrap_or_default();
        let scope = scope(challenge.parameter("scope"), &call.scope);
        let mut tries = Tries::new(self.options().bounds, call.end);
        loop {
            let request = ask(profile, &realm, service, scope, credential);
            match self.ask_once(request, &realm).await {
                Ok(found) => return Ok(found),
                Err(fault) => tries.again(fault).await?,
            }
        }
    }

    async fn ask_once(
        &self,
        request: RequestBuilder,
        realm: &Url,
    ) -> Result<(Secret, Duration), Fault> {
        let at = realm.host_str().unwrap_or_default();
        let sent = tokio::time::timeout(self.options().bounds.idle, request.send()).await;
        let response = sent
            .map_err(|_| {
                Fault::Passing(
                    ErrorKind::Slow(format!("the token server {at} does not answer")),
                    None,
                )
            })?
            .map_err(transport_fault)?;
        let status = response.status();
        match status {
            StatusCode::OK => {}
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let message = format!(": its token server {at} answered {}", status.as_u16());
                return Err(ErrorKind::Unauthorized(message).into());
            }
            status => {
                let kind = match status {
                    StatusCode::TOO_MANY_REQUESTS => ErrorKind::TooManyRequests,
                    other => ErrorKind::Wrong(format!(
                        "the token server {at} answered {}",
                        other.as_u16()
                    )),
                };
                return Err(if passes(status) {
                    Fault::Passing(kind, retry_after(response.headers()))
                } else {
                    kind.into()
                });
            }
        }
        let body = self.body(response, MAX_TOKEN_BODY).await?;
        let wrong = || ErrorKind::Wrong(format!("the token server {at} answered without a token"));
        let wire: WireToken = serde_json::from_slice(&body).map_err(|_| wrong())?;
        let token =
            wire.token.or(wire.access_token).filter(|token| !token.is_empty()).ok_or_else(wrong)?;
        let life = wire.expires_in.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let life = life.filter(|life| !life.is_zero()).unwrap_or(SHORTEST_LIFE);
        Ok((Secret::new(token), life.saturating_sub(MARGIN).max(Duration::from_secs(1))))
    }
}

/// The rights to ask for: those that the registry names, as long as they are not more than the call is meant to have.
fn scope<'a>(offered: Option<&'a str>, wanted: &'a str) -> &'a str {
    let Some(offered) = offered.filter(|offered| !offered.is_empty() && offered.len() <= 1024)
    else {
        return wanted;
    };
    let actions = |text: &'a str| {
        text.split(' ')
            .flat_map(|one| one.rsplit_once(':').map_or("", |(_, actions)| actions).split(','))
    };
    let repository = |text: &str| text.split(' ').all(|one| one.starts_with("repository:"));
    let within = actions(offered)
        .all(|action| action == "metadata_read" || actions(wanted).any(|wanted| wanted == action));
    // What covers only a part (a mount names two repositories) would be asked for again and again.
    let whole = offered.split(' ').count() >= wanted.split(' ').count();
    if repository(offered) && within && whole { offered } else { wanted }
}

fn ask(
    profile: &Profile,
    realm: &Url,
    service: &str,
    scope: &str,
    credential: Option<&Credential>,
) -> RequestBuilder {
    let mut url = realm.clone();
    if let Some(Credential::Identity(token)) = credential {
        // OAuth 2.0, RFC 6749 §6.
        let form = form(&[
            ("grant_type", "refresh_token"),
            ("client_id", "secgate"),
            ("service", service),
            ("scope", scope),
            ("refresh_token", token.reveal()),
        ]);
        return profile
            .http
            .post(url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "identity")
            .body(form);
    }
    {
        let mut query = url.query_pairs_mut();
        if !service.is_empty() {
            query.append_pair("service", service);
        }
        for one in scope.split(' ').filter(|one| !one.is_empty()) {
            query.append_pair("scope", one);
        }
        query.append_pair("client_id", "secgate");
        if let Some(Credential::Password { user, .. }) = credential {
            query.append_pair("account", user);
        }
    }
    let mut request = profile
        .http
        .get(url)
        .header(ACCEPT, "application/json")
        .header(ACCEPT_ENCODING, "identity");
    let basic = credential.and_then(Credential::basic);
    if let Some(mut value) = basic.and_then(|basic| HeaderValue::from_str(basic.reveal()).ok()) {
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_may_name_other_rights_but_not_more() {
        let check = |offered: Option<&str>, wanted: &str, expected: &str| {
            assert_eq!(scope(offered, wanted), expected, "{offered:?}");
        };
        let pull = "repository:a/b:pull";
        check(None, pull, pull);
        check(Some(""), pull, pull);
        check(Some("repository:proxy/a/b:pull"), pull, "repository:proxy/a/b:pull");
        check(Some("repository:a/b:metadata_read"), pull, "repository:a/b:metadata_read");
        check(Some("repository:a/b:pull,push"), pull, pull);
        check(Some("repository:a/b:*"), pull, pull);
        check(Some("registry:catalog:*"), pull, pull);
        check(Some("registry:catalog:pull"), pull, pull);
        check(Some("repository:a/b:pull repository:c:delete"), pull, pull);
        let mount = "repository:a/b:pull,push repository:c:pull";
        check(Some("repository:a/b:pull,push"), mount, mount);
        check(
            Some("repository:a/b:push,pull"),
            "repository:a/b:pull,push",
            "repository:a/b:push,pull",
        );
    }

    #[test]
    fn tokens_end() {
        let tokens = Tokens::default();
        tokens.put("h", "s", HeaderValue::from_static("x"), Duration::from_secs(60));
        tokens.put("h", "gone", HeaderValue::from_static("x"), Duration::ZERO);
        assert!(tokens.get("h", "s").is_some());
        assert!(tokens.get("h", "gone").is_none());
        assert!(tokens.get("h", "other").is_none());
        for n in 0..MAX_TOKENS * 2 {
            tokens.put("h", &n.to_string(), HeaderValue::from_static("x"), Duration::from_secs(60));
        }
        assert!(tokens.0.lock().unwrap().len() <= MAX_TOKENS);
    }
}
