//! Policies of other Casbin systems, read line by line and brought into a tenant in one change.

use uuid::Uuid;

use super::Platform;
use super::change::{Done, Intent, Terms, in_place};
use super::permit::Permit;
use crate::auth::caller::Caller;
use crate::domain::import::Refused;
pub use crate::domain::import::{BadLine, BadLines, Imported};
use crate::error::{Error, ErrorCode, Result};

mod file;

pub use file::BYTES_MAX;

/// What came of a file.
pub enum Import {
    /// It was brought in, or would be.
    Done(Done<Imported>),
    /// It was not, because of these lines. Nothing has changed.
    Refused(BadLines),
}

impl Platform {
    /// Brings the policy of a Casbin file into the caller's tenant: all of it in one change, or nothing.
    /// How it is read, and what becomes of it, says `docs/adr/0011-a-policy-from-elsewhere.md`. The
    /// same file again changes nothing.
    ///
    /// # Errors
    /// `TOO_LARGE` for a file, or what would come of it, above the bounds; `BEYOND_OWN_RIGHTS` when it
    /// gives what the caller lacks.
    pub async fn import_policy(&self, caller: &Caller, csv: String, terms: impl Into<Terms> + Send) -> Result<Import> {
        let Terms { reason, dry_run } = terms.into();
        let tenant = self.authorise(caller, Permit::POLICY_IMPORT).await?.key.clone();
        let read = tokio::task::spawn_blocking(move || file::read(&tenant, &csv)).await;
        let lines = match read.map_err(Error::internal)? {
            Ok(lines) => lines,
            Err(Refused::Lines(bad)) => return Ok(Import::Refused(bad)),
            Err(Refused::Whole(error)) => return Err(error),
        };
        let (permit, action, target) = (Permit::POLICY_IMPORT, "policy.import", "policy".to_owned());
        let intent = Intent { permit, action, target, reason, gives: true, dry_run };
        let mut refused = None;
        let done = self.change(caller, intent, |draft| {
            let imported = in_place(|| draft.state.import_policy(draft.catalogue, &lines, &mut Uuid::now_v7));
            imported.map_err(|why| match why {
                Refused::Whole(error) => error,
                Refused::Lines(bad) => {
                    refused = Some(bad);
                    Error::new(ErrorCode::Invalid, "some lines of the file are bad")
                }
            })
        });
        let done = done.await;
        match (done, refused) {
            (Err(_), Some(bad)) => Ok(Import::Refused(bad)),
            (done, _) => done.map(Import::Done),
        }
    }
}
