//! Passwords as argon2id hashes. Hashing takes some 15 ms of a core and 19 MiB, so it runs on
//! blocking threads, a few at once, in lasting memory; and no more wait for it than can be served in
//! time. Clients take turns by their network, and networks of one site by the site: none of them fills the queue
//! for the others.

mod blocks;
mod phc;

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use self::blocks::Memory;
use super::address::Network;
use crate::error::{Error, ErrorCode, Result};
use crate::turns::{Bounds, Crowded, Turns};

/// Maximum number of callers that wait for a hash, of all clients together; more are turned away.
const WAITING_MAX: usize = 1024;
/// Maximum number of callers of one client that wait for a hash.
const WAITING_EACH_MAX: usize = 16;
/// Maximum time that a caller waits.
const HASH_TIMEOUT: Duration = Duration::from_secs(10);

/// The hashing and checking of passwords, in bounded numbers.
#[derive(Clone)]
pub struct Passwords {
    turns: Turns<Network>,
    memory: Arc<Memory>,
    /// The hash that the password of an unknown user is compared with, so that the time of a refusal does not tell
    /// whether the user exists.
    dummy: Arc<str>,
}

impl Passwords {
    /// Makes room for as many hashes at once as the machine has cores, less one that is left to other work.
    pub fn new() -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let together = cores.saturating_sub(1).max(1);
        Self::with(Bounds {
            together,
            each: together.div_ceil(2),
            waiting: WAITING_MAX,
            waiting_each: WAITING_EACH_MAX,
            patience: HASH_TIMEOUT,
        })
    }

    fn with(bounds: Bounds) -> Result<Self> {
        let memory = Arc::new(Memory::default());
        let dummy = phc::hash(&memory, &SecretString::from("a password that nobody has"))?;
        Ok(Self { turns: Turns::shared_by(bounds, Network::site), memory, dummy: dummy.into() })
    }

    /// Returns the hash of a password, in the PHC form `$argon2id$…`, in the turn of this client.
    pub async fn hash(&self, password: SecretString, client: Network) -> Result<String> {
        self.run(client, move |memory| phc::hash(memory, &password)).await
    }

    /// Returns whether the password fits the stored hash, in the turn of this client. Without a hash it takes the same
    /// time and returns `false`; likewise with a hash that cannot be read or costs too much.
    pub async fn verify(&self, password: SecretString, stored: Option<String>, client: Network) -> Result<bool> {
        let dummy = Arc::clone(&self.dummy);
        self.run(client, move |memory| {
            let known = stored.as_deref().and_then(phc::read);
            if stored.is_some() && known.is_none() {
                tracing::error!("the stored hash of a password cannot be read, or costs too much to compare with");
            }
            let hash = known.as_ref().map_or_else(|| phc::read(&dummy), |known| Some(known.clone()));
            let hash = hash.ok_or_else(|| Error::internal("the hash that nobody has cannot be read"))?;
            Ok(hash.fits(memory, &password)? && known.is_some())
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        client: Network,
        work: impl FnOnce(&Memory) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = self.turns.take(client).await.map_err(busy)?;
        let memory = Arc::clone(&self.memory);
        // The work itself holds the turn: it goes on when the caller goes away, and still takes a
        // core and its memory.
        let held = move || {
            let _turn = turn;
            work(&memory)
        };
        tokio::task::spawn_blocking(held).await.map_err(Error::internal)?
    }
}

fn busy(_: Crowded) -> Error {
    Error::new(ErrorCode::RateLimited, "too many sign-ins at once: try again in a moment")
}

#[cfg(test)]
mod tests {
    use super::super::address::ClientAddress;
    use super::*;

    fn client(last: u8) -> Network {
        ClientAddress::new([192, 0, 2, last].into()).network()
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_alone() {
        let passwords = Passwords::new().unwrap();
        let stored = passwords.hash("correct horse".into(), client(1)).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        for (password, stored, fits) in [
            ("correct horse", Some(stored.clone()), true),
            ("wrong horse", Some(stored), false),
            ("a password that nobody has", None, false),
            ("a password that nobody has", Some("no hash".to_owned()), false),
        ] {
            assert_eq!(passwords.verify(password.into(), stored, client(1)).await.unwrap(), fits, "{password}");
        }
    }

    #[tokio::test]
    async fn work_whose_caller_went_away_still_holds_its_turn() {
        let passwords = Passwords::new().unwrap();
        let (started, has_started) = tokio::sync::oneshot::channel();
        let (finish, may_finish) = std::sync::mpsc::channel::<()>();
        let caller = passwords.clone();
        let caller = tokio::spawn(async move {
            let work = move |_: &Memory| {
                started.send(()).unwrap();
                may_finish.recv().map_err(Error::internal)
            };
            caller.run(client(1), work).await
        });
        has_started.await.unwrap();
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        assert_eq!(passwords.turns.count(), (1, 0));
        finish.send(()).unwrap();
        while passwords.turns.count() != (0, 0) {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn all_networks_of_a_site_fill_their_share_of_the_queue_and_nobody_elses() {
        let passwords = Passwords::new().unwrap();
        let client = |site: u16, network: u16| {
            let address = std::net::Ipv6Addr::new(0x2001, 0xdb8, site, network, 0, 0, 0, 1);
            ClientAddress::new(address.into()).network()
        };
        let turns = &passwords.turns;
        let mut held = Vec::new();
        for n in 0..u8::try_from(turns.together()).unwrap() {
            held.push(turns.take(super::tests::client(n)).await.unwrap());
        }
        let ask = |network| {
            let turns = turns.clone();
            tokio::spawn(async move { turns.take(network).await })
        };
        let (mut asked, share) = ((0..1000).map(|n| ask(client(1, n))).collect::<Vec<_>>(), 2 * WAITING_EACH_MAX);
        while asked.iter().filter(|one| one.is_finished()).count() < 1000 - share {
            tokio::task::yield_now().await;
        }
        asked.retain(|one| !one.is_finished());
        assert_eq!((asked.len(), turns.count().1), (share, share), "the others were refused");
        let other = ask(client(2, 1));
        while turns.count().1 == share {
            tokio::task::yield_now().await;
        }
        drop(held.pop());
        // The site was there first, and has one turn in a round.
        while !asked.iter().any(tokio::task::JoinHandle::is_finished) {
            tokio::task::yield_now().await;
        }
        asked.retain(|one| !one.is_finished());
        assert_eq!(asked.len(), share - 1);
        assert!(other.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn one_client_fills_its_share_of_the_queue_and_nobody_elses() {
        let bounds = Bounds {
            together: 1,
            each: 1,
            waiting: WAITING_MAX,
            waiting_each: WAITING_EACH_MAX,
            patience: Duration::from_mins(1),
        };
        let passwords = Passwords::with(bounds).unwrap();
        let held = passwords.turns.take(client(1)).await.unwrap();
        let hash = |last| {
            let passwords = passwords.clone();
            tokio::spawn(async move { passwords.hash("x".into(), client(last)).await.map_err(|error| error.code) })
        };
        let waiting: Vec<_> = (0..WAITING_EACH_MAX).map(|_| hash(1)).collect();
        while passwords.turns.count().1 < WAITING_EACH_MAX {
            tokio::task::yield_now().await;
        }
        assert_eq!(hash(1).await.unwrap(), Err(ErrorCode::RateLimited));
        let other = hash(2);
        while passwords.turns.count().1 < WAITING_EACH_MAX + 1 {
            tokio::task::yield_now().await;
        }
        drop(held);
        assert!(other.await.unwrap().is_ok());
        for one in waiting {
            assert!(one.await.unwrap().is_ok());
        }
    }
}
