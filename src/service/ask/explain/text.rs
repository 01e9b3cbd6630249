//! Explanations as sentences that can be read aloud.

use std::collections::HashMap;

use super::{Matched, Matches};
use crate::domain::catalogue::Catalogue;
use crate::engine::tenant::{Decision, DecisionReason, Obligation};
use crate::policy::rule::{Effect, OriginKind, Rule, RuleHash, Subject};
use crate::service::ask::decision::Query;
use crate::service::policy::rules::{NamedOrigin, Origins};

/// Describes a decision: the verdict, the rules that match, and the obligations. `subject` is absent if the request can
/// mean no user.
pub(super) fn of(
    subject: Option<&Subject>,
    query: &Query,
    decision: &Decision,
    matched: &Matches,
    origins: &HashMap<RuleHash, Origins>,
    catalogue: &Catalogue,
) -> String {
    let mut sentences = vec![verdict(subject, query, decision)];
    for ways in matched.first.chunk_by(|one, next| one.rule == next.rule) {
        let Some(first) = ways.first() else { continue };
        let none = Origins::default();
        let from = origins.get(&first.rule.hash()).unwrap_or(&none);
        sentences.extend(rule(ways, &first.rule, from, catalogue));
    }
    let left_out = matched.count.saturating_sub(matched.first.len() as u64);
    if left_out > 0 {
        sentences.push(format!("Beside these, {left_out} more ways lead to rules that match."));
    }
    sentences.extend(decision.obligations.iter().map(obligation));
    sentences.push(format!("This is so at revision {}.", decision.revision));
    sentences.join(" ")
}

fn verdict(subject: Option<&Subject>, query: &Query, decision: &Decision) -> String {
    let who = match subject {
        Some(Subject::User(key)) => key.to_string(),
        Some(other) => short(other),
        None => "Somebody unknown".to_owned(),
    };
    let what = format!("{} {}", query.action, query.object);
    let because = match decision.reason {
        DecisionReason::Allowed => return format!("{who} may {what}."),
        DecisionReason::DeniedByRule => "a rule denies it",
        DecisionReason::NoMatchingRule => "no rule allows it",
        DecisionReason::UnknownSubject => "there is no such user",
        DecisionReason::SubjectDisabled => "this user is disabled",
        DecisionReason::Unlicensed => "the module is not in the licence",
    };
    format!("{who} may not {what}, because {because}.")
}

/// Describes one rule and the paths by which the subject holds it.
fn rule(ways: &[Matched], rule: &Rule, origins: &Origins, catalogue: &Catalogue) -> Option<String> {
    let Rule::Permission { subject, object, action, effect } = rule else { return None };
    let verb = match effect {
        Effect::Allow => "allows",
        Effect::Deny => "denies",
    };
    let action = if action.is_any() { "everything" } else { action.as_str() };
    let object = match object.prefix().and_then(|prefix| prefix.strip_suffix('/')) {
        Some(above) => format!("all below {above}"),
        None => object.to_string(),
    };
    let mut notes: Vec<String> = origins.first.iter().map(|named| named.about(catalogue)).collect();
    notes.dedup();
    let left_out = origins.count.saturating_sub(origins.first.len() as u64);
    if left_out > 0 {
        notes.push(format!("and {left_out} more"));
    }
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) };
    let through: Vec<String> = ways.iter().filter_map(through).collect();
    let held = if through.is_empty() { String::new() } else { format!(", held {}", through.join(" and ")) };
    Some(format!("{} {verb} {action} on {object}{notes}{held}.", source(subject, &origins.first)))
}

/// Names the subject that the rule belongs to, by its current name.
fn source(subject: &Subject, origins: &[NamedOrigin]) -> String {
    let named = |kind, key: &str| {
        let origin = origins.iter().find(|named| named.origin.kind == kind && named.origin.key == key);
        origin.map_or_else(|| key.to_owned(), |named| named.name.clone())
    };
    match subject {
        Subject::Profile(key) => format!("The profile {}", named(OriginKind::Profile, key.as_str())),
        Subject::Group(key) => format!("The group {}", named(OriginKind::Group, key.as_str())),
        Subject::Custom(key) => format!("The role {}", named(OriginKind::Role, key.as_str())),
        Subject::Role(_) if origins.iter().any(|named| named.origin.kind == OriginKind::Licence) => {
            "The licence".to_owned()
        }
        Subject::Role(role) => format!("The built-in role {}", role.as_ref()),
        Subject::User(key) => format!("The user {key}"),
    }
}

/// Describes the path to a rule, directly or through others; `None` for rules that every user holds, and for the
/// subject's own.
fn through(way: &Matched) -> Option<String> {
    let (_, first) = way.via.first()?;
    let between: Vec<String> = way.via.iter().skip(1).map(|(from, _)| short(from)).collect();
    match (between.is_empty(), first) {
        (true, Subject::Role(_)) => None,
        (true, _) => Some("directly".to_owned()),
        (false, _) => Some(format!("through {}", between.join(" and "))),
    }
}

fn short(subject: &Subject) -> String {
    match subject {
        Subject::User(key) => format!("the user {key}"),
        Subject::Profile(key) => format!("the profile {key}"),
        Subject::Group(key) => format!("the group {key}"),
        Subject::Custom(key) => format!("the role {key}"),
        Subject::Role(role) => format!("the built-in role {}", role.as_ref()),
    }
}

fn obligation(obligation: &Obligation) -> String {
    match obligation {
        Obligation::Mask { view, characters } => {
            format!("Contacts are to be masked by {characters} characters, as the data view {view} says.")
        }
        Obligation::Anonymise { view } => {
            format!("Other users are to be shown by pseudonyms, as the data view {view} says.")
        }
    }
}
