//! The mutation that brings the policy of another Casbin in.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::context::caller;
use super::impact::Impact;
use super::payload::{UserError, payload, user_errors};
use super::scalar::int;
use crate::error::Result;
use crate::service::change::Terms;
use crate::service::import::{BadLine, BadLines, Import, Imported};

/// Brings in the policy of another Casbin.
#[derive(InputObject)]
pub struct PolicyImportInput {
    /// The lines `p, role, object, action` with an effect behind them, and `g, user, role`. The
    /// domain of a line is this tenant's key, or left out.
    csv: String,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
    /// Whether it is only tried: then nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
}

/// What an import made. What was there already is not counted.
#[derive(SimpleObject)]
pub struct PolicyImported {
    /// Custom roles.
    roles: i32,
    /// Grants of those.
    grants: i32,
    /// Groups.
    groups: i32,
    /// Memberships of users in those.
    members: i32,
}

payload! {
    /// What came of a policy.
    PolicyImportPayload of 100 error {
        /// What was made of it, or would be.
        imported: PolicyImported,
        /// The tenant's policy version.
        revision: i32,
        /// What would change, after a dry run; for those who may read the rules.
        impact: Impact,
    }
}

impl From<Imported> for PolicyImported {
    fn from(imported: Imported) -> Self {
        let Imported { roles, grants, groups, members } = imported;
        Self { roles: int(roles), grants: int(grants), groups: int(groups), members: int(members) }
    }
}

/// The mutation.
#[derive(Default)]
pub struct ImportMutation;

#[Object]
impl ImportMutation {
    /// Brings the policy of another Casbin in: its roles become custom roles, and groups give them to
    /// users who are there; all of it in one change, or nothing. An error names its line and column,
    /// as `csv.12.3`; of more than 100, the first says how many there are. The same again changes
    /// nothing.
    async fn policy_import(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The policy to bring in.")] input: PolicyImportInput,
    ) -> Result<PolicyImportPayload> {
        let (platform, caller) = caller(ctx)?;
        let terms = Terms { reason: input.reason, dry_run: input.dry_run };
        let imported = async {
            Ok(match platform.import_policy(caller, input.csv, terms).await? {
                Import::Refused(bad) => PolicyImportPayload { user_errors: told(bad)?, ..Default::default() },
                Import::Done(done) => PolicyImportPayload {
                    imported: Some(done.value.into()),
                    revision: Some(int(done.revision)),
                    impact: Impact::of(caller.tenant().id, done),
                    user_errors: Vec::new(),
                },
            })
        };
        PolicyImportPayload::of(imported.await)
    }
}

fn told(bad: BadLines) -> Result<Vec<UserError>> {
    let BadLines { told, count } = bad;
    let mut errors = Vec::with_capacity(told.len());
    for BadLine { number, column, mut error } in told {
        error.message = format!("line {number}, column {column}: {}", error.message);
        error.count = errors.is_empty().then_some(count);
        errors.extend(user_errors(error.at(column.to_string()).at(number.to_string()).at("csv"))?);
    }
    Ok(errors)
}
