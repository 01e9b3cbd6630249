//! Details of a `CONFLICT`: who changed what since the caller read it. They are looked up in the audit log once a
//! change is refused, so that changes themselves pay nothing for it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::auth::caller::Caller;
use crate::domain::listed;
use crate::error::{Error, Result, Stale};
use crate::service::Platform;
use crate::service::access::permit::Permit;
use crate::store::Scope;
use crate::store::audit::{Actor, ActorKind, AuditEvent, AuditFilter};
use crate::store::page::Page;

/// Number of the tenant's latest events that are searched. Older changes still cause a `CONFLICT`, reported without
/// details.
const LOOKED_AT: u64 = 50;
/// Fields that say nothing about a change.
const UNTOLD: [&str; 4] = ["id", "key", "version", "imported_from"];

/// Versioned thing: the part of the state that it is in, and its key there.
struct Thing<'a> {
    part: &'static str,
    key: &'a str,
    /// Permission that the caller needs to be told about it.
    permit: Permit,
}

impl<'a> Thing<'a> {
    /// Returns the thing that a change targets, such as `profile:night`.
    fn of(target: &'a str) -> Option<Self> {
        let (kind, key) = target.split_once(':')?;
        let (part, permit) = match kind {
            "profile" => ("profiles", Permit::PROFILES_READ),
            "role" => ("roles", Permit::ROLES_READ),
            "group" => ("groups", Permit::GROUPS_READ),
            "user" => ("users", Permit::USERS_READ),
            _ => return None,
        };
        Some(Self { part, key, permit })
    }

    /// Returns the thing in the state before or after an event.
    fn within<'b>(&self, state: Option<&'b Value>) -> Option<&'b Value> {
        state?.get(self.part)?.get(self.key).filter(|value| value.is_object())
    }
}

impl Platform {
    /// Adds to a `CONFLICT` who changed what, as far as the caller may know; returns any other error unchanged.
    pub(in crate::service) async fn explain_conflict(&self, caller: &Caller, target: &str, error: Error) -> Error {
        let (Some(stale), Some(thing)) = (error.stale, Thing::of(target)) else { return error };
        let Ok(tenant) = self.authorise(caller, thing.permit.clone()).await else { return error };
        match self.meanwhile(caller, &tenant.scope(), &thing, stale).await {
            Ok(Some(story)) => error.saying(story),
            Ok(None) => error,
            Err(fault) => {
                tracing::warn!(error = %fault, "the history behind a conflict was not found");
                error
            }
        }
    }

    /// Describes what happened to a thing since the version that the caller read; `None` if the latest events do not
    /// cover all of it.
    async fn meanwhile(
        &self,
        caller: &Caller,
        scope: &Scope,
        thing: &Thing<'_>,
        stale: Stale,
    ) -> Result<Option<String>> {
        let events = scope.audit_events(&AuditFilter::default(), &Page::first(LOOKED_AT)).await?;
        let events: Vec<AuditEvent> = events.items.into_iter().map(|(_, event)| event).collect();
        let Some(changes) = changes_since(thing, &events, stale) else { return Ok(None) };
        let names_others = self.may(caller, Permit::USERS_READ).await;
        let mut authors: Vec<&str> = Vec::new();
        for (_, _, event) in changes.iter().rev() {
            let author = author(caller, &event.actor, names_others);
            if !authors.contains(&author) {
                authors.push(author);
            }
        }
        let who = listed(&authors);
        let versions = format!("(version {}, now {}): read it again", stale.read, stale.now);
        let what = changed_parts(thing, &changes);
        let what: Vec<&str> = what.iter().map(String::as_str).collect();
        Ok(Some(match listed(&what).as_str() {
            "" => format!("{who} changed this since you read it {versions}"),
            what => format!("{who} changed {what} since you read this {versions}"),
        }))
    }
}

/// Thing before an event, the thing after it, and the event.
type Step<'a> = (&'a Value, &'a Value, &'a AuditEvent);

/// Returns the events that led from the version that was read to the current one, newest first; `None` if one is
/// missing.
fn changes_since<'a>(thing: &Thing<'_>, events: &'a [AuditEvent], stale: Stale) -> Option<Vec<Step<'a>>> {
    let step = |event: &'a AuditEvent| {
        Some((thing.within(event.before.as_ref())?, thing.within(event.after.as_ref())?, event))
    };
    // A version from the future was read of another thing, or made up.
    if stale.read > stale.now {
        return None;
    }
    let mut found = Vec::new();
    let mut reached = i64::from(stale.now);
    for (was, is, event) in events.iter().filter_map(step) {
        let version = |value: &Value| value.get("version").and_then(Value::as_i64);
        // An event with another version is of an earlier thing with this key, or not of this history.
        if version(is) != Some(reached) {
            continue;
        }
        reached = version(was)?;
        found.push((was, is, event));
        if reached <= i64::from(stale.read) {
            return Some(found);
        }
    }
    None
}

/// Names the author of a change to the caller. Operators stay unnamed, because their names belong to another tenant.
fn author<'a>(caller: &Caller, actor: &'a Actor, names_others: bool) -> &'a str {
    match actor.kind {
        ActorKind::Operator => "an operator",
        ActorKind::System => "the system",
        ActorKind::User if !caller.is_visiting() && actor.key == caller.user().as_str() => "you",
        ActorKind::User if names_others => &actor.key,
        ActorKind::User => "somebody else",
    }
}

/// Returns the fields that differ now, by their names in inputs, and the modules and sections of a profile one by one.
/// Never returns their content.
fn changed_parts(thing: &Thing<'_>, changes: &[Step<'_>]) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    if let (Some((_, is, _)), Some((was, _, _))) = (changes.first(), changes.last()) {
        for (field, before, after) in differences(was, is).filter(|(field, ..)| !UNTOLD.contains(field)) {
            match (before, after) {
                (Value::Object(_), Value::Object(_)) => {
                    parts.extend(differences(before, after).map(|(key, ..)| key.to_owned()));
                }
                _ => drop(parts.insert(input_name(field))),
            }
        }
    }
    for (_, _, event) in changes.iter().filter(|_| thing.part == "users") {
        let after = event.after.as_ref();
        let account = after.and_then(|after| after.get("accounts")?.get(thing.key)?.as_object());
        parts.extend(account.into_iter().flat_map(|account| account.keys().cloned()));
        if after.is_some_and(|after| after.get("groups").is_some()) && event.target == format!("user:{}", thing.key) {
            parts.insert("groups".to_owned());
        }
    }
    parts
}

/// Returns the entries in which two objects differ.
fn differences<'a>(was: &'a Value, is: &'a Value) -> impl Iterator<Item = (&'a str, &'a Value, &'a Value)> {
    let keys: BTreeSet<&str> =
        [was, is].into_iter().filter_map(Value::as_object).flatten().map(|(key, _)| key.as_str()).collect();
    let both = move |key| (key, was.get(key).unwrap_or(&Value::Null), is.get(key).unwrap_or(&Value::Null));
    keys.into_iter().map(both).filter(|(_, was, is)| was != is)
}

/// Returns the name that a field of the state has in inputs.
fn input_name(field: &str) -> String {
    if field == "role" {
        return "customRole".to_owned();
    }
    let mut words = field.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        format!("{name}{}{tail}", head.to_uppercase())
    })
}
