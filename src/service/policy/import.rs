//! Policies of other Casbin systems, read line by line and brought into a tenant in one change.

use uuid::Uuid;

use crate::auth::caller::Caller;
pub use crate::domain::import::Refused;
pub use crate::domain::import::{Absent, BadLine, BadLines, Imported};
use crate::domain::key::Object;
use crate::error::{Error, ErrorCode, Result};
use crate::service::Platform;
use crate::service::access::permit::Permit;
use crate::service::change::{ChangeOptions, ChangeRequest, Outcome, in_place};

mod cycles;
mod file;
mod form;
mod resolve;
mod values;
mod warn;

pub use crate::engine::foreign::{By, MODEL_MAX};
pub use file::BYTES_MAX;
pub use values::OBJECTS_MAX;
pub use warn::Warning;

/// Functions by which the file's program matches the roles of one kind of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolePatterns {
    /// Kind of the lines: `g`, `g2` and so on.
    pub lines: String,
    /// Function for the members, if it is not `==`.
    pub names: Option<By>,
    /// Function for the domains, if it is not `==`.
    pub domains: Option<By>,
}

/// Options for reading a file.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Domain whose lines are imported; lines of other domains are skipped. Without it, lines must name this tenant, or
    /// no domain.
    pub domain: Option<String>,
    /// Path under which all objects of the file are placed.
    pub under: Option<Object>,
    /// Objects that exist, as the file writes them. A pattern that is no prefix becomes a line for each that it matches.
    pub objects: Vec<String>,
    /// Text of the file's model. It says what each column means; with it, lines that would be decided differently here
    /// are refused.
    pub model: Option<String>,
    /// Kind of policy that is imported, such as `p2`, of a model that defines several. Lines of others are left out.
    pub policy_type: Option<String>,
    /// Functions that the file's program registers for its roles, because the model does not say them.
    pub role_patterns: Vec<RolePatterns>,
    /// Treatment of a holder of roles who is not a user of the tenant.
    pub absent: Absent,
}

impl Reading {
    /// Returns the domains that the lines of a file name, in order.
    ///
    /// # Errors
    /// The lines that do not fit the form.
    pub fn domains(&self, csv: &str) -> Result<Vec<String>, Refused> {
        file::domains(csv, self)
    }
}

/// Result of an import, with warnings about what the file may mean instead.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Numbers of custom roles, grants, groups and memberships that the import made.
    pub imported: Imported,
    /// Number of lines that were skipped because they are of other domains.
    pub skipped: u64,
    /// Lines that may contain a mistake.
    pub warnings: Vec<Warning>,
}

/// Outcome of an import.
pub enum Import {
    /// The file was imported, or would be after a dry run.
    Done(Outcome<Report>),
    /// The file was refused because of these lines. Nothing has changed.
    Refused(BadLines),
}

impl Platform {
    /// Imports the policy of a Casbin file into the caller's tenant: all of it in one change, or nothing.
    /// `docs/adr/0011-a-policy-from-elsewhere.md` describes how the file is read and what becomes of it. Importing the
    /// same file again changes nothing.
    ///
    /// # Errors
    /// `TOO_LARGE` for a file, or what would come of it, above the bounds; `BEYOND_OWN_RIGHTS` when it
    /// gives what the caller lacks.
    pub async fn policy_import(
        &self,
        caller: &Caller,
        csv: String,
        reading: Reading,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Import> {
        let (absent, options): (_, ChangeOptions) = (reading.absent, options.into());
        let tenant = self.authorise(caller, Permit::POLICY_IMPORT).await?.key.clone();
        // A file takes a core for a while, as a search does.
        let read = self.search(caller.tenant().id, move || file::read(&tenant, &csv, &reading)).await?;
        let file::Read { lines, skipped, warnings } = match read {
            Ok(lines) => lines,
            Err(Refused::Lines(bad)) => return Ok(Import::Refused(bad)),
            Err(Refused::Whole(error)) => return Err(error),
        };
        let intent = ChangeRequest::new(Permit::POLICY_IMPORT, "policy.import", "policy", options);
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
