//! The policy that one instance has of one tenant at one revision, and the decision made from it.

use std::collections::HashSet;
use std::sync::Arc;

use super::rules::RuleId;
use super::snapshot::Snapshot;
use crate::domain::catalogue::{Catalogue, Section};
use crate::domain::key::{Action, DataViewKey, Object, UserKey};
use crate::domain::tenant::Settings;
use crate::policy::diff::{RuleDiff, StatePatch};
use crate::policy::revision::Counters;
use crate::policy::rule::{BuiltIn, Subject};

/// A tenant's compiled policy, with the few facts beside the rules that an answer needs. Immutable: a change makes the
/// next one.
#[derive(Clone)]
pub struct TenantPolicy {
    /// The tenant's counters that this policy has reached.
    pub counters: Counters,
    /// The rules.
    pub snapshot: Arc<Snapshot>,
    /// The settings.
    pub settings: Settings,
    /// The users that exist but are disabled. A decision needs them only for the reason of a deny; a search lists them
    /// where the model allows users without rules.
    pub disabled: Arc<HashSet<UserKey>>,
}

/// The answer to one request, with the facts that it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// `true` for allow, `false` for deny.
    pub allowed: bool,
    /// The reason of the answer.
    pub reason: DecisionReason,
    /// The host's duties towards the data that it shows; empty unless the request is allowed.
    pub obligations: Vec<Obligation>,
    /// The revision that the answer was made at.
    pub revision: u64,
    /// The rule that decided, of the snapshot that answered.
    pub deciding: Option<RuleId>,
}

/// The reason of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum DecisionReason {
    /// A rule allows it, and none denies it.
    Allowed,
    /// A rule denies it.
    DeniedByRule,
    /// No rule allows it.
    NoMatchingRule,
    /// There is no such user.
    UnknownSubject,
    /// The user is disabled.
    SubjectDisabled,
    /// The module is not in the licence.
    Unlicensed,
}

/// A duty of the host towards the data that it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obligation {
    /// Mask this many characters at the end of the contacts in this view (R20).
    Mask {
        /// The data view.
        view: DataViewKey,
        /// Number of characters.
        characters: i32,
    },
    /// Replace other users' identities by pseudonyms (R37).
    Anonymise {
        /// The data view.
        view: DataViewKey,
    },
}

impl TenantPolicy {
    /// Answers one request. No lock, no I/O.
    pub fn decide(&self, catalogue: &Catalogue, subject: &Subject, object: &Object, action: &Action) -> Decision {
        let verdict = self.snapshot.decide(subject, object, action);
        let reason = match (verdict.allowed, verdict.deciding) {
            (true, _) => DecisionReason::Allowed,
            (false, deciding) => self.why_denied(subject, object, action, deciding),
        };
        let obligations = if verdict.allowed { self.obligations(catalogue, subject, object) } else { Vec::new() };
        let revision = self.counters.revision;
        Decision { allowed: verdict.allowed, reason, obligations, revision, deciding: verdict.deciding }
    }

    /// Returns the plain answer, for our own checks that need neither reason nor obligations.
    pub fn allows(&self, subject: &Subject, object: &Object, action: &Action) -> bool {
        self.snapshot.decide(subject, object, action).allowed
    }

    fn why_denied(
        &self,
        subject: &Subject,
        object: &Object,
        action: &Action,
        deciding: Option<RuleId>,
    ) -> DecisionReason {
        if let Subject::User(key) = subject
            && !self.snapshot.holds(subject, &Subject::Role(BuiltIn::Member))
        {
            let disabled = self.disabled.contains(key);
            return if disabled { DecisionReason::SubjectDisabled } else { DecisionReason::UnknownSubject };
        }
        match deciding {
            _ if self.is_unlicensed(object, action) => DecisionReason::Unlicensed,
            Some(_) => DecisionReason::DeniedByRule,
            None => DecisionReason::NoMatchingRule,
        }
    }

    /// Returns whether the licence denies the request to everyone (R2).
    pub fn is_unlicensed(&self, object: &Object, action: &Action) -> bool {
        // Only the licence denies all members, whatever else denies as well: no grant reaches a
        // built-in role.
        let everyone = self.snapshot.decide(&Subject::Role(BuiltIn::Member), object, action);
        !everyone.allowed && everyone.deciding.is_some()
    }

    /// Returns the obligations of an allow, by the data view that the object's section shows.
    fn obligations(&self, catalogue: &Catalogue, subject: &Subject, object: &Object) -> Vec<Obligation> {
        let Some(section) = section_of(catalogue, object) else { return Vec::new() };
        let Some(view) = &section.data_view else { return Vec::new() };
        let Ok(data) = Object::parse(&format!("data/{view}")) else { return Vec::new() };
        let masks = catalogue.data_views().iter().any(|known| known.key == *view && known.masks_contacts);
        if masks && !self.allows(subject, &data, &Action::unmask()) {
            return vec![Obligation::Mask { view: view.clone(), characters: self.settings.masked_characters }];
        }
        if view.as_str() == "performance" && !self.allows(subject, &data, &Action::identify()) {
            return vec![Obligation::Anonymise { view: view.clone() }];
        }
        Vec::new()
    }

    /// Returns the policy after the revisions whose changes are given in order, up to `counters`.
    #[must_use]
    pub fn after<'a>(&self, counters: Counters, changes: impl Iterator<Item = (&'a RuleDiff, &'a StatePatch)>) -> Self {
        let mut next = Self { counters, ..self.clone() };
        for (diff, patch) in changes {
            next.snapshot = Arc::new(next.snapshot.after(counters.revision, diff));
            next.settings = patch.settings.unwrap_or(next.settings);
            for (key, user) in &patch.users {
                let disabled = user.as_ref().is_some_and(|user| !user.enabled);
                // Most changes of a user leave the set as it was, and copy nothing.
                if disabled != next.disabled.contains(key) {
                    let all = Arc::make_mut(&mut next.disabled);
                    let _ = if disabled { all.insert(key.clone()) } else { all.remove(key) };
                }
            }
        }
        next
    }
}

/// Finds the section that an object is, or is in.
fn section_of<'a>(catalogue: &'a Catalogue, object: &Object) -> Option<&'a Section> {
    let mut parts = object.as_str().splitn(3, '/');
    let (module, section) = (parts.next()?, parts.next()?);
    catalogue.module(module)?.sections.iter().find(|known| known.key.name() == section)
}
