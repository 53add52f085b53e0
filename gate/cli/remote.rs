//! Images that are not in files: in registries and in container engines. What these need of the environment is gathered here.

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use secgate_registry::{
    Aws, Bounds, Client, Credential, DockerConfig, Engine, ErrorKind, HelperRunner, HostOptions,
    MAX_CONFIG, Options, ProxyOptions, Registry, RegistryError, Repository, Secret, Transport,
};
use secgate_source::{
    Image, ImageOptions, Reference, RegistryReference, Wanted, open_image, open_stream,
};

use crate::{
    args::{ImageSource, RegistrySource},
    environment,
    exit::Failure,
    open_image::failed,
};

/// A credential helper that asks a person something must not hold up a pipeline for ever.
const HELPER_LIMIT: Duration = Duration::from_secs(30);
/// What `docker save` may write at most.
const MAX_EXPORT: u64 = 128 << 30;

/// Opens an image of a registry or an engine.
pub(crate) fn open(
    reference: &Reference,
    source: &ImageSource,
    options: &ImageOptions<'_>,
) -> Result<Vec<Image>, Failure> {
    match reference {
        Reference::Registry(named) => {
            let registry = registry(named, &source.registry)?;
            open_image(&registry, &named.wanted(), options).map_err(|error| failed(&error))
        }
        Reference::DockerDaemon(name) => {
            from_engine("docker-daemon", name, &docker_socket()?, options)
        }
        Reference::Podman(name) => from_engine("podman", name, &podman_socket()?, options),
        _ => Err(Failure::usage(format!("{reference} lies in files"))),
    }
}

fn from_engine(
    scheme: &str,
    name: &str,
    socket: &Path,
    options: &ImageOptions<'_>,
) -> Result<Vec<Image>, Failure> {
    let engine = Engine::new(socket, Bounds::default()).map_err(|error| told(&error))?;
    let image = engine.inspect(name).map_err(|error| told(&error))?;
    // By its identifier: the name may be given to another image between the two questions.
    let mut stream = engine.export(&image.id, MAX_EXPORT).map_err(|error| told(&error))?;
    open_stream(&format!("{scheme}:{name}"), &mut stream, &Wanted::Only, options)
        .map_err(|error| failed(&error))
}

/// The repository that a reference names, with what this machine knows of logins, proxies and authorities.
pub(crate) fn registry(
    named: &RegistryReference,
    source: &RegistrySource,
) -> Result<Registry, Failure> {
    let repository =
        Repository::new(&named.host, &named.repository).map_err(|error| told(&error))?;
    let client = Client::new(client_options(source, &named.host)?).map_err(|error| told(&error))?;
    Registry::new(client, repository).map_err(|error| told(&error))
}

fn client_options(source: &RegistrySource, host: &str) -> Result<Options, Failure> {
    let mut hosts: BTreeMap<String, HostOptions> = BTreeMap::new();
    for host in &source.insecure_registry {
        hosts.entry(host.to_ascii_lowercase()).or_default().transport = Transport::Insecure;
    }
    for pair in &source.registry_mirror {
        let Some((host, mirror)) =
            pair.split_once('=').filter(|(host, to)| !host.is_empty() && !to.is_empty())
        else {
            return Err(Failure::usage(format!("--registry-mirror {pair}: expected HOST=MIRROR")));
        };
        hosts.entry(host.to_ascii_lowercase()).or_default().mirrors.push(mirror.to_owned());
    }
    let user = environment::variable("SECGATE_REGISTRY_USERNAME");
    let password = environment::variable("SECGATE_REGISTRY_PASSWORD");
    match (user, password) {
        (Some(user), Some(password)) => {
            hosts.entry(host.to_ascii_lowercase()).or_default().credential =
                Some(Credential::password(user, password));
        }
        (None, None) => {}
        _ => {
            return Err(Failure::usage(
                "SECGATE_REGISTRY_USERNAME and SECGATE_REGISTRY_PASSWORD belong together: one of them is not set",
            ));
        }
    }
    let mut authorities = Vec::new();
    for path in &source.registry_ca {
        let bytes = crate::settings::read(path, 4 << 20).map_err(|error| {
            Failure::usage(format!("--registry-ca {}: {error}", path.display()))
        })?;
        authorities.extend_from_slice(&bytes);
        authorities.push(b'\n');
    }
    Ok(Options {
        hosts,
        authorities,
        proxy: proxies(),
        logins: logins()?,
        helpers: Some(HelperRunner::programs(None, HELPER_LIMIT)),
        aws: Some(amazon()),
        ..Options::default()
    })
}

