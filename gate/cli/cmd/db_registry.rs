//! The database as an artifact in the user's own registry: one machine fetches advisories, all others take them from there.

use secgate_advisory::{Database, Status, install};
use secgate_formats::oci::{Descriptor, EMPTY, MANIFEST, Manifest};
use secgate_policy::CLOCK_SKEW;
use secgate_registry::{Client, Registry, Repository, Upload};
use secgate_source::{Reference, RegistryReference};

use crate::{
    args::{DbPullArgs, DbPushArgs},
    cmd::db::unusable,
    config::Config,
    environment,
    exit::{Failure, Outcome, PASS},
    open_image::reference,
    remote::{registry, told},
    settings::{policy, read},
};

/// What kind of artifact it is (OCI image specification 1.1, `manifest.md`, "Guidelines for Artifact Usage").
const ARTIFACT: &str = "application/vnd.secgate.advisories";
/// Its only layer: the file as it is, which is compressed inside.
const LAYER: &str = "application/vnd.secgate.advisories.db";
/// A database with every source is some tenth of this.
const MAX_DATABASE: u64 = 2 << 30;

pub(crate) fn push(args: &DbPushArgs) -> Outcome {
    let named = named(&args.reference)?;
    let config = Config::find(args.config.as_deref(), None)?;
    let path = config.database(args.db.as_deref())?;
    let database = Database::open(&path).map_err(|error| unusable(&error, &path))?;
    database.verify().map_err(|error| unusable(&error, &path))?;
    let status = database.status().clone();
    drop(database);
    let bytes = read(&path, MAX_DATABASE)
        .map_err(|error| Failure::evidence(format!("{}: {error}", path.display())))?;
    let registry = registry(&named, &args.source)?;
    let tag = named.tag.clone();
    let digest = registry
        .run(|client, repository| async move {
            send(&client, &repository, bytes, &status, tag.as_deref()).await
        })
        .map_err(|error| told(&error))?;
    crate::judge::show(format!("{}@{digest}\n", named.name()).as_bytes())?;
    if !args.talk.quiet {
        anstream::eprintln!(
            "note: it has no signature; `secgate db pull` takes it only where the policy allows that"
        );
    }
    Ok(PASS)
}

async fn send(
    client: &Client,
    repository: &Repository,
    bytes: Vec<u8>,
    status: &Status,
    tag: Option<&str>,
) -> Result<secgate_model::Digest, secgate_registry::RegistryError> {
    let config = Upload::bytes(EMPTY, b"{}".to_vec());
    let layer = Upload::bytes(LAYER, bytes);
    client.push_blob(repository, &config, None).await?;
    client.push_blob(repository, &layer, None).await?;
    let published = status.published_at().map(|at| at.to_string());
    let annotations = [
        ("org.opencontainers.image.created", published),
        ("dev.secgate.advisories.revision", Some(status.revision.clone())),
    ];
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(MANIFEST[0].to_owned()),
        artifact_type: Some(ARTIFACT.to_owned()),
        config: config.descriptor.clone(),
        layers: vec![Descriptor { annotations: title(), ..layer.descriptor.clone() }],
        annotations: annotations
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect(),
        ..Manifest::default()
    };
    let bytes = serde_json::to_vec(&manifest).expect("plain texts and numbers always encode");
    Ok(client.push_manifest(repository, MANIFEST[0], bytes, tag).await?.digest)
}

/// The name under which other clients save the file.
fn title() -> std::collections::BTreeMap<String, String> {
    [("org.opencontainers.image.title".to_owned(), "advisories.db".to_owned())].into()
}

pub(crate) fn pull(args: &DbPullArgs) -> Outcome {
    let named = named(&args.reference)?;
    let config = Config::find(args.config.as_deref(), None)?;
    let policy = policy(args.policy.as_deref(), &config, &read)?;
    let path = config.database(args.db.as_deref())?;
    let registry = registry(&named, &args.source)?;
    let (signed, bytes) = fetch(&registry, &named)?;
    if !signed && !policy.accepts_unsigned_database() {
        return Err(Failure::evidence(format!(
            "the database {} was not taken: it has no signature that the policy accepts",
            args.reference
        ))
        .hint("where that is meant, say so in the policy: `evidence: { advisories: { unsigned: allow } }`"));
    }
    let now = environment::now();
    let held = Database::open(&path).ok().and_then(|held| held.status().published_at());
    let status = install(&path, bytes, |fresh| {
        let published = fresh.published_at().ok_or("nobody knows how old its advisories are")?;
        // The gate would refuse it at every run, and no later one would be newer.
        if published.duration_since(now) > CLOCK_SKEW {
            return Err(format!("its advisories are of {published}, which lies in the future"));
        }
        let age = now.duration_since(published);
        if age > policy.advisory_age() {
            return Err(format!(
                "its advisories are of {published}, older than the policy allows: push a newer one"
            ));
        }
        if let Some(held) = held.filter(|held| *held > published && !args.replace_newer) {
            return Err(format!(
                "its advisories are of {published}, and those here are newer, of {held} (--replace-newer takes them all the same)"
            ));
        }
        Ok(())
    })
    .map_err(|error| Failure::evidence(format!("the advisory database was not changed: {error}")))?;
    if !args.talk.quiet {
        anstream::eprintln!(
            "{}: {} advisories, revision {}",
            path.display(),
            status.records,
            status.revision
        );
    }
    Ok(PASS)
}

/// The bytes of the artifact, with whether a signature vouches for it. This version verifies none, so that none vouches.
fn fetch(registry: &Registry, named: &RegistryReference) -> Result<(bool, Vec<u8>), Failure> {
    let wanted = named.wanted();
    let manifest = registry
        .run(|client, repository| async move { client.manifest(&repository, &wanted).await })
        .map_err(|error| told(&error))?;
    let wrong = |what: &str| Failure::evidence(format!("{}: {what}", named.name()));
    let document: Manifest = serde_json::from_slice(&manifest.bytes)
        .map_err(|error| wrong(&format!("its manifest cannot be read: {error}")))?;
    if document.artifact_type.as_deref() != Some(ARTIFACT) {
        return Err(wrong("it is no advisory database").hint("`secgate db push` writes one"));
    }
    let [layer] = document.layers.as_slice() else {
        return Err(wrong("an advisory database has one layer"));
    };
    if layer.media_type != LAYER {
        return Err(wrong("its layer is no advisory database"));
    }
    let bytes = registry
        .run(|client, repository| async move {
            client.small_blob(&repository, layer, MAX_DATABASE).await
        })
        .map_err(|error| told(&error))?;
    Ok((false, bytes))
}

fn named(text: &str) -> Result<RegistryReference, Failure> {
    match reference(text)? {
        Reference::Registry(named) => Ok(named),
        _ => Err(Failure::usage(format!("`{text}` does not name a repository of a registry"))),
    }
}
