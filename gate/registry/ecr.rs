//! Amazon's registry (ECR): its password is granted for some hours by `GetAuthorizationToken` (ECR API reference, 2015-09-21).

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde::Deserialize;

use crate::{
    aws::{Aws, domain, endpoint},
    aws_call::AwsCall,
    client::Client,
    credential::Credential,
    error::ErrorKind,
    sigv4::{Unsigned, sign},
};

/// A private registry of Amazon by its host: account and region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EcrHost {
    region: String,
    fips: bool,
}

impl EcrHost {
    /// Reads `<account>.dkr.ecr[-fips].<region>.amazonaws.com[.cn]` and the dual-stack form `<account>.dkr-ecr.<region>.on.aws`.
    pub(crate) fn read(host: &str) -> Option<Self> {
        let (account, rest) = host.split_once('.')?;
        if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let forms = [
            ("dkr.ecr.", ".amazonaws.com", false),
            ("dkr.ecr.", ".amazonaws.com.cn", false),
            ("dkr.ecr-fips.", ".amazonaws.com", true),
            ("dkr-ecr.", ".on.aws", false),
            ("dkr-ecr.", ".on.amazonwebservices.com.cn", false),
            ("dkr-ecr-fips.", ".on.aws", true),
        ];
        forms.into_iter().find_map(|(before, after, fips)| {
            let region = rest.strip_prefix(before)?.strip_suffix(after)?;
            let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            (!region.is_empty() && region.bytes().all(word))
                .then(|| Self { region: region.to_owned(), fips })
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAnswer {
    authorization_data: Vec<WireAuthorization>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAuthorization {
    authorization_token: String,
    /// Seconds since 1970.
    expires_at: Option<f64>,
}

impl Client {
    /// The user and password for a registry of Amazon, and how long they are good. `None` where nothing says who this is.
    pub(crate) async fn ecr(
        &self,
        aws: &Aws,
        host: &EcrHost,
        end: Instant,
    ) -> Result<Option<(Credential, Duration)>, ErrorKind> {
        let region = host.region.as_str();
        let Some(keys) = self.aws_keys(aws, region, end).await? else { return Ok(None) };
        let name = if host.fips { "ecr-fips" } else { "api.ecr" };
        let url = endpoint(
            aws,
            "AWS_ENDPOINT_URL_ECR",
            &format!("https://{name}.{region}.{}/", domain(region)),
        )?;
        let now = (aws.now)();
        let body = b"{}".to_vec();
        let request = Unsigned {
            method: "POST",
            url: &url,
            headers: &[
                ("content-type", "application/x-amz-json-1.1"),
                ("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"),
            ],
            body: &body,
            region,
            service: "ecr",
        };
        let headers = sign(&request, &keys, now).into_iter().collect();
        let call = AwsCall { method: Method::POST, url, headers, body, metadata: false, end };
        let bytes = self.aws_call(call).await?;
        let wrong = || ErrorKind::Credentials("ECR answered without a token".to_owned());
        let answer: WireAnswer = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
        let token = answer.authorization_data.into_iter().next().ok_or_else(wrong)?;
        let pair = STANDARD
            .decode(&token.authorization_token)
            .ok()
            .and_then(|pair| String::from_utf8(pair).ok());
        let pair = pair.ok_or_else(wrong)?;
        let (user, password) = pair.split_once(':').ok_or_else(wrong)?;
        // Some minutes less, so that a long pull does not begin at the end.
        let left = token.expires_at.and_then(|expires| {
            let now = Duration::from_secs(u64::try_from(now.as_second()).ok()?);
            Duration::try_from_secs_f64(expires)
                .ok()?
                .checked_sub(now)?
                .checked_sub(Duration::from_secs(300))
        });
        let life = left.unwrap_or(Duration::from_secs(60));
        Ok(Some((Credential::password(user, password), life)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let check = |host: &str, expected: Option<(&str, bool)>| {
            let expected =
                expected.map(|(region, fips)| EcrHost { region: region.to_owned(), fips });
            assert_eq!(EcrHost::read(host), expected, "{host}");
        };
        check("123456789012.dkr.ecr.eu-central-1.amazonaws.com", Some(("eu-central-1", false)));
        check("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", Some(("cn-north-1", false)));
        check(
            "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
            Some(("us-gov-west-1", true)),
        );
        check("123456789012.dkr-ecr.us-east-1.on.aws", Some(("us-east-1", false)));
        for other in [
            "public.ecr.aws",
            "12345.dkr.ecr.eu-central-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.example",
            "123456789012.dkr.ecr..amazonaws.com",
            "123456789012.dkr.ecr.a.b.amazonaws.com",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com:443",
            "x.123456789012.dkr.ecr.eu-central-1.amazonaws.com",
        ] {
            check(other, None);
        }
    }
}
