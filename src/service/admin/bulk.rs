//! Many users at once: as CSV for a spreadsheet (R33), and from a list.

use std::collections::{BTreeSet, HashMap};

use futures_util::{StreamExt, TryStreamExt, stream};
use uuid::Uuid;

use crate::auth::caller::Caller;
use crate::domain::key::{GroupKey, UserKey};
use crate::domain::letters;
use crate::domain::user::{Email, check_assignable, username_taken};
use crate::error::{Error, ErrorCode, Result};
use crate::service::Platform;
use crate::service::access::permit::{Permit, unauthenticated};
use crate::service::access::unseen::Named;
use crate::service::admin::agent::{check_plain_agent, supervised};
use crate::service::admin::user::{NewUser, UserRow};
use crate::service::change::{ChangeContext, ChangeOptions, ChangeRequest, Outcome, visited_from};
use crate::store::Scope;

/// The most users of one list.
const USERS_MAX: usize = 1000;
/// Number of passwords of one list that are hashed together: the other cores are for users who sign in.
const HASHED_TOGETHER: usize = 2;

/// The line above the users. Nothing secret is among them: no password, no key, not even whether
/// there is one.
const COLUMNS: [&str; 10] = [
    "username",
    "full name",
    "email",
    "base role",
    "enabled",
    "profile",
    "custom role",
    "groups",
    "extension",
    "created at",
];

impl Platform {
    /// Returns these users as CSV, in this order. The audit log tells which user took them out.
    pub async fn user_export(&self, caller: &Caller, keys: &[UserKey]) -> Result<String> {
        check_count(keys.len()).map_err(|error| error.at("keys"))?;
        let (tenant, mut tx) = self.begin(caller, Permit::USERS_READ).await?;
        let scope = tenant.scope();
        let rows = scope.users_by_keys(keys).await?;
        let found: HashMap<UserKey, UserRow> = rows.into_iter().map(|row| (row.user.key.clone(), row)).collect();
        let groups = scope.groups_of_users(keys).await?;
        let mut lines = Vec::with_capacity(keys.len());
        for (i, key) in keys.iter().enumerate() {
            let unknown = || Error::not_found("user", key).at(i.to_string()).at("keys");
            lines.push(cells(found.get(key).ok_or_else(unknown)?, groups.get(key)));
        }
        let csv = sheet(Some(COLUMNS), &lines)?;
        let intent = ChangeRequest::new(Permit::USERS_READ, "users.export", "users", None).without_rights();
        let record = ChangeContext::new(caller, &intent, self.now());
        let exported: Vec<&str> = keys.iter().map(UserKey::as_str).collect();
        tx.audit(&record.event(None, Some(serde_json::json!({ "exported": exported })), None)).await?;
        self.commit(tx, record, None, visited_from(caller)).await?;
        Ok(csv)
    }

