//! Policies of other Casbin systems, read line by line and brought into a tenant in one change.

use uuid::Uuid;

use super::Platform;
use super::change::{Done, Intent, Terms, in_place};
use super::permit::Permit;
use crate::auth::caller::Caller;
pub use crate::domain::import::Refused;
pub use crate::domain::import::{Absent, BadLine, BadLines, Imported};
use crate::domain::key::Object;
use crate::error::{Error, ErrorCode, Result};

mod file;
mod form;
mod values;
mod warn;

pub use crate::engine::foreign::MODEL_MAX;
pub use file::BYTES_MAX;
pub use warn::Warning;

/// How a file is read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// The domain whose lines are meant; lines of others are passed over. Without it the lines name
    /// this tenant, or none.
    pub domain: Option<String>,
    /// The path under which all objects of the file go.
    pub under: Option<Object>,
    /// The text of the file's model: it says which column is what, and what would be decided otherwise.
    pub model: Option<String>,
    /// What becomes of a holder of roles who is not there.
    pub absent: Absent,
}

impl Reading {
    /// The domains that the lines of a file name, in order.
    ///
    /// # Errors
    /// The lines that do not fit the form.
    pub fn domains(&self, csv: &str) -> Result<Vec<String>, Refused> {
        file::domains(csv, self)
    }
}

/// What an import made, and what may have been meant otherwise.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What it made.
    pub imported: Imported,
    /// How many lines are of other domains, and were passed over.
    pub skipped: u64,
    /// What may be a slip.
    pub warnings: Vec<Warning>,
}

/// What came of a file.
pub enum Import {
    /// It was brought in, or would be.
    Done(Done<Report>),
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
    pub async fn import_policy(
        &self,
        caller: &Caller,
        csv: String,
        reading: Reading,
        terms: impl Into<Terms> + Send,
    ) -> Result<Import> {
        let (absent, Terms { reason, dry_run }) = (reading.absent, terms.into());
        let tenant = self.authorise(caller, Permit::POLICY_IMPORT).await?.key.clone();
        let read = tokio::task::spawn_blocking(move || file::read(&tenant, &csv, &reading)).await;
        let file::Read { lines, skipped, warnings } = match read.map_err(Error::internal)? {
            Ok(lines) => lines,
            Err(Refused::Lines(bad)) => return Ok(Import::Refused(bad)),
            Err(Refused::Whole(error)) => return Err(error),
        };
        let (permit, action, target) = (Permit::POLICY_IMPORT, "policy.import", "policy".to_owned());
        let intent = Intent { permit, action, target, reason, gives: true, dry_run };
        let mut refused = None;
        let done = self.change(caller, intent, |draft| {
            let imported = in_place(|| draft.state.import_policy(draft.catalogue, &lines, absent, &mut Uuid::now_v7));
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
            (done, _) => {
                let done = done?;
                let report = Report { imported: done.value, skipped, warnings };
                Ok(Import::Done(done.with(report)))
            }
        }
    }
}
