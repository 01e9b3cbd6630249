//! Guesses at passwords, and how many are checked. A guess beyond the limit is refused before anything is looked up for
//! it: it costs nothing and reveals nothing, not even by its timing.

use std::time::Duration;

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

use crate::auth::address::Network;
use crate::auth::caller::RequestInfo;
use crate::domain::key::TenantId;
use crate::error::{Error, ErrorCode, Result};
use crate::service::Platform;
use crate::service::access::failure::{Failed, Failure};
use crate::sync::tally::{Counter, Digest, Outcome};

/// Maximum number of wrong passwords of one client for one name within `NAME_WINDOW`; more are refused.
pub const WRONG_FOR_NAME: u32 = 10;
/// Time in which wrong passwords of one client for one name are counted.
const NAME_WINDOW: Duration = Duration::from_mins(5);
/// Maximum number of wrong passwords of one client for any names within `CLIENT_WINDOW`; more are refused.
pub const WRONG_OF_CLIENT: u32 = 100;
/// Time in which wrong passwords of one client, or of one site, are counted.
const CLIENT_WINDOW: Duration = Duration::from_mins(5);
/// Maximum number of wrong passwords of all clients of a site within `CLIENT_WINDOW`; more are refused. One attacker
/// can have thousands of networks, and neighbours can have one each.
pub const WRONG_OF_SITE: u32 = 1000;
/// Number of wrong passwords for one name, of any clients, within `SLOW_WINDOW`, after which more are checked slowly.
/// They are never refused: then anyone could lock a user out.
pub const SLOW_FOR_NAME: u32 = 100;
/// Time in which wrong passwords for one name are counted, of all clients.
const SLOW_WINDOW: Duration = Duration::from_mins(15);
/// Delay that each further wrong password adds.
const SLOW_STEP: Duration = Duration::from_millis(20);
/// Maximum delay of a guess.
const SLOW_MAX: Duration = Duration::from_secs(2);

/// Account whose password is guessed: the tenant and the name as typed, valid or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::service) struct LoginKey {
    tenant: String,
    name: String,
}

impl LoginKey {
    /// Names the account with this user name in this tenant.
    pub(in crate::service) fn new(tenant: &str, username: &str) -> Self {
        Self { tenant: tenant.to_owned(), name: username.to_ascii_lowercase() }
    }

    fn failure(&self, kind: Failed, request: &RequestInfo) -> Failure {
        Failure::new(kind, &self.tenant, &self.name, request)
    }

    fn owner(&self) -> Digest {
        digest(&["name", &self.tenant, &self.name])
    }

    /// Returns the counters of a guess of this client: for the name from this client, of the client, of its site, and
    /// for the name from all clients.
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

/// Returns the digest of several texts, framed so that no text can pass for the end of another.
pub(in crate::service) fn digest(texts: &[&str]) -> Digest {
    let framed = |digest: Sha256, text: &&str| digest.chain_update(text.len().to_be_bytes()).chain_update(text);
    texts.iter().fold(Sha256::new(), framed).finalize().into()
}

/// Account that a guess is checked against.
pub(in crate::service) struct Sought<T> {
    /// Tenant, if there is one with this key.
    pub(in crate::service) tenant: Option<TenantId>,
    /// Hash of the user's password, if they have one and can sign in.
    pub(in crate::service) stored: Option<String>,
    /// Other data that was found along with the account.
    pub(in crate::service) found: T,
}

impl Platform {
    /// Checks a guess at a password. Returns whether it is right, and what `sought` has found; `sought` runs only if
    /// the guess is within the limits.
    ///
    /// # Errors
    /// `BAD_INPUT` for the second guess of a request; `RATE_LIMITED` after too many wrong ones of the
    /// same client, or while too many wait. Being refused does not count, so it ends.
    pub(in crate::service) async fn guess<T>(
        &self,
        tried: LoginKey,
        request: &RequestInfo,
        password: SecretString,
        sought: impl Future<Output = Result<Sought<T>>> + Send,
    ) -> Result<(bool, T)> {
        request.take_guess()?;
        let client = request.network();
        let counters = tried.counters(client);
        let counts = self.parts.tallies.look(&counters).await;
        self.hold_back(&tried, request, counts).await?;
        let Sought { tenant, stored, found } = sought.await?;
        let fits = self.parts.passwords.verify(password, stored, client).await?;
        // Counted once more because of concurrent guesses: a guess beyond the limit must not reveal whether it is
        // right.
        if fits {
            let counts = self.parts.tallies.look(&counters).await;
            self.counted(&tried, request, counts)?;
            let (for_name, _) = counters.split_at(1);
            self.parts.tallies.forget(for_name).await;
        } else {
            let counts = self.parts.tallies.take(&counters).await;
            let counts = self.counted(&tried, request, counts)?;
            self.note_wrong(&tried, request, tenant, &counts);
        }
        Ok((fits, found))
    }

    /// Delays a guess after many wrong ones.
    async fn hold_back(&self, tried: &LoginKey, request: &RequestInfo, counts: Outcome) -> Result<()> {
        let counts = self.counted(tried, request, counts)?;
        let [.., for_name] = counts.as_slice() else { return Ok(()) };
        let time = slowness(*for_name);
        if !time.is_zero() {
            tokio::time::sleep(time).await;
        }
        Ok(())
    }

    /// Refuses a guess beyond the limits. The tenant is not told, because nothing was looked up.
    fn counted(&self, tried: &LoginKey, request: &RequestInfo, counts: Outcome) -> Result<Vec<u32>> {
        match counts {
            Outcome::Counted(counts) => Ok(counts),
            Outcome::Full(which) => {
                self.parts.failures.note(None, &tried.failure(Failed::Refused, request));
                Err(too_many(which))
            }
        }
    }

    fn note_wrong(&self, tried: &LoginKey, request: &RequestInfo, tenant: Option<TenantId>, counts: &[u32]) {
        let note = |kind| self.parts.failures.note(tenant, &tried.failure(kind, request));
        note(Failed::SignIn);
        let [for_name, of_client, of_site, for_name_of_all] = *counts else { return };
        if for_name == WRONG_FOR_NAME || of_client == WRONG_OF_CLIENT || of_site == WRONG_OF_SITE {
            note(Failed::LockedOut);
        }
        if for_name_of_all == SLOW_FOR_NAME {
            note(Failed::SlowedDown);
        }
    }

    /// Resets the counts of wrong passwords for a name, of all clients, because the user has a new password.
    pub(in crate::service) async fn forget_guesses(&self, tried: &LoginKey) {
        self.parts.tallies.begin_anew(&tried.owner()).await;
    }
}

/// Returns the delay of a guess after `count` wrong ones.
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
        let of = |tenant, name| LoginKey::new(tenant, name).counters(client("192.0.2.1"));
        assert_eq!(of("acme", "dana"), of("acme", "DANA"));
        for (tenant, name) in [("globex", "dana"), ("acme", "dan"), ("acmed", "ana"), ("", "acmedana")] {
            let (one, other) = (of("acme", "dana"), of(tenant, name));
            assert!(one[0] != other[0] && one[3] != other[3], "{tenant} {name}");
            assert_eq!(one[1], other[1], "one client");
        }
    }

    #[test]
    fn a_client_is_counted_by_its_network() {
        let of = |address| LoginKey::new("acme", "dana").counters(client(address));
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
        assert_eq!(LoginKey::new("acme", "dana").counters(client("::1"))[3].max, u32::MAX);
    }
}
