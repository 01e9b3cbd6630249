//! Explanations of decisions: the rules that match, from which the decision itself was made, and the links through
//! which the subject came by each.

use std::collections::{HashSet, VecDeque};

use ahash::RandomState;

use super::rules::RuleId;
use super::snapshot::Snapshot;
use crate::domain::key::{Action, Object};
use crate::policy::rule::{Effect, Rule, Subject};

/// A rule that matches a request, with one way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The `p` rule.
    pub rule: Rule,
    /// The links from the subject to the rule's own, each a `g` rule; empty when they are the same.
    pub via: Vec<(Subject, Subject)>,
}

/// The rules that match a request, as far as they are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matches {
    /// The first matching rules, the denials before the others.
    pub first: Vec<Matched>,
    /// The number of all matching rules, listed or not.
    pub count: u64,
}

impl Snapshot {
    /// Finds the rules that match the request: the denials, which decide, then the others, each in order; lists the
    /// first `most`. A rule appears once for each thing that the subject holds directly and that leads to it, with the
    /// shortest way from there: a subject can hold very many.
    pub fn explain(&self, subject: &Subject, object: &Object, action: &Action, most: usize) -> Matches {
        let mut found = Matches::default();
        let Some(number) = self.number(subject) else { return found };
        let (denials, others): (Vec<RuleId>, Vec<RuleId>) =
            self.matches(subject, object, action).into_iter().partition(|id| id.permission.effect == Effect::Deny);
        for id in denials.into_iter().chain(others) {
            let first = self.first_steps(number, id);
            found.count += first.len() as u64;
            let room = most.saturating_sub(found.first.len());
            let ways = first.into_iter().take(room).filter_map(|first| self.way(number, first, id.subject));
            found.first.extend(ways.filter_map(|way| self.matched(id, &way)));
        }
        found
    }

    /// Finds the roles that the subject holds directly and that lead to the rule: the subject alone if the rule is
    /// theirs.
    fn first_steps(&self, subject: u32, id: RuleId) -> Vec<u32> {
        if subject == id.subject {
            return vec![subject];
        }
        let mut first: Vec<u32> = self.index.roles.direct(subject).to_vec();
        first.retain(|first| *first == id.subject || self.index.roles.holds(*first, id.subject));
        first.sort_unstable_by(|a, b| self.index.subject_order(*a, *b));
        first
    }

    fn matched(&self, id: RuleId, way: &[u32]) -> Option<Matched> {
        let links = way.iter().zip(way.iter().skip(1));
        let via = links.map(|(member, role)| Some((self.subject(*member)?, self.subject(*role)?)));
        Some(Matched { rule: self.rule(id)?, via: via.collect::<Option<_>>()? })
    }

    /// Finds the shortest chain from `subject` through its direct role `first` to `holder`.
    fn way(&self, subject: u32, first: u32, holder: u32) -> Option<Vec<u32>> {
        if subject == holder {
            return Some(vec![subject]);
        }
        let mut seen: HashSet<u32, RandomState> = [subject, first].into_iter().collect();
        let mut due = VecDeque::from([vec![subject, first]]);
        while let Some(way) = due.pop_front() {
            let last = *way.last()?;
            if last == holder {
                return Some(way);
            }
            let further = self.index.roles.direct(last).iter().filter(|next| seen.insert(**next));
            due.extend(further.map(|next| [way.as_slice(), &[*next]].concat()));
        }
        None
    }
}