    /// Creates all these users in one change, or none; gives their keys in the same order.
    pub async fn user_import(
        &self,
        caller: &Caller,
        users: Vec<NewUser>,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<Vec<UserKey>>> {
        check_count(users.len()).map_err(|error| error.at("users"))?;
        let options: ChangeOptions = options.into();
        let tenant = self.authorise(caller, Permit::create_users()).await?;
        let settings = tenant.policy().settings;
        if supervised(caller, &tenant.policy(), &Permit::create_users())?.is_some() {
            each(&users, |user| check_plain_agent(user.base_role, &user.access()))?;
        }
        each(&users, |user| {
            check_assignable(user.base_role, user.profile.as_ref(), user.role.as_ref())?;
            user.check(&settings)
        })?;
        check_distinct(&users)?;
        let scope = tenant.scope();
        check_free(&scope, &users).await?;
        let named = users.iter().map(|user| Named::from(&user.access())).fold(Named::default(), Named::and);
        if let Err(error) = rehearse(&scope, &users).await {
            return Err(self.unseen(caller, named, error).await);
        }
        let passwords: Vec<_> = users.iter().map(|user| user.password.clone()).collect();
        let hashes: Vec<Option<String>> = stream::iter(passwords)
            .map(|password| self.hash_of(caller, password, options.dry_run))
            .buffered(HASHED_TOGETHER)
            .try_collect()
            .await?;
        let intent = ChangeRequest::new(Permit::create_users(), "users.import", "users", options);
        let joining = users.clone();
        let done = self.change(caller, intent, |draft| {
            let join = |(i, (user, hash)): (usize, (NewUser, _))| {
                let allowed = draft.check_supervised_new(user.username.key(), user.base_role, &user.access());
                allowed.and_then(|()| user.join(draft, hash)).map_err(|error| at(i, error))
            };
            joining.into_iter().zip(hashes).enumerate().map(join).collect()
        });
        match done.await {
            // Somebody has taken it since it was looked at: now it can be told whose it was.
            Err(error) if error.code == ErrorCode::AlreadyExists => {
                check_free(&scope, &users).await?;
                Err(error)
            }
            Err(error) => Err(self.unseen(caller, named, error).await),
            done => done,
        }
    }
}

fn check_count(count: usize) -> Result<()> {
    match count {
        0 => Err(Error::invalid("name at least one user")),
        1..=USERS_MAX => Ok(()),
        _ => Err(Error::new(ErrorCode::TooLarge, format!("at most {USERS_MAX} users go at once, not {count}"))),
    }
}

/// Returns an error as that of the user at this place in the list.
fn at(place: usize, error: Error) -> Error {
    error.at(place.to_string()).at("users")
}

fn each(users: &[NewUser], check: impl FnMut(&NewUser) -> Result<()>) -> Result<()> {
    users.iter().map(check).enumerate().try_for_each(|(i, checked)| checked.map_err(|error| at(i, error)))
}

/// Tries the list on a copy of the state, so that the hashing of a thousand passwords does not
/// come before the news of a wrong key in the last line.
async fn rehearse(scope: &Scope, users: &[NewUser]) -> Result<()> {
    let (_, mut state) = scope.state().await?.ok_or_else(unauthenticated)?;
    // All of these first: what the list names otherwise may be nothing that its sender may know of.
    each(users, |user| state.check_username_free(user.username.key()))?;
    each(users, |user| state.add_user(Uuid::nil(), user.username.key(), user.base_role, user.access()))
}

/// Checks that nothing that belongs to one user alone is in the list twice.
fn check_distinct(users: &[NewUser]) -> Result<()> {
    let (mut names, mut emails, mut extensions) = (BTreeSet::new(), HashMap::new(), HashMap::new());
    for (i, user) in users.iter().enumerate() {
        let twice = |what: &str, field: &str, other: usize| {
            let message = format!("{what} stands in the list twice: `users.{other}` has it too");
            at(i, Error::new(ErrorCode::AlreadyExists, message).at(field))
        };
        if !names.insert(user.username.key()) {
            return Err(at(i, username_taken(user.username.key())));
        }
        let email = user.email.as_ref().and_then(|email| emails.insert(email.unique_form(), i));
        if let Some(other) = email {
            return Err(twice("the email address", "email", other));
        }
        let extension = user.extension.as_ref().and_then(|extension| extensions.insert(extension, i));
        if let Some(other) = extension {
            return Err(twice("the extension", "extension", other));
        }
    }
    Ok(())
}

/// Refuses an email address or an extension of the list that a user of the tenant has already.
async fn check_free(scope: &Scope, users: &[NewUser]) -> Result<()> {
    let emails = users.iter().filter_map(|user| user.email.as_ref()).flat_map(Email::forms);
    let extensions = users.iter().filter_map(|user| user.extension.clone());
    let taken = scope.taken(emails.collect(), extensions.collect()).await?;
    each(users, |user| {
        let email = user.email.iter().flat_map(Email::forms).any(|form| taken.emails.contains(&form));
        let extension = user.extension.as_ref().is_some_and(|extension| taken.extensions.contains(extension));
        match (email, extension) {
            (true, _) => Err(Error::new(ErrorCode::AlreadyExists, "the email address is taken").at("email")),
            (_, true) => Err(Error::new(ErrorCode::AlreadyExists, "the extension is taken").at("extension")),
            _ => Ok(()),
        }
    })
}

fn cells(row: &UserRow, groups: Option<&Vec<GroupKey>>) -> [String; 10] {
    let groups: BTreeSet<&str> = groups.into_iter().flatten().map(GroupKey::as_str).collect();
    let user = &row.user;
    [
        row.username.clone(),
        row.full_name.clone(),
        row.email.clone().unwrap_or_default(),
        user.base_role.as_ref().to_uppercase(),
        user.enabled.to_string(),
        user.profile.as_ref().map(ToString::to_string).unwrap_or_default(),
        user.role.as_ref().map(ToString::to_string).unwrap_or_default(),
        groups.into_iter().collect::<Vec<_>>().join(" "),
        row.extension.clone(),
        row.created_at.to_rfc3339(),
    ]
}

/// Writes CSV as RFC 4180 has it, with these heads, if any. Every cell is quoted: a spreadsheet that takes another
/// character than the comma for the separator would else find cells that were never looked at here.
pub(in crate::service) fn sheet<const N: usize>(heads: Option<[&str; N]>, lines: &[[String; N]]) -> Result<String> {
    let mut sheet = csv::WriterBuilder::new()
        .quote_style(csv::QuoteStyle::Always)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    if let Some(heads) = heads {
        sheet.write_record(heads).map_err(Error::internal)?;
    }
    for line in lines {
        sheet.write_record(line.iter().map(|cell| harmless(cell))).map_err(Error::internal)?;
    }
    let bytes = sheet.into_inner().map_err(|error| Error::internal(error.to_string()))?;
    String::from_utf8(bytes).map_err(Error::internal)
}

/// Returns a cell that no spreadsheet takes for a formula: an apostrophe says that it is a text. Some take the signs of
/// East Asian width for those of ASCII, and pass over what stands before them unseen.
fn harmless(cell: &str) -> String {
    let begins = cell.trim_start_matches(|c: char| c == ' ' || letters::unseen(c.encode_utf8(&mut [0; 4])).is_some());
    let formula = cell.starts_with(['\t', '\r', '\n'])
        || begins.starts_with([
            '=', '+', '-', '@', '\u{FF1D}', '\u{FF0B}', '\u{FF0D}', '\u{FF20}', '\u{FE66}', '\u{FE62}', '\u{FE63}',
            '\u{FE6B}', '\u{2212}',
        ]);
    if formula { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r33_no_cell_begins_as_a_formula_does() {
        for (cell, shown) in [
            ("=1+1", "'=1+1"),
            ("+49", "'+49"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("\n=1", "'\n=1"),
            ("\u{ff1d}1+1", "'\u{ff1d}1+1"),
            ("\u{ff0b}49", "'\u{ff0b}49"),
            ("\u{ff0d}1", "'\u{ff0d}1"),
            ("\u{ff20}SUM(A1)", "'\u{ff20}SUM(A1)"),
            (" =1", "' =1"),
            ("\u{feff}=1", "'\u{feff}=1"),
            ("Dana = D", "Dana = D"),
            ("", ""),
        ] {
            assert_eq!(harmless(cell), shown);
        }
    }
}
