//! Hashes of passwords and PINs: argon2id (RFC 9106), made on threads of their own.
//!
//! A hash takes a set amount of memory and time on purpose. So there are few threads, each with one piece of memory that it
//! keeps, and a queue with a limit: however many sign in at once, memory is bounded and selling goes on beside it.

mod phc;
mod threads;

use anyhow::Context;
use tillstream_domain::identity::SecretHash;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{
    config::{PasswordSettings, PinSettings},
    derive::{Derive, Purpose},
    problem::Problem,
};
use phc::Parts;
use threads::{Job, Threads};

/// A password, PIN or code as somebody has typed it. It is shown nowhere.
#[derive(Clone, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub(crate) struct Plain(String);

impl Plain {
    /// What was typed.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Plain {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Plain(…)")
    }
}

/// What is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A password.
    Password,
    /// A PIN: so few digits that the hash is keyed with a pepper that the database does not have.
    Pin,
}

/// Makes and checks hashes.
#[derive(Debug)]
pub(crate) struct Hashing {
    passwords: Threads,
    /// Their own thread, so that strangers who try passwords keep no cashier waiting.
    pins: Threads,
    derive: Derive,
    cost: phc::Cost,
    has_pepper: bool,
}

impl Hashing {
    /// Starts the threads.
    ///
    /// # Errors
    /// When a setting is unusable or the pepper can't be read.
    pub(crate) fn start(settings: &PasswordSettings, pins: &PinSettings, derive: Derive) -> anyhow::Result<Self> {
        let cost = phc::Cost::try_new(settings.memory_kib, settings.passes, settings.lanes)
            .context("read the settings passwords.memory_kib, passwords.passes and passwords.lanes")?;
        let pepper = read_pepper(pins)?;
        let has_pepper = pepper.is_some();
        let pepper = pepper.unwrap_or_default();
        let passwords = Threads::start(settings.threads, settings.queue, pepper.clone())?;
        let pins = Threads::start(1, settings.queue, pepper)?;
        Ok(Self { passwords, pins, derive, cost, has_pepper })
    }

    /// The hash of a secret that goes into the command `id`. Its salt follows from the command, so that the same request
    /// repeated has the same hash.
    ///
    /// # Errors
    /// When too many wait, or PINs are not set up.
    pub(crate) async fn hash(&self, kind: Kind, plain: &Plain, id: Uuid) -> Result<SecretHash, Problem> {
        let purpose = match kind {
            Kind::Password => Purpose::PasswordSalt,
            Kind::Pin => Purpose::PinSalt,
        };
        let mut salt = [0; phc::SALT_BYTES];
        salt.copy_from_slice(&self.derive.secret(purpose, id)[..phc::SALT_BYTES]);
        let output = self.run(kind, plain, salt.to_vec(), self.cost).await?;
        Ok(Parts { cost: self.cost, salt: salt.to_vec(), output }.to_hash())
    }

    /// Whether `plain` is what `stored` is the hash of. Without a hash it takes as long and is not, so that nobody learns
    /// who has one.
    ///
    /// # Errors
    /// When too many wait, PINs are not set up, or the stored hash asks for more than one may.
    pub(crate) async fn fits(&self, kind: Kind, plain: &Plain, stored: Option<&SecretHash>) -> Result<bool, Problem> {
        let Some(stored) = stored else {
            self.run(kind, plain, vec![0; phc::SALT_BYTES], self.cost).await?;
            return Ok(false);
        };
        let Parts { cost, salt, output } = Parts::read(stored).map_err(|error| {
            tracing::error!(%error, "a stored hash cannot be used; answering 500");
            Problem::Internal
        })?;
        let found = self.run(kind, plain, salt, cost).await?;
        Ok(subtle::ConstantTimeEq::ct_eq(found.as_slice(), output.as_slice()).into())
    }

    async fn run(&self, kind: Kind, plain: &Plain, salt: Vec<u8>, cost: phc::Cost) -> Result<[u8; 32], Problem> {
        if kind == Kind::Pin && !self.has_pepper {
            return Err(Problem::NotSetUp("PINs: the setting pins.pepper_file names no file"));
        }
        let (done, output) = oneshot::channel();
        let job = Job { plain: plain.clone(), salt, cost, peppered: kind == Kind::Pin, done };
        let threads = match kind {
            Kind::Password => &self.passwords,
            Kind::Pin => &self.pins,
        };
        threads.give(job)?;
        output.await.map_err(|_| Problem::Internal)
    }
}

/// The pepper: 64 hexadecimal digits in a file.
fn read_pepper(settings: &PinSettings) -> anyhow::Result<Option<Vec<u8>>> {
    if settings.pepper_file.as_os_str().is_empty() {
        return Ok(None);
    }
    let file = settings.pepper_file.display();
    let text = std::fs::read_to_string(&settings.pepper_file)
        .with_context(|| format!("read the pepper of PINs from {file} (setting pins.pepper_file)"))?;
    let mut pepper = vec![0; 32];
    hex::decode_to_slice(text.trim(), &mut pepper)
        .with_context(|| format!("pepper in {file} is not 64 hexadecimal digits"))?;
    Ok(Some(pepper))
}

#[cfg(test)]
mod tests;