/// The usual variables, in both spellings; the small one counts more, as in curl. `HTTP_PROXY` is not read in capitals where
/// a web server runs us: there a request's header `Proxy` would set it.
fn proxies() -> ProxyOptions {
    let variable = environment::variable;
    let http = variable("http_proxy")
        .or_else(|| variable("HTTP_PROXY").filter(|_| variable("REQUEST_METHOD").is_none()));
    ProxyOptions {
        http: http.map(Secret::new),
        https: variable("https_proxy").or_else(|| variable("HTTPS_PROXY")).map(Secret::new),
        direct: variable("no_proxy").or_else(|| variable("NO_PROXY")).unwrap_or_default(),
    }
}

/// Docker's and podman's login files, those that are there. One that is there and cannot be read is an error: without it an
/// image could look as if it did not exist.
fn logins() -> Result<Vec<DockerConfig>, Failure> {
    let variable = environment::variable;
    let mut files: Vec<PathBuf> = Vec::new();
    files.extend(variable("REGISTRY_AUTH_FILE").map(PathBuf::from));
    let home = variable("HOME").map(PathBuf::from);
    files.extend(
        variable("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| home.as_ref().map(|home| home.join(".docker")))
            .map(|folder| folder.join("config.json")),
    );
    files.extend(
        variable("XDG_RUNTIME_DIR")
            .map(|folder| PathBuf::from(folder).join("containers").join("auth.json")),
    );
    files.extend(home.map(|home| home.join(".config").join("containers").join("auth.json")));
    let mut logins = Vec::new();
    for path in files {
        let wrong = |error: &dyn std::fmt::Display| {
            Failure::usage(format!("the login file {}: {error}", path.display()))
        };
        match crate::settings::read(&path, MAX_CONFIG as u64) {
            Ok(bytes) => logins.push(DockerConfig::parse(&bytes).map_err(|error| wrong(&error))?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(wrong(&error)),
        }
    }
    Ok(logins)
}

fn amazon() -> Aws {
    Aws {
        variable: Arc::new(environment::variable),
        read: Arc::new(|path: &str| {
            let mut text = String::new();
            std::fs::File::open(Path::new(path))
                .and_then(|file| file.take(1 << 20).read_to_string(&mut text))
                .map_err(|error| error.to_string())?;
            Ok(text)
        }),
        now: Arc::new(environment::now),
        instance_metadata: environment::variable("AWS_EC2_METADATA_DISABLED")
            .is_none_or(|value| !value.eq_ignore_ascii_case("true")),
    }
}

/// `DOCKER_HOST` where it names a socket, or the usual place.
fn docker_socket() -> Result<PathBuf, Failure> {
    socket("DOCKER_HOST", &["/var/run/docker.sock", "/run/docker.sock"])
}

/// `CONTAINER_HOST` where it names a socket, or the user's, or the machine's.
fn podman_socket() -> Result<PathBuf, Failure> {
    let own = environment::variable("XDG_RUNTIME_DIR")
        .map(|folder| format!("{folder}/podman/podman.sock"))
        .unwrap_or_default();
    socket("CONTAINER_HOST", &[&own, "/run/podman/podman.sock"])
}

fn socket(variable: &str, usual: &[&str]) -> Result<PathBuf, Failure> {
    if let Some(text) = environment::variable(variable) {
        return text.strip_prefix("unix://").map(PathBuf::from).ok_or_else(|| {
            Failure::usage(format!("{variable} is `{text}`: only unix:// sockets are spoken to"))
        });
    }
    let there = usual.iter().map(PathBuf::from).find(|path| path.exists());
    there.ok_or_else(|| {
        Failure::evidence("no container engine was found on this machine")
            .hint(format!("start one, or name its socket: {variable}=unix:///path/to/engine.sock"))
    })
}

/// What a registry or an engine answered, as a failure of the run.
pub(crate) fn told(error: &RegistryError) -> Failure {
    let failure = match error.kind {
        ErrorKind::Input(_) => Failure::usage(error),
        _ => Failure::foreign(error),
    };
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
