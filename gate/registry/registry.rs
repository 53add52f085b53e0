use std::{
    io::{self, Read},
    sync::Arc,
};

use bytes::Bytes;
use secgate_formats::oci::Descriptor;
use secgate_source::{BlobError, Blobs, Served, Wanted};
use tokio::{runtime, sync::mpsc};

use crate::{
    client::Client,
    error::{ErrorKind, RegistryError},
    repository::Repository,
};

/// A repository for code that is not asynchronous. It owns its runtime: use and drop it outside of any other.
#[derive(Debug)]
pub struct Registry {
    client: Client,
    repository: Repository,
    name: String,
    runtime: Option<runtime::Runtime>,
}

impl Registry {
    /// A repository, read through this client.
    ///
    /// # Errors
    /// When the operating system gives no threads.
    pub fn new(client: Client, repository: Repository) -> Result<Self, RegistryError> {
        let runtime = start(&repository.to_string())?;
        Ok(Self { client, name: repository.to_string(), repository, runtime: Some(runtime) })
    }

    /// Runs one of the client's operations to its end.
    ///
    /// # Panics
    /// Inside another runtime.
    pub fn run<F: Future>(&self, work: impl FnOnce(Client, Repository) -> F) -> F::Output {
        self.runtime().block_on(work(self.client.clone(), self.repository.clone()))
    }

    fn runtime(&self) -> &runtime::Runtime {
        self.runtime.as_ref().expect("it is taken only when this is dropped")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // A name that is being resolved cannot be interrupted, and nobody waits for it.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

pub(crate) fn start(name: &str) -> Result<runtime::Runtime, RegistryError> {
    runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("registry")
        .enable_all()
        .build()
        .map_err(|error| {
            RegistryError::new(name, ErrorKind::Unreachable(format!("no threads: {error}")))
        })
}

impl Blobs for Registry {
    fn name(&self) -> &str {
        &self.name
    }

    fn manifest(&self, wanted: &Wanted) -> Result<Served, BlobError> {
        let manifest = self.runtime().block_on(self.client.manifest(&self.repository, wanted))?;
        Ok(Served { media_type: manifest.media_type, bytes: manifest.bytes })
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send + '_>, BlobError> {
        let mut blob = self.runtime().block_on(self.client.blob(&self.repository, descriptor))?;
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        // Reads on while the reader inflates. It ends with the reader: then nobody takes what it sends.
        self.runtime().spawn(async move {
            loop {
                let next = blob.chunk().await;
                let more = matches!(next, Ok(Some(_)));
                if sender.send(next).await.is_err() || !more {
                    return;
                }
            }
        });
        Ok(Box::new(Stream { receiver, bytes: Bytes::new(), end: End::Open }))
    }
}

/// Chunks are what the connection brings, at most some hundred kilobytes each.
pub(crate) const CHUNKS_AHEAD: usize = 8;

/// Chunks as a reader. An error stays: a reader that tries again after it does not see an end.
pub(crate) struct Stream {
    pub(crate) receiver: mpsc::Receiver<Result<Option<Bytes>, RegistryError>>,
    pub(crate) bytes: Bytes,
    pub(crate) end: End,
}

pub(crate) enum End {
    Open,
    Whole,
    Failed(Arc<RegistryError>),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.bytes.is_empty() {
            match &self.end {
                End::Open => {}
                End::Whole => return Ok(0),
                End::Failed(error) => return Err(io::Error::other(Arc::clone(error))),
            }
            match self.receiver.blocking_recv() {
                Some(Ok(Some(bytes))) => self.bytes = bytes,
                Some(Ok(None)) => self.end = End::Whole,
                Some(Err(error)) => self.end = End::Failed(Arc::new(error)),
                // The task ends only after it has sent an end; without one it was stopped.
                None => {
                    let kind = ErrorKind::Unreachable("reading was stopped".to_owned());
                    self.end = End::Failed(Arc::new(RegistryError::new("a blob", kind)));
                }
            }
        }
        let length = buffer.len().min(self.bytes.len());
        let taken = self.bytes.split_to(length);
        if let Some(room) = buffer.get_mut(..length) {
            room.copy_from_slice(&taken);
        }
        Ok(length)
    }
}
