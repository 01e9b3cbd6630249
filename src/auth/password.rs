//! Passwords as argon2id hashes. Hashing takes some 15 ms of a core and 19 MiB, so it runs on
//! blocking threads, a few at once, and no more wait for it than can be served in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::error::{Error, ErrorCode, Result};

/// How many may wait for a hash; more are turned away.
const QUEUE_MAX: usize = 128;

/// Hashes and checks passwords, in bounded numbers.
#[derive(Clone)]
pub struct Passwords {
    workers: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// What the password of an unknown user is compared with, so that the time of a refusal
    /// does not tell whether the user exists.
    dummy: Arc<str>,
}

impl Passwords {
    /// As many workers as the machine has cores.
    pub fn new() -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let dummy = hash(&SecretString::from("a password that nobody has"))?;
        Ok(Self { workers: Arc::new(Semaphore::new(cores)), waiting: Arc::default(), dummy: dummy.into() })
    }

    /// The hash of a password, in the PHC form `$argon2id$…`.
    pub async fn hash(&self, password: SecretString) -> Result<String> {
        self.run(move || hash(&password)).await
    }

    /// Whether the password fits the stored hash. Without one it takes the same time and fails.
    pub async fn verify(&self, password: SecretString, stored: Option<String>) -> Result<bool> {
        let dummy = Arc::clone(&self.dummy);
        self.run(move || {
            let known = stored.is_some();
            let stored = stored.as_deref().unwrap_or(&dummy);
            let hash = PasswordHash::new(stored).map_err(|error| Error::internal(error.to_string()))?;
            let fits = Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok();
            Ok(fits && known)
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let place = Place::take(&self.waiting)?;
        let permit = Arc::clone(&self.workers).acquire_owned().await.map_err(Error::internal)?;
        // The work itself holds them: it goes on when the caller goes away, and still takes a
        // core and its memory.
        let held = move || {
            let _held = (place, permit);
            work()
        };
        tokio::task::spawn_blocking(held).await.map_err(Error::internal)?
    }
}

/// A place in the queue, given back when it is dropped: also by a caller that went away while
/// it waited.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(waiting: &Arc<AtomicUsize>) -> Result<Self> {
        let place = Self(Arc::clone(waiting));
        if waiting.fetch_add(1, Ordering::Relaxed) >= QUEUE_MAX {
            return Err(Error::new(ErrorCode::RateLimited, "too many sign-ins at once: try again in a moment"));
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn hash(password: &SecretString) -> Result<String> {
    Argon2::default()
        .hash_password(password.expose_secret().as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| Error::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_alone() {
        let passwords = Passwords::new().unwrap();
        let stored = passwords.hash("correct horse".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert!(passwords.verify("correct horse".into(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("wrong horse".into(), Some(stored)).await.unwrap());
        assert!(!passwords.verify("a password that nobody has".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn work_whose_caller_went_away_still_holds_its_worker() {
        let passwords = Passwords::new().unwrap();
        let cores = passwords.workers.available_permits();
        let (started, has_started) = tokio::sync::oneshot::channel();
        let (finish, may_finish) = std::sync::mpsc::channel::<()>();
        let caller = passwords.clone();
        let caller = tokio::spawn(async move {
            let work = move || {
                started.send(()).unwrap();
                may_finish.recv().map_err(Error::internal)
            };
            caller.run(work).await
        });
        has_started.await.unwrap();
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        assert_eq!(passwords.workers.available_permits(), cores - 1);
        assert_eq!(passwords.waiting.load(Ordering::Relaxed), 1);
        finish.send(()).unwrap();
        drop(passwords.workers.acquire_many(u32::try_from(cores).unwrap()).await.unwrap());
        assert_eq!(passwords.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_full_queue_turns_sign_ins_away() {
        let passwords = Passwords::new().unwrap();
        passwords.waiting.store(QUEUE_MAX, Ordering::Relaxed);
        let refused = passwords.hash("x".into()).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::RateLimited);
        assert_eq!(passwords.waiting.load(Ordering::Relaxed), QUEUE_MAX, "a refused caller leaves the queue");
    }
}
