//! The mutation that imports the policy of another Casbin program.

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};

use super::context::caller;
use super::impact::Impact;
use super::input::parse_opt;
use super::payload::{UserError, payload, user_errors};
use super::scalar::int;
use crate::domain::key::Object as Path;
use crate::error::{ErrorCode, Result};
use crate::service::change::ChangeOptions;
use crate::service::policy::import::{Absent, BadLine, BadLines, By, Import, Imported, Reading, RolePatterns, Warning};

/// Imports the policy of another Casbin program.
#[derive(InputObject)]
pub struct PolicyImportInput {
    /// The lines `p, role, object, action` with an effect behind them, and `g, user, role`. Without
    /// `domain`, the domain of a line is this tenant's key, or left out.
    csv: String,
    /// The domain whose lines are brought in; those of others are passed over.
    domain: Option<String>,
    /// The path under which all objects go: with `shop`, `/orders` becomes `shop/orders`.
    under: Option<String>,
    /// The objects that exist, as the file writes them: 10000 at the most. A pattern that is no prefix, such as
    /// `/users/:id`, becomes a line for each of them that it matches, and no other object matches it here.
    #[graphql(default)]
    objects: Vec<String>,
    /// The text of the file's model, its `model.conf`. It says which column is what; a model that
    /// decides otherwise is refused, and so is each line that would be decided otherwise.
    model: Option<String>,
    /// The kind of policy that is brought in, of a model that defines several: `p`, or `p2` and so on, which
    /// the matcher `m2` decides. Lines of others are left out.
    policy_type: Option<String>,
    /// The functions that the file's program registers for its roles, because no model says them.
    #[graphql(default)]
    role_patterns: Vec<PolicyImportRolePatternsInput>,
    /// Treatment of a name that holds roles but belongs to no user.
    #[graphql(default)]
    absent: PolicyImportAbsent,
    /// Reason for the change, kept in the revision and the audit log.
    reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
}

/// The functions by which a program matches the roles of one kind of lines.
#[derive(InputObject)]
pub struct PolicyImportRolePatternsInput {
    /// The kind of the lines: `g`, `g2` and so on.
    lines: String,
    /// The function for the members, of objects alone: `/books/:id` becomes those of `objects` that match.
    names: Option<PolicyImportFunction>,
    /// The function for the domains: with `KEY_MATCH`, `*` is every domain.
    domains: Option<PolicyImportFunction>,
}

/// A function of Casbin that compares a text with a pattern.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum PolicyImportFunction {
    /// `keyMatch`: `*` for all that follows.
    #[graphql(name = "KEY_MATCH")]
    KeyMatch,
    /// `keyMatch2`: `:name` for a segment.
    #[graphql(name = "KEY_MATCH_2")]
    KeyMatch2,
    /// `keyMatch3`: `{name}` for a segment.
    #[graphql(name = "KEY_MATCH_3")]
    KeyMatch3,
    /// `globMatch`: `*` for all within a segment.
    #[graphql(name = "GLOB_MATCH")]
    GlobMatch,
    /// `regexMatch`: a regular expression.
    #[graphql(name = "REGEX_MATCH")]
    RegexMatch,
}

impl From<PolicyImportFunction> for By {
    fn from(function: PolicyImportFunction) -> Self {
        match function {
            PolicyImportFunction::KeyMatch => Self::KeyMatch,
            PolicyImportFunction::KeyMatch2 => Self::Colon,
            PolicyImportFunction::KeyMatch3 => Self::Brace,
            PolicyImportFunction::GlobMatch => Self::Glob,
            PolicyImportFunction::RegexMatch => Self::Regex,
        }
    }
}

impl From<PolicyImportRolePatternsInput> for RolePatterns {
    fn from(PolicyImportRolePatternsInput { lines, names, domains }: PolicyImportRolePatternsInput) -> Self {
        Self { lines, names: names.map(By::from), domains: domains.map(By::from) }
    }
}

/// The treatment of a name in a policy that holds roles but belongs to no user.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Default)]
pub enum PolicyImportAbsent {
    /// Its lines are refused.
    #[default]
    Refuse,
    /// It becomes a role that no user holds yet, with a group that carries what the name holds.
    Role,
}

/// Something in a policy that may be a slip. It hinders nothing.
#[derive(SimpleObject)]
pub struct PolicyImportWarning {
    /// The line, from 1.
    line: i32,
    /// The column, from 1; the first is the kind of the line.
    column: i32,
    /// Description of the possible slip, and of how the line is read.
    message: String,
}

/// The things that an import made. Existing things are not counted.
#[derive(SimpleObject)]
pub struct PolicyImported {
    /// Number of custom roles.
    roles: i32,
    /// Number of grants of those roles.
    grants: i32,
    /// Number of groups.
    groups: i32,
    /// Number of memberships of users in those groups.
    members: i32,
}

payload! {
    /// The result of an import.
    PolicyImportPayload of 100 error {
        /// Things that were made, or would be after a dry run.
        imported: PolicyImported,
        /// Number of lines that were skipped because they belong to other domains.
        skipped: i32,
        /// Possible slips in the policy: the first 100.
        warnings: Vec<PolicyImportWarning> [at most 100],
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who cannot
        /// see rules and users.
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
    /// Imports the policy of another Casbin program: its roles become custom roles, and groups give them to
    /// users who are there; all of it in one change, or nothing. An error names its line and column,
    /// as `csv.12.3`; of more than 100, the first says how many there are. Repeating the
    /// import changes nothing.
    async fn policy_import(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The policy to bring in.")] input: PolicyImportInput,
    ) -> Result<PolicyImportPayload> {
        let (platform, caller) = caller(ctx)?;
        let options = ChangeOptions { reason: input.reason, dry_run: input.dry_run };
        let imported = async {
            let reading = Reading {
                domain: input.domain,
                under: parse_opt("under", input.under.as_deref(), Path::parse)
                    .map_err(|error| error.with_code(ErrorCode::Invalid))?,
                model: input.model,
                policy_type: input.policy_type,
                objects: input.objects,
                role_patterns: input.role_patterns.into_iter().map(RolePatterns::from).collect(),
                absent: input.absent.into(),
            };
            Ok(match platform.policy_import(caller, input.csv, reading, options).await? {
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
