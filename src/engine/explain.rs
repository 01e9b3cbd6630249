//! Why a decision is what it is: the rules that match, which the decision itself was made from,
//! and how the subject came by each.

use std::collections::{HashSet, VecDeque};

use ahash::RandomState;

use super::rules::RuleId;
use super::snapshot::Snapshot;
use crate::domain::key::{Action, Object};
use crate::policy::rule::{Rule, Subject};

/// A rule that matches a request, with one way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The `p` rule.
    pub rule: Rule,
    /// The links from the subject to the rule's own, each a `g` rule; none when they are one.
    pub via: Vec<(Subject, Subject)>,
}

impl Snapshot {
    /// The rules that match the request, in order. A rule stands once for each thing that the
    /// subject holds directly and that leads to it, with the shortest way from there.
    pub fn explain(&self, subject: &Subject, object: &Object, action: &Action) -> Vec<Matched> {
        let Some(number) = self.number(subject) else { return Vec::new() };
        let matches = self.matches(subject, object, action);
        matches.into_iter().flat_map(|id| self.ways(number, id)).collect()
    }

    fn ways(&self, subject: u32, id: RuleId) -> Vec<Matched> {
        let matched = |way: Vec<u32>| {
            let links = way.iter().zip(way.iter().skip(1));
            let via = links.map(|(member, role)| Some((self.subject(*member)?, self.subject(*role)?)));
            Some(Matched { rule: self.rule(id)?, via: via.collect::<Option<_>>()? })
        };
        if subject == id.subject {
            return matched(vec![subject]).into_iter().collect();
        }
        let mut first: Vec<u32> = self.index.roles.direct(subject).to_vec();
        first.retain(|first| *first == id.subject || self.index.roles.holds(*first, id.subject));
        first.sort_unstable_by(|a, b| self.index.subject_order(*a, *b));
        let ways = first.into_iter().filter_map(|first| self.way(subject, first, id.subject));
        ways.filter_map(matched).collect()
    }

    /// The shortest chain from `subject` by its direct role `first` to `holder`.
    fn way(&self, subject: u32, first: u32, holder: u32) -> Option<Vec<u32>> {
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
