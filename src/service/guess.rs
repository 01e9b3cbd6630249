//! Guesses at passwords, and how many are looked at. One that is refused is refused before anything is
//! looked up for it: it costs nothing and tells nothing, not even by its time.

use std::time::Duration;

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

use super::Platform;
use super::failure::{Failed, Failure};
use crate::auth::address::Network;
use crate::auth::caller::RequestInfo;
use crate::domain::key::TenantId;
use crate::error::{Error, ErrorCode, Result};
use crate::sync::tally::{Counter, Digest, Outcome};

/// The most wrong passwords of one client that are looked at for one name.
pub const WRONG_FOR_NAME: u32 = 10;
/// The time in which they are counted.
const NAME_WINDOW: Duration = Duration::from_mins(5);
/// The most wrong passwords of one client that are looked at for whatever names.
pub const WRONG_OF_CLIENT: u32 = 100;
/// The time in which they are counted.
const CLIENT_WINDOW: Duration = Duration::from_mins(5);
/// The most wrong passwords, in that time, of all clients of a site that are looked at: somebody can have
/// thousands of networks, and neighbours can have one each.
pub const WRONG_OF_SITE: u32 = 1000;
/// The wrong passwords for one name, of whatever clients, after which more are looked at slowly. Never
/// not at all: then anybody could lock a user out.
pub const SLOW_FOR_NAME: u32 = 100;
/// The time in which they are counted.
const SLOW_WINDOW: Duration = Duration::from_mins(15);
/// The time by which each one more makes it slower.
const SLOW_STEP: Duration = Duration::from_millis(20);
/// The longest that one is held back.
const SLOW_MAX: Duration = Duration::from_secs(2);

/// A password that is tried: the tenant and the name, whether or not they can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tried {
    tenant: String,
    name: String,
}

impl Tried {
    /// Names the password of this user of this tenant.
    pub(super) fn new(tenant: &str, username: &str) -> Self {
        Self { tenant: tenant.to_owned(), name: username.to_ascii_lowercase() }
    }

    fn failure(&self, kind: Failed, request: &RequestInfo) -> Failure {
        Failure::new(kind, &self.tenant, &self.name, request)
    }

    fn owner(&self) -> Digest {
        digest(&["name", &self.tenant, &self.name])
    }

    /// Lists the counts of a guess of this client: for the name, of the client, of its site, for the name of
    /// whomever.
    fn counters(&self, client: Network) -> [Counter; 4] {
        let of_site = digest(&["site", &client.site().to_string()]);
        let (client, owner) = (client.to_string(), self.owner());
        let for_name = digest(&["name of client", &self.tenant, &self.name, &client]);
        let of_client = digest(&["client", &client]);
        [
            Counter { key: for_name, owner, max: WRONG_FOR_NAME, window: NAME_WINDOW },
            Counter { key: of_client, owner: of_client, max: WRONG_OF_CLIENT, window: CLIENT_WINDOW },
            Counter { key: of_site, owner: of_site, max: WRONG_OF_SITE, window: CLIENT_WINDOW },
            Counter { key: owner, owner, max: u32::MAX, window: SLOW_WINDOW },
        ]
    }
}

/// Makes the digest of several texts, none of which can pass for another's end.
pub(super) fn digest(texts: &[&str]) -> Digest {
    let framed = |digest: Sha256, text: &&str| digest.chain_update(text.len().to_be_bytes()).chain_update(text);
    texts.iter().fold(Sha256::new(), framed).finalize().into()
}

/// The account that a guess is held against.
pub(super) struct Sought<T> {
    /// The tenant, if there is one of this key.
    pub(super) tenant: Option<TenantId>,
    /// The hash of the user's password, if they have one and may sign in.
    pub(super) stored: Option<String>,
    /// All else that was found on the way.
    pub(super) found: T,
}

impl Platform {
    /// Looks at a guess at a password: whether it fits, and what `sought` has found. `sought` runs
    /// only if the guess may be looked at.
    ///
    /// # Errors
    /// `BAD_INPUT` for the second guess of a request; `RATE_LIMITED` after too many wrong ones of the
    /// same client, or while too many wait. Being refused does not count, so it ends.
    pub(super) async fn guess<T>(
        &self,
        tried: Tried,
        request: &RequestInfo,
        password: SecretString,
        sought: impl Future<Output = Result<Sought<T>>> + Send,
    ) -> Result<(bool, T)> {
        request.take_guess()?;
        let client = request.network();
        let counters = tried.counters(client);
        let counts = self.tallies.look(&counters).await;
        self.hold_back(&tried, request, counts).await?;
        let Sought { tenant, stored, found } = sought.await?;
        let fits = self.passwords.verify(password, stored, client).await?;
        // Once more, for the guesses that were looked at side by side with this one: of whatever is
        // one too many nobody learns whether it fits.
        if fits {
            let counts = self.tallies.look(&counters).await;
            self.counted(&tried, request, counts)?;
            let (for_name, _) = counters.split_at(1);
            self.tallies.forget(for_name).await;
        } else {
            let counts = self.tallies.take(&counters).await;
            let counts = self.counted(&tried, request, counts)?;
            self.note_wrong(&tried, request, tenant, &counts);
        }
        Ok((fits, found))
    }

