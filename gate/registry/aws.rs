//! Keys of Amazon, from where its own tools have them: variables, a web identity, the shared credentials file, a container's or a
//! machine's role, in this order.

use std::{fmt, sync::Arc, time::Instant};

use jiff::Timestamp;
use reqwest::{Method, Url};
use serde::Deserialize;

use crate::{
    aws_call::{AwsCall, plain},
    client::Client,
    error::ErrorKind,
    exchange::form,
    options::Secret,
    sigv4::Keys,
};

/// Looks a variable up.
pub type Variable = dyn Fn(&str) -> Option<String> + Send + Sync;
/// Reads a small file of text; the error says why not.
pub type ReadText = dyn Fn(&str) -> Result<String, String> + Send + Sync;

/// What the caller knows of its place in Amazon's cloud. Everything is looked up when it is needed: keys and tokens change.
#[derive(Clone)]
pub struct Aws {
    /// `AWS_ACCESS_KEY_ID` and the others of their kind; what is not set is `None`.
    pub variable: Arc<Variable>,
    /// Reads the files that variables name: a web identity's token, the shared credentials. The caller bounds their size.
    pub read: Arc<ReadText>,
    /// The time, which is part of every signature.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Whether to ask the machine's metadata service (IMDSv2) for its role.
    pub instance_metadata: bool,
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws")
            .field("instance_metadata", &self.instance_metadata)
            .finish_non_exhaustive()
    }
}

impl Aws {
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn text(&self, path: &str) -> Result<String, ErrorKind> {
        (self.read)(path).map_err(|error| failed(&format!("{path}: {error}")))
    }
}

