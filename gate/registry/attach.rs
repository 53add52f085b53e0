use std::time::Duration;

use secgate_formats::oci::{Descriptor, INDEX};
use secgate_model::Digest;
use secgate_source::{MAX_MANIFEST, Wanted};
use serde_json::{Value, json};

use crate::{
    client::Client,
    error::{ErrorKind, RegistryError},
    listing::fallback_tag,
    push::Pushed,
    repository::Repository,
};

/// How often the list is written when others write it at the same time.
const ROUNDS: u32 = 8;

impl Client {
    /// Pushes a manifest that is attached to another one (its `subject`), and sees to it that it is found: where the registry has no
    /// referrers API, the list under the subject's tag is brought up to date (OCI distribution specification 1.1, "Pushing Manifests
    /// with Subject").
    ///
    /// `entry` is how the list describes the manifest: type, artifact type, annotations; digest and size are set here.
    ///
    /// # Errors
    /// When the manifest cannot be pushed, or the list cannot be brought up to date: what is attached and not found helps nobody.
    pub async fn attach(
        &self,
        repository: &Repository,
        subject: &Digest,
        entry: Descriptor,
        bytes: Vec<u8>,
    ) -> Result<Pushed, RegistryError> {
        let size = bytes.len() as u64;
        let pushed = self.push_manifest(repository, &entry.media_type, bytes, None).await?;
        if !pushed.subject_noted {
            let entry = Descriptor { digest: pushed.digest.to_string(), size, ..entry };
            self.list(repository, subject, &entry).await?;
        }
        Ok(pushed)
    }

    /// Read, add, write, read again. Between the two somebody else may have written; where the registry offers `ETag`, the write then
    /// fails, and elsewhere the second reading shows what got lost.
    async fn list(
        &self,
        repository: &Repository,
        subject: &Digest,
        entry: &Descriptor,
    ) -> Result<(), RegistryError> {
        let tag = fallback_tag(subject);
        let doing = || format!("updating the list {tag} of {repository}");
        let wanted = Wanted::Tag(tag.clone());
        // Every entry that was ever seen there: whoever wrote it is owed its place.
        let mut seen: Vec<Value> = Vec::new();
        let end = self.end(self.options().bounds.operation);
        for round in 0..ROUNDS {
            let (mut index, etag) = match self.manifest_of(repository, &wanted).await {
                Ok(found) => {
                    (serde_json::from_slice(&found.bytes).unwrap_or(Value::Null), found.etag)
                }
                Err(error) if error.kind == ErrorKind::NotFound => {
                    (json!({"schemaVersion": 2, "mediaType": INDEX[0], "manifests": []}), None)
                }
                Err(error) => return Err(error),
            };
            let Some(entries) = index.get_mut("manifests").and_then(Value::as_array_mut) else {
                let message = "what stands there is no index, and is not written over".to_owned();
                return Err(RegistryError::new(doing(), ErrorKind::Wrong(message)));
            };
            let missing = |entries: &[Value], digest: &Value| {
                !entries.iter().any(|entry| entry["digest"] == *digest)
            };
            for entry in entries.iter() {
                if missing(&seen, &entry["digest"]) {
                    seen.push(entry.clone());
                }
            }
            let own = serde_json::to_value(entry).unwrap_or(Value::Null);
            if missing(&seen, &Value::from(entry.digest.as_str())) {
                seen.push(own);
            }
            let before = entries.len();
            for entry in &seen {
                if missing(entries, &entry["digest"]) {
                    entries.push(entry.clone());
                }
            }
            if entries.len() == before {
                return Ok(());
            }
            let bytes = serde_json::to_vec(&index).unwrap_or_default();
            if bytes.len() as u64 > MAX_MANIFEST {
                return Err(RegistryError::new(
                    doing(),
                    ErrorKind::TooLarge(format!("{MAX_MANIFEST} bytes")),
                ));
            }
            match self.put_manifest(repository, INDEX[0], bytes, Some(&tag), etag).await {
                Ok(_) => {}
                Err(error) if error.kind == ErrorKind::Changed => {}
                Err(error) => return Err(error),
            }
            if std::time::Instant::now() >= end {
                break;
            }
            // Those who collided do not come back at once together.
            let pause = crate::retry::pause(&self.options().bounds, round + 2, None);
            tokio::time::sleep(if round == 0 { Duration::ZERO } else { pause }).await;
        }
        let message = "others write it at the same time, again and again".to_owned();
        Err(RegistryError::new(doing(), ErrorKind::Wrong(message)))
    }
}
