//! How often a password may be guessed at. Counted by the name that is tried, whether or not
//! there is such a user; in the memory of this instance, which is bounded.

use sha2::{Digest, Sha256};

use crate::domain::name::Timestamp;
use crate::error::{Error, ErrorCode, Result};

/// How many wrong passwords in a row are looked at.
const WRONG_MAX: u32 = 10;
/// How many seconds after the last wrong password its count begins anew.
const FORGIVEN_SECONDS: i64 = 300;
/// How many names are remembered. To fill this with others takes as many hashes as there are
/// names, which is longer than any of them is remembered.
const REMEMBERED: u64 = 100_000;

/// Whose password is tried: a digest, so that a name of any length takes the same memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tried([u8; 32]);

impl Tried {
    /// The password of this user of this tenant, whether or not they can be.
    pub fn new(tenant: &str, username: &str) -> Self {
        // No tenant that there is has the separator in its key.
        let digest = Sha256::new().chain_update(tenant).chain_update([0]);
        Self(digest.chain_update(username.to_ascii_lowercase()).finalize().into())
    }
}

/// The wrong passwords of a name, since the last right one.
#[derive(Debug, Clone, Copy)]
struct Wrong {
    count: u32,
    last: Timestamp,
}

impl Wrong {
    /// As many as still count.
    fn counted(self, now: Timestamp) -> u32 {
        if now < self.last.plus_seconds(FORGIVEN_SECONDS) { self.count } else { 0 }
    }
}

/// Wrong passwords by the name that they were tried for.
pub struct Attempts(moka::sync::Cache<Tried, Wrong>);

impl Attempts {
    /// None yet.
    pub fn new() -> Self {
        Self(moka::sync::Cache::new(REMEMBERED))
    }

    /// Checks that another password may be tried.
    ///
    /// # Errors
    /// `RATE_LIMITED` after too many wrong ones. Being refused does not count, so it ends.
    pub fn check(&self, tried: &Tried, now: Timestamp) -> Result<()> {
        if self.0.get(tried).is_none_or(|wrong| wrong.counted(now) < WRONG_MAX) {
            return Ok(());
        }
        let minutes = FORGIVEN_SECONDS / 60;
        Err(Error::new(
            ErrorCode::RateLimited,
            format!("too many wrong passwords for this name: try again in {minutes} minutes"),
        ))
    }

    /// Counts a wrong password.
    pub fn count(&self, tried: Tried, now: Timestamp) {
        self.0.entry(tried).and_upsert_with(|before| {
            let count = before.map_or(0, |entry| entry.into_value().counted(now));
            Wrong { count: count.saturating_add(1), last: now }
        });
    }

    /// Forgets the wrong passwords of a name: the right one came, or there is a new one.
    pub fn clear(&self, tried: &Tried) {
        self.0.invalidate(tried);
    }
}

impl Default for Attempts {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(count: u32, now: Timestamp) -> (Attempts, Tried) {
        let (attempts, dana) = (Attempts::new(), Tried::new("acme", "dana"));
        for _ in 0..count {
            attempts.check(&dana, now).unwrap();
            attempts.count(dana, now);
        }
        (attempts, dana)
    }

    #[test]
    fn ten_wrong_passwords_are_looked_at_and_then_none_for_five_minutes() {
        let start = Timestamp(0);
        let (attempts, dana) = after(10, start);
        for seconds in [0, 299] {
            let refused = attempts.check(&dana, start.plus_seconds(seconds)).unwrap_err();
            assert_eq!(refused.code, ErrorCode::RateLimited);
        }
        let later = start.plus_seconds(300);
        attempts.check(&dana, later).unwrap();
        attempts.count(dana, later);
        attempts.check(&dana, later).unwrap();
    }

    #[test]
    fn the_right_password_clears_the_count() {
        let (attempts, dana) = after(9, Timestamp(0));
        attempts.clear(&dana);
        attempts.count(dana, Timestamp(0));
        attempts.check(&dana, Timestamp(0)).unwrap();
    }

    #[test]
    fn each_name_has_its_own_count_in_whatever_case() {
        let (attempts, _) = after(10, Timestamp(0));
        assert!(attempts.check(&Tried::new("acme", "DANA"), Timestamp(0)).is_err());
        for (tenant, username) in [("globex", "dana"), ("acme", "dan"), ("acmed", "ana")] {
            attempts.check(&Tried::new(tenant, username), Timestamp(0)).unwrap();
        }
    }
}
