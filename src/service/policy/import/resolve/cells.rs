//! Requests that lines tell apart, and their decisions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Line, Stop, take};
use crate::domain::key::ActionPattern;
use crate::domain::role::{Effect, Grant};

/// Lines in the order in which they decide, by their objects.
///
/// Objects are exact or all that is below a path, and actions are exact or all. Two such sets are nested or apart, so
/// that one request for each object and action of the lines, and one for all other actions, stand for all requests: for
/// `a/*`, one about something in it that no line names.
pub(super) struct Cells<'l> {
    lines: Vec<Line<'l>>,
    by_object: HashMap<&'l str, Vec<usize>>,
}

/// Decision of a request under both readings.
struct Cell<'c, 'l> {
    /// Effect of the first line that matches.
    first: Option<Effect>,
    /// Lines of the other reading that match and deny.
    denials: &'c [&'l Grant],
    /// `true` if a line of the other reading matches and allows.
    is_allowed: bool,
}

impl<'l> Cells<'l> {
    pub(super) fn of(lines: Vec<Line<'l>>) -> Self {
        let mut by_object: HashMap<&str, Vec<usize>> = HashMap::new();
        for (rank, line) in lines.iter().enumerate() {
            by_object.entry(line.grant.object.as_str()).or_default().push(rank);
        }
        Self { lines, by_object }
    }

    /// Returns the first line of each request, in other words those that no earlier line covers.
    pub(super) fn deciding(&self, work: &mut usize) -> Result<BTreeMap<&'l Grant, u64>, Stop> {
        let mut actions: HashMap<&str, BTreeSet<&ActionPattern>> = HashMap::new();
        let (any, mut kept) = (ActionPattern::any(), BTreeMap::new());
        for Line { number, grant } in &self.lines {
            take(work, 1)?;
            let object = grant.object.as_str();
            let covers = |said: &BTreeSet<&ActionPattern>| said.contains(&grant.action) || said.contains(&any);
            if covering(object).any(|over| actions.get(over.as_str()).is_some_and(covers)) {
                continue;
            }
            actions.entry(object).or_default().insert(&grant.action);
            kept.insert(*grant, *number);
        }
        Ok(kept)
    }

    /// Returns the denials of `given` that deny what the first line allows.
    pub(super) fn denied_in_error(
        &self,
        given: &BTreeMap<&'l Grant, u64>,
        work: &mut usize,
    ) -> Result<BTreeMap<&'l Grant, u64>, Stop> {
        let mut wrong = BTreeMap::new();
        self.each(given, work, |cell| {
            if cell.first == Some(Effect::Allow) {
                wrong.extend(cell.denials.iter().map(|grant| (*grant, given.get(grant).copied().unwrap_or_default())));
            }
        })?;
        Ok(wrong)
    }

    /// Returns `true` if both readings decide every request alike.
    pub(super) fn agree(&self, given: &BTreeMap<&'l Grant, u64>, work: &mut usize) -> Result<bool, Stop> {
        let mut agree = true;
        self.each(given, work, |cell| {
            let allowed = cell.is_allowed && cell.denials.is_empty();
            agree &= allowed == (cell.first == Some(Effect::Allow));
        })?;
        Ok(agree)
    }

    /// Decides each request that the lines tell apart, by their order and by `given`, in which a denial wins.
    fn each(
        &self,
        given: &BTreeMap<&'l Grant, u64>,
        work: &mut usize,
        mut decided: impl FnMut(Cell<'_, 'l>),
    ) -> Result<(), Stop> {
        let mut given_by_object: HashMap<&str, Vec<&'l Grant>> = HashMap::new();
        for grant in given.keys() {
            given_by_object.entry(grant.object.as_str()).or_default().push(grant);
        }
        let any = ActionPattern::any();
        for object in self.by_object.keys() {
            let over: Vec<String> = covering(object).collect();
            let ranks = over.iter().filter_map(|it| self.by_object.get(it.as_str())).flatten().copied();
            let mut lines: Vec<(usize, &Grant)> =
                ranks.filter_map(|rank| self.lines.get(rank).map(|line| (rank, line.grant))).collect();
            lines.sort_unstable_by_key(|(rank, _)| *rank);
            let others: Vec<&Grant> =
                over.iter().filter_map(|it| given_by_object.get(it.as_str())).flatten().copied().collect();
            // `*` itself stands for an action that no line names.
            let actions: BTreeSet<&ActionPattern> =
                lines.iter().map(|(_, grant)| &grant.action).chain([&any]).collect();
            take(work, actions.len().saturating_mul(lines.len() + others.len() + 1))?;
            for action in actions {
                let matches = |grant: &Grant| grant.action == *action || grant.action.is_any();
                let denies = |grant: &&&Grant| grant.effect == Effect::Deny;
                let matching: Vec<&Grant> = others.iter().copied().filter(|grant| matches(grant)).collect();
                let denials: Vec<&Grant> = matching.iter().filter(|it| denies(it)).copied().collect();
                let first = lines.iter().find(|(_, grant)| matches(grant)).map(|(_, grant)| grant.effect);
                decided(Cell { first, denials: &denials, is_allowed: matching.len() > denials.len() });
            }
        }
        Ok(())
    }
}

/// Returns the objects of lines that a request about this object matches: itself, and `…/*` for each path above it.
fn covering(object: &str) -> impl Iterator<Item = String> + '_ {
    let path = object.strip_suffix("/*").unwrap_or(object);
    let above = path.match_indices('/').filter_map(move |(at, _)| path.get(..at)).map(|path| format!("{path}/*"));
    above.chain([object.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_covered_by_itself_and_by_all_paths_above_it() {
        let all = |object| covering(object).collect::<Vec<_>>();
        assert_eq!(all("a/b/c"), ["a/*", "a/b/*", "a/b/c"]);
        assert_eq!(all("a/b/*"), ["a/*", "a/b/*"]);
        assert_eq!(all("a"), ["a"]);
        assert_eq!(all("a/*"), ["a/*"]);
    }
}
