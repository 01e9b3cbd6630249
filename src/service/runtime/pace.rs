//! Changes of what is a user's own: they need no permission, and each leaves an audit event. A change of a key has all
//! credentials of the tenant looked up anew. So they are bounded in number, each kind for itself; but nothing that
//! takes a credential away is, or a thief of one could keep its owner from ending it.

use std::time::Duration;

use crate::auth::caller::Caller;
use crate::error::{Error, ErrorCode, Result};
use crate::service::Platform;
use crate::service::access::failure::{Failed, Failure};
use crate::service::access::throttle::digest;
use crate::sync::tally::{Counter, Outcome};

/// The most changes of what is a user's own, in a minute.
pub const OWN_CHANGES: u32 = 30;
/// See [`OWN_CHANGES`].
const WINDOW: Duration = Duration::from_mins(1);

/// A kind of thing that is a user's own, and that they make anew.
#[derive(Debug, Clone, Copy)]
pub(in crate::service) enum Own {
    /// The API key.
    Key,
    /// The avatar.
    Picture,
}

impl Platform {
    /// Counts a change of the caller's own key or picture.
    ///
    /// # Errors
    /// `RATE_LIMITED` when there were too many.
    pub(in crate::service) async fn pace_own_change(&self, caller: &Caller, what: Own) -> Result<()> {
        let what = match what {
            Own::Key => "own key",
            Own::Picture => "own picture",
        };
        let key = digest(&[what, &caller.user_id().to_string()]);
        match self.parts.tallies.take(&[Counter { key, owner: key, max: OWN_CHANGES, window: WINDOW }]).await {
            Outcome::Counted(_) => Ok(()),
            Outcome::Full(_) => {
                let (tenant, user) = (caller.home().key.as_str(), caller.user().as_str());
                let failure = Failure::new(Failed::TooOften, tenant, user, caller.request());
                self.parts.failures.note(Some(caller.home().id), &failure);
                let message =
                    format!("at most {OWN_CHANGES} changes of what is your own a minute: try again in a moment");
                Err(Error::new(ErrorCode::RateLimited, message))
            }
        }
    }
}
