//! The mutation that brings the policy of another Casbin in.

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};

use super::context::caller;
use super::impact::Impact;
use super::input::parse_opt;
use super::payload::{UserError, payload, user_errors};
use super::scalar::int;
use crate::domain::key::Object as Path;
use crate::error::{ErrorCode, Result};
use crate::service::change::Terms;
use crate::service::import::{Absent, BadLine, BadLines, Import, Imported, Reading, Warning};

/// Brings in the policy of another Casbin.
#[derive(InputObject)]
pub struct PolicyImportInput {
    /// The lines `p, role, object, action` with an effect behind them, and `g, user, role`. Without
    /// `domain`, the domain of a line is this tenant's key, or left out.
    csv: String,
    /// The domain whose lines are brought in; those of others are passed over.
    domain: Option<String>,
    /// The path under which all objects go: with `shop`, `/orders` becomes `shop/orders`.
    under: Option<String>,
    /// The text of the file's model, its `model.conf`. It says which column is what; a model that
    /// decides otherwise is refused, and so is each line that would be decided otherwise.
    model: Option<String>,
    /// What becomes of a name that holds roles and that no user has.
    #[graphql(default)]
    absent: PolicyImportAbsent,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
    /// Whether it is only tried: then nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
}

/// What becomes of a name of a policy that holds roles and that no user has.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Default)]
pub enum PolicyImportAbsent {
    /// Its lines are refused.
    #[default]
    Refuse,
    /// It becomes a role that nobody holds yet, with a group that carries what it holds.
    Role,
}

/// Something in a policy that may be a slip. It hinders nothing.
#[derive(SimpleObject)]
pub struct PolicyImportWarning {
    /// The line, from 1.
    line: i32,
    /// The column, from 1; the first is the kind of the line.
    column: i32,
    /// What is odd, and how it is read.
    message: String,
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
        /// How many lines are of other domains, and were passed over.
        skipped: i32,
        /// What may be a slip: the first 100.
        warnings: Vec<PolicyImportWarning>,
        /// The tenant's policy version.
        revision: i32,
        /// What would change, after a dry run; for those who may read the rules.
        impact: Impact,
    }
}

impl From<PolicyImportAbsent> for Absent {
    fn from(absent: PolicyImportAbsent) -> Self {
        match absent {
            PolicyImportAbsent::Refuse => Self::Refuse,
            PolicyImportAbsent::Role => Self::Role,
        }
    }
}

impl From<&Warning> for PolicyImportWarning {
    fn from(Warning { number, column, message }: &Warning) -> Self {
        Self { line: int(*number), column: int(*column as u64), message: message.clone() }
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
            let reading = Reading {
                domain: input.domain,
                under: parse_opt("under", input.under.as_deref(), Path::parse)
                    .map_err(|error| error.with_code(ErrorCode::Invalid))?,
                model: input.model,
                absent: input.absent.into(),
            };
            Ok(match platform.import_policy(caller, input.csv, reading, terms).await? {
                Import::Refused(bad) => PolicyImportPayload { user_errors: told(bad)?, ..Default::default() },
                Import::Done(done) => PolicyImportPayload {
                    imported: Some(done.value.imported.into()),
                    skipped: Some(int(done.value.skipped)),
                    warnings: Some(done.value.warnings.iter().map(Into::into).collect()),
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
