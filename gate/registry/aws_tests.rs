//! Amazon's ways to a password, against a stand-in on this machine.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    Aws, Client, Credential, ErrorKind, Options,
    ecr::EcrHost,
    hostile::{Hostile, Request, Step, answer},
    hostile_tests::quick,
};

fn aws(variables: &[(&str, &str)], files: &[(&str, &str)], instance_metadata: bool) -> Aws {
    let own = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let (variables, files) = (own(variables), own(files));
    Aws {
        variable: Arc::new(move |name| variables.get(name).cloned()),
        read: Arc::new(move |path| {
            files.get(path).cloned().ok_or_else(|| "no such file".to_owned())
        }),
        now: Arc::new(|| "2026-01-02T03:04:05Z".parse().unwrap()),
        instance_metadata,
    }
}

/// Everything of Amazon's in one place.
fn amazon(request: &Request, _: usize) -> Vec<Step> {
    let keys = |id: &str| {
        let body = format!(
            r#"{{"AccessKeyId": "{id}", "SecretAccessKey": "s", "Token": "t", "Expiration": "x"}}"#
        );
        answer(200, &[], body.as_bytes())
    };
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/ecr/") => {
            // AWS:password; an hour later.
            let body = br#"{"authorizationData": [{"authorizationToken": "QVdTOnBhc3N3b3Jk", "expiresAt": 1767326645.5, "proxyEndpoint": "x"}]}"#;
            answer(200, &[], body)
        }
        ("POST", "/sts/") => answer(200, &[], br#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>WEB</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"#),
        ("GET", "/container") if request.header("authorization") == Some("pod-token") => keys("POD"),
        ("PUT", "/latest/api/token") => answer(200, &[], b"imds"),
        ("GET", path) if request.header("x-aws-ec2-metadata-token") == Some("imds") => {
            match path.strip_prefix("/latest/meta-data/iam/security-credentials/") {
                Some("") => answer(200, &[], b"my-role\n"),
                Some("my-role") => keys("MACHINE"),
                _ => answer(404, &[], b""),
            }
        }
        _ => answer(403, &[], b""),
    }
}

async fn ask(server: &Hostile, aws: Aws) -> Result<Option<Credential>, ErrorKind> {
    let client = Client::new(Options { bounds: quick(), ..Options::default() }).unwrap();
    let host = EcrHost::read("123456789012.dkr.ecr.eu-central-1.amazonaws.com").unwrap();
    let end = client.end(quick().operation);
    let found = client.ecr(&aws, &host, end).await?;
    if let Some((_, life)) = &found {
        assert_eq!(life.as_secs(), 3600 - 300);
        let seen = server.seen();
        let request = seen.last().unwrap();
        assert!(request.header("x-amz-target").unwrap().ends_with(".GetAuthorizationToken"));
        assert_eq!(request.body, b"{}");
    }
    Ok(found.map(|(credential, _)| credential))
}

#[tokio::test]
async fn every_way_to_a_password() {
    let server = Hostile::start(amazon).await;
    let at = |path: &str| format!("http://{}{path}", server.host());
    let (ecr, sts, container, metadata) = (at("/ecr/"), at("/sts/"), at("/container"), at("/"));
    let ecr = ("AWS_ENDPOINT_URL_ECR", ecr.as_str());
    let check = async |aws: Aws, id: &str| {
        let found = ask(&server, aws).await.unwrap();
        assert_eq!(found, Some(Credential::password("AWS", "password")));
        let seen = server.seen();
        let signed = seen.last().unwrap().header("authorization").unwrap();
        let begin =
            format!("AWS4-HMAC-SHA256 Credential={id}/20260102/eu-central-1/ecr/aws4_request, ");
        assert!(signed.starts_with(&begin), "{signed}");
    };
    check(
        aws(&[ecr, ("AWS_ACCESS_KEY_ID", "ENV"), ("AWS_SECRET_ACCESS_KEY", "s")], &[], false),
        "ENV",
    )
    .await;
    let web = [
        ecr,
        ("AWS_ENDPOINT_URL_STS", sts.as_str()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/x"),
    ];
    check(aws(&web, &[("/token", "jwt&\n")], false), "WEB").await;
    let seen = server.seen();
    let sts = seen.iter().find(|request| request.path == "/sts/").unwrap();
    assert!(String::from_utf8_lossy(&sts.body).ends_with(
        "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx&RoleSessionName=secgate&WebIdentityToken=jwt%26"
    ));
    let file =
        [("/h/.aws/credentials", "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n")];
    check(aws(&[ecr, ("HOME", "/h")], &file, false), "FILE").await;
    let pod = [
        ecr,
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/pod"),
    ];
    check(aws(&pod, &[("/pod", "pod-token")], false), "POD").await;
    let machine = [ecr, ("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.as_str())];
    check(aws(&machine, &[], true), "MACHINE").await;
    assert_eq!(ask(&server, aws(&machine, &[], false)).await, Ok(None));
    let off = [machine[0], machine[1], ("AWS_EC2_METADATA_DISABLED", "true")];
    assert_eq!(ask(&server, aws(&off, &[], true)).await, Ok(None));
}

#[tokio::test]
async fn what_is_configured_and_does_not_work_is_an_error() {
    let server = Hostile::start(|_, _| answer(403, &[], b"<Error>hunter2</Error>")).await;
    let url = format!("http://{}/", server.host());
    let ecr = ("AWS_ENDPOINT_URL_ECR", url.as_str());
    let check = async |variables: &[(&str, &str)], files: &[(&str, &str)], requests: usize| {
        let before = server.seen().len();
        let error = ask(&server, aws(variables, files, false)).await.unwrap_err();
        assert!(
            matches!(&error, ErrorKind::Credentials(message) if !message.contains("hunter2")),
            "{error}"
        );
        assert_eq!(server.seen().len() - before, requests, "{error}");
    };
    let (id, secret) = (("AWS_ACCESS_KEY_ID", "A"), ("AWS_SECRET_ACCESS_KEY", "hunter2"));
    check(&[ecr, id, secret], &[], 1).await;
    check(&[("AWS_ENDPOINT_URL_ECR", "http://example.com/"), id, secret], &[], 0).await;
    check(&[("AWS_ENDPOINT_URL_ECR", "https://169.254.169.254/"), id, secret], &[], 0).await;
    check(&[ecr, ("AWS_WEB_IDENTITY_TOKEN_FILE", "/none"), ("AWS_ROLE_ARN", "r")], &[], 0).await;
    check(&[ecr, ("AWS_PROFILE", "ci"), ("HOME", "/h")], &[], 0).await;
    check(&[ecr, ("AWS_PROFILE", "ci"), ("HOME", "/h")], &[("/h/.aws/credentials", "[x]")], 0)
        .await;
    check(&[ecr, ("AWS_SHARED_CREDENTIALS_FILE", "/none")], &[], 0).await;
    check(&[ecr, ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/x")], &[], 0).await;
    check(&[ecr, ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.169.254/x")], &[], 0).await;
    check(&[ecr, ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@example.com/x")], &[], 0).await;
    check(&[ecr, ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str())], &[], 1).await;
}
