//! Who to be to a registry: what the caller gives, what the files of logins say, what Amazon grants; in this order.

use std::time::{Duration, Instant};

use crate::{
    client::Client, credential::Credential, docker_config::Found, ecr::EcrHost, error::ErrorKind,
    profile::Profile, repository::Repository,
};

/// How long a user and a password count before they are looked up again.
const LIFE: Duration = Duration::from_secs(15 * 60);

impl Client {
    /// The credential for a repository and how long it is good; none where nobody has one.
    ///
    /// # Errors
    /// When one is configured and cannot be had: to go on without would be to ask for something else.
    pub(crate) async fn credential(
        &self,
        profile: &Profile,
        repository: &Repository,
        end: Instant,
    ) -> Result<(Option<Credential>, Duration), ErrorKind> {
        if let Some(credential) = &profile.host.credential {
            return Ok((Some(credential.clone()), LIFE));
        }
        for file in &self.options().logins {
            for found in file.lookup(repository) {
                let credential = match found {
                    Found::Here(credential) => Some(credential),
                    Found::Broken(message) => return Err(ErrorKind::Credentials(message)),
                    Found::Helper { name, server } => self.ask_helper(name, server).await?,
                };
                if credential.is_some() {
                    return Ok((credential, LIFE));
                }
            }
        }
        if let (Some(aws), Some(host)) = (&self.options().aws, EcrHost::read(repository.host()))
            && let Some((credential, life)) = self.ecr(aws, &host, end).await?
        {
            return Ok((Some(credential), life));
        }
        Ok((None, LIFE))
    }

    async fn ask_helper(
        &self,
        name: String,
        server: String,
    ) -> Result<Option<Credential>, ErrorKind> {
        let Some(runner) = self.options().helpers.clone() else {
            let message = format!(
                "the login for {server} is in docker-credential-{name}, and no programs are run here"
            );
            return Err(ErrorKind::Credentials(message));
        };
        let asked = tokio::task::spawn_blocking(move || (runner.0)(&name, &server)).await;
        match asked {
            Ok(answer) => answer.map_err(ErrorKind::Credentials),
            Err(_) => {
                Err(ErrorKind::Credentials("the credential helper could not be asked".to_owned()))
            }
        }
    }
}