fn failed(what: &str) -> ErrorKind {
    ErrorKind::Credentials(format!("the credentials for Amazon cannot be had: {what}"))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireKeys {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
}

impl WireKeys {
    fn read(bytes: &[u8]) -> Result<Keys, ErrorKind> {
        let wire: Self =
            serde_json::from_slice(bytes).map_err(|_| failed("the answer holds no keys"))?;
        Ok(keys(wire.access_key_id, wire.secret_access_key, wire.token))
    }
}

fn keys(id: String, secret: String, session: Option<String>) -> Keys {
    let session = session.filter(|token| !token.is_empty()).map(Secret::new);
    Keys { id, secret: Secret::new(secret), session }
}

impl Client {
    /// The keys of whoever this is; none where nothing says so.
    pub(crate) async fn aws_keys(
        &self,
        aws: &Aws,
        region: &str,
        end: Instant,
    ) -> Result<Option<Keys>, ErrorKind> {
        if let (Some(id), Some(secret)) =
            (aws.get("AWS_ACCESS_KEY_ID"), aws.get("AWS_SECRET_ACCESS_KEY"))
        {
            return Ok(Some(keys(id, secret, aws.get("AWS_SESSION_TOKEN"))));
        }
        if let (Some(file), Some(role)) =
            (aws.get("AWS_WEB_IDENTITY_TOKEN_FILE"), aws.get("AWS_ROLE_ARN"))
        {
            return self.web_identity(aws, &file, &role, region, end).await.map(Some);
        }
        if let Some(found) = shared(aws)? {
            return Ok(Some(found));
        }
        if let Some(found) = self.container(aws, end).await? {
            return Ok(Some(found));
        }
        let off = aws
            .get("AWS_EC2_METADATA_DISABLED")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if aws.instance_metadata && !off {
            return self.instance(aws, end).await.map(Some);
        }
        Ok(None)
    }

    /// STS `AssumeRoleWithWebIdentity`, which needs no signature: roles of Kubernetes service accounts and of CI systems.
    async fn web_identity(
        &self,
        aws: &Aws,
        file: &str,
        role: &str,
        region: &str,
        end: Instant,
    ) -> Result<Keys, ErrorKind> {
        let token = aws.text(file)?;
        let session = aws.get("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "secgate".to_owned());
        let default = format!("https://sts.{region}.{}/", domain(region));
        let url = endpoint(aws, "AWS_ENDPOINT_URL_STS", &default)?;
        let body = form(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", role),
            ("RoleSessionName", &session),
            ("WebIdentityToken", token.trim()),
        ])
        .into_bytes();
        let headers = [plain("content-type", "application/x-www-form-urlencoded")];
        let call = AwsCall {
            method: Method::POST,
            url,
            headers: headers.into(),
            body,
            metadata: false,
            end,
        };
        let bytes = self.aws_call(call).await?;
        let text =
            std::str::from_utf8(&bytes).map_err(|_| failed("STS answered with what is no text"))?;
        let document = roxmltree::Document::parse(text)
            .map_err(|_| failed("STS answered with what is no XML"))?;
        let credentials =
            document.descendants().find(|node| node.tag_name().name() == "Credentials");
        let field = |name: &str| {
            let node = credentials?.children().find(|node| node.tag_name().name() == name)?;
            node.text().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        match (field("AccessKeyId"), field("SecretAccessKey"), field("SessionToken")) {
            (Some(id), Some(secret), token @ Some(_)) => Ok(keys(id, secret, token)),
            _ => Err(failed("STS answered without keys")),
        }
    }

    /// The role of a task (ECS) or a pod (EKS Pod Identity).
    async fn container(&self, aws: &Aws, end: Instant) -> Result<Option<Keys>, ErrorKind> {
        let address = match (
            aws.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
            aws.get("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        ) {
            (Some(path), _) if path.starts_with('/') => format!("http://169.254.170.2{path}"),
            (Some(_), _) => {
                return Err(failed("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is no path"));
            }
            (None, Some(address)) => address,
            (None, None) => return Ok(None),
        };
        let url = Url::parse(&address)
            .map_err(|_| failed("the container's credentials have no address"))?;
        // The hosts that Amazon's own tools ask without encryption: this machine, ECS, EKS.
        let host = url.host_str().unwrap_or_default();
        let near = crate::address::is_loopback(host)
            || ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"].contains(&host);
        if url.scheme() != "https" && !(url.scheme() == "http" && near) {
            return Err(failed("the container's credentials are neither near nor encrypted"));
        }
        let token = match aws.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(file) => Some(aws.text(&file)?.trim().to_owned()),
            None => aws.get("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        };
        let headers = token.map(|token| plain("authorization", &token)).into_iter().collect();
        let call =
            AwsCall { method: Method::GET, url, headers, body: Vec::new(), metadata: true, end };
        WireKeys::read(&self.aws_call(call).await?).map(Some)
    }

    /// The machine's role, by the second version of its metadata service, which a redirect or a proxy cannot be talked into asking.
    async fn instance(&self, aws: &Aws, end: Instant) -> Result<Keys, ErrorKind> {
        let base = endpoint(aws, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254/")?;
        let call = |method: Method, path: &str, headers: Vec<(String, Secret)>| {
            let url =
                base.join(path).map_err(|_| failed("the metadata service has no such address"))?;
            Ok(AwsCall { method, url, headers, body: Vec::new(), metadata: true, end })
        };
        let life = plain("x-aws-ec2-metadata-token-ttl-seconds", "300");
        let token = self.aws_call(call(Method::PUT, "/latest/api/token", vec![life])?).await?;
        let token =
            String::from_utf8(token).map_err(|_| failed("the metadata service gave no token"))?;
        let header = || vec![plain("x-aws-ec2-metadata-token", token.trim())];
        let roles = "/latest/meta-data/iam/security-credentials/";
        let role = self.aws_call(call(Method::GET, roles, header())?).await?;
        let role = String::from_utf8_lossy(&role);
        let role = role.lines().next().unwrap_or_default().trim();
        // IAM: role names are words with `+=,.@_-`.
        if role.is_empty()
            || !role.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b))
        {
            return Err(failed("the machine has no role"));
        }
        WireKeys::read(
            &self.aws_call(call(Method::GET, &format!("{roles}{role}"), header())?).await?,
        )
    }
}

/// Amazon's domain in a part of the world.
pub(crate) fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// A service's address, or the one that a variable puts in its place, as in a test or a closed network.
pub(crate) fn endpoint(aws: &Aws, variable: &str, default: &str) -> Result<Url, ErrorKind> {
    let address = aws.get(variable).unwrap_or_else(|| default.to_owned());
    Url::parse(&address).map_err(|_| failed(&format!("{variable} is no address")))
}

/// The profile of the shared credentials file; none where there is no such file or profile, unless one was asked for.
fn shared(aws: &Aws) -> Result<Option<Keys>, ErrorKind> {
    let named = aws.get("AWS_SHARED_CREDENTIALS_FILE");
    let wanted = aws.get("AWS_PROFILE");
    let Some(path) =
        named.clone().or_else(|| aws.get("HOME").map(|home| format!("{home}/.aws/credentials")))
    else {
        return Ok(None);
    };
    let text = match (aws.read)(&path) {
        Ok(text) => text,
        Err(error) if named.is_some() || wanted.is_some() => {
            return Err(failed(&format!("{path}: {error}")));
        }
        Err(_) => return Ok(None),
    };
    let profile = wanted.as_deref().unwrap_or("default");
    match (section(&text, profile), wanted.is_some()) {
        (Some(found), _) => Ok(Some(found)),
        (None, true) => Err(failed(&format!("{path} has no keys of the profile {profile}"))),
        (None, false) => Ok(None),
    }
}

fn section(text: &str, profile: &str) -> Option<Keys> {
    let mut inside = false;
    let (mut id, mut secret, mut session) = (None, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
            inside = name.0.trim() == profile;
            continue;
        }
        let Some((key, value)) =
            line.split_once('=').filter(|_| inside && !line.starts_with(['#', ';']))
        else {
            continue;
        };
        let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        match key.trim().to_ascii_lowercase().as_str() {
            "aws_access_key_id" => id = value,
            "aws_secret_access_key" => secret = value,
            "aws_session_token" => session = value,
            _ => {}
        }
    }
    Some(keys(id?, secret?, session))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shared_file() {
        let text = "# x\n[default]\naws_access_key_id = A\naws_secret_access_key=S=\n\n[ci]\naws_access_key_id=B\n; aws_secret_access_key=no\nAWS_SECRET_ACCESS_KEY = T\naws_session_token = U\n[half]\naws_access_key_id=C\n";
        let check = |profile: &str, expected: Option<(&str, &str, Option<&str>)>| {
            let found = section(text, profile);
            let expected = expected.map(|(id, secret, session)| {
                keys(id.to_owned(), secret.to_owned(), session.map(str::to_owned))
            });
            assert_eq!(found, expected, "{profile}");
        };
        check("default", Some(("A", "S=", None)));
        check("ci", Some(("B", "T", Some("U"))));
        check("half", None);
        check("none", None);
    }
}