    /// Waits as long as a guess is held back after so many wrong ones.
    async fn hold_back(&self, tried: &Tried, request: &RequestInfo, counts: Outcome) -> Result<()> {
        let counts = self.counted(tried, request, counts)?;
        let [.., for_name] = counts.as_slice() else { return Ok(()) };
        let time = slowness(*for_name);
        if !time.is_zero() {
            tokio::time::sleep(time).await;
        }
        Ok(())
    }

    /// Refuses a guess that is one too many. Nothing is told of the tenant then: nothing was looked up.
    fn counted(&self, tried: &Tried, request: &RequestInfo, counts: Outcome) -> Result<Vec<u32>> {
        match counts {
            Outcome::Counted(counts) => Ok(counts),
            Outcome::Full(which) => {
                self.failures.note(None, &tried.failure(Failed::Refused, request));
                Err(too_many(which))
            }
        }
    }

    fn note_wrong(&self, tried: &Tried, request: &RequestInfo, tenant: Option<TenantId>, counts: &[u32]) {
        let note = |kind| self.failures.note(tenant, &tried.failure(kind, request));
        note(Failed::SignIn);
        let [for_name, of_client, of_site, for_name_of_all] = *counts else { return };
        if for_name == WRONG_FOR_NAME || of_client == WRONG_OF_CLIENT || of_site == WRONG_OF_SITE {
            note(Failed::LockedOut);
        }
        if for_name_of_all == SLOW_FOR_NAME {
            note(Failed::SlowedDown);
        }
    }

    /// Forgets the wrong passwords for a name, of whatever clients: there is a new one.
    pub(super) async fn forget_guesses(&self, tried: &Tried) {
        self.tallies.begin_anew(&tried.owner()).await;
    }
}

/// Tells how long a guess is held back after so many wrong ones.
fn slowness(count: u32) -> Duration {
    (SLOW_STEP * count.saturating_sub(SLOW_FOR_NAME)).min(SLOW_MAX)
}

fn too_many(which: usize) -> Error {
    let (what, window) = match which {
        0 => ("for this name from your address", NAME_WINDOW),
        1 => ("from your address", CLIENT_WINDOW),
        _ => ("from your network", CLIENT_WINDOW),
    };
    let minutes = window.as_secs() / 60;
    Error::new(ErrorCode::RateLimited, format!("too many wrong passwords {what}: try again in {minutes} minutes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::address::ClientAddress;

    fn client(text: &str) -> Network {
        ClientAddress::new(text.parse().unwrap()).network()
    }

    #[test]
    fn a_name_is_counted_in_whatever_case_and_for_itself() {
        let of = |tenant, name| Tried::new(tenant, name).counters(client("192.0.2.1"));
        assert_eq!(of("acme", "dana"), of("acme", "DANA"));
        for (tenant, name) in [("globex", "dana"), ("acme", "dan"), ("acmed", "ana"), ("", "acmedana")] {
            let (one, other) = (of("acme", "dana"), of(tenant, name));
            assert!(one[0] != other[0] && one[3] != other[3], "{tenant} {name}");
            assert_eq!(one[1], other[1], "one client");
        }
    }

    #[test]
    fn a_client_is_counted_by_its_network() {
        let of = |address| Tried::new("acme", "dana").counters(client(address));
        assert_eq!(of("2001:db8::1"), of("2001:db8::2"));
        let (one, other) = (of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert!(one[0] != other[0] && one[1] != other[1]);
        assert_eq!((one[2], one[3]), (other[2], other[3]), "one site, and one name");
        assert_ne!(one[2], of("2001:db8:1::1")[2]);
    }

    #[test]
    fn many_wrong_passwords_for_a_name_slow_down_and_never_stop() {
        for (count, milliseconds) in [(0, 0), (100, 0), (101, 20), (150, 1000), (200, 2000), (u32::MAX, 2000)] {
            assert_eq!(slowness(count).as_millis(), milliseconds, "{count}");
        }
        assert_eq!(Tried::new("acme", "dana").counters(client("::1"))[3].max, u32::MAX);
    }
}
