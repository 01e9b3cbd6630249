//! Who holds which roles, directly and through others: the `g` rules of a snapshot, over the
//! numbers of its subjects.

use std::collections::HashMap;

use ahash::RandomState;

use super::names::number;

/// How many links lead from a subject to the farthest role that it holds. Casbin's role manager
/// surely follows as many (past them its count depends on the order of the rules), and no chain
/// that may be written is longer than eight.
const MAX_LINKS: usize = 9;

/// Lists of numbers, one after the other: list `n` is `items[starts[n]..starts[n + 1]]`.
struct Lists {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    fn new() -> Self {
        Self { starts: vec![0], items: Vec::new() }
    }

    fn push(&mut self, items: impl IntoIterator<Item = u32>) -> u32 {
        self.items.extend(items);
        self.starts.push(number(self.items.len()));
        number(self.starts.len() - 2)
    }

    fn get(&self, list: u32) -> &[u32] {
        let at = list as usize;
        let bounds = self.starts.get(at).zip(self.starts.get(at + 1));
        bounds.and_then(|(start, end)| self.items.get(*start as usize..*end as usize)).unwrap_or_default()
    }

    fn shrunk(mut self) -> Self {
        self.starts.shrink_to_fit();
        self.items.shrink_to_fit();
        self
    }
}

/// The role graph of a snapshot, with every closure worked out.
pub(super) struct Roles {
    /// The roles that each subject holds directly.
    direct: Lists,
    /// For each subject the list in `closures`. Subjects with the same direct roles share one: a
    /// tenant has many users and few combinations of roles.
    closure_of: Vec<u32>,
    closures: Lists,
}

impl Roles {
    /// Builds the graph of `subjects` subjects from its links (member, role), sorted.
    pub(super) fn new(subjects: usize, links: &[(u32, u32)]) -> Self {
        let mut direct = Lists::new();
        let mut rest = links;
        for subject in 0..number(subjects) {
            let (own, others) = rest.split_at(rest.partition_point(|(member, _)| *member <= subject));
            direct.push(own.iter().map(|(_, role)| *role));
            rest = others;
        }
        let direct = direct.shrunk();
        let (closure_of, closures) = close(subjects, &direct);
        Self { direct, closure_of, closures }
    }

    /// All that `subject` holds, sorted. On a cycle that is the subject too.
    pub(super) fn closure(&self, subject: u32) -> &[u32] {
        self.closure_of.get(subject as usize).map_or(&[], |list| self.closures.get(*list))
    }

    /// The links (member, role) in order.
    pub(super) fn links(&self) -> usize {
        self.direct.items.len()
    }

    /// The link at this place in the order.
    pub(super) fn link(&self, at: usize) -> Option<(u32, u32)> {
        let role = self.direct.items.get(at)?;
        let member = self.direct.starts.partition_point(|start| *start as usize <= at).checked_sub(1)?;
        Some((number(member), *role))
    }
}

fn close(subjects: usize, direct: &Lists) -> (Vec<u32>, Lists) {
    let mut closures = Lists::new();
    let mut known: HashMap<&[u32], u32, RandomState> = HashMap::default();
    let mut walk = Walk { direct, seen: vec![false; subjects], found: Vec::new() };
    let closure_of = (0..number(subjects))
        .map(|subject| {
            let roles = direct.get(subject);
            *known.entry(roles).or_insert_with(|| closures.push(walk.from(roles).iter().copied()))
        })
        .collect();
    (closure_of, closures.shrunk())
}

/// A walk along the links. Its memory is used again from walk to walk.
struct Walk<'d> {
    direct: &'d Lists,
    seen: Vec<bool>,
    found: Vec<u32>,
}

impl Walk<'_> {
    /// All that can be reached over `roles`, layer by layer, sorted. What was seen is not walked
    /// again, so that cycles end.
    fn from(&mut self, roles: &[u32]) -> &[u32] {
        self.found.clear();
        self.add(roles);
        let mut layer = 0..self.found.len();
        for _ in 1..MAX_LINKS {
            for at in layer.clone() {
                let roles = self.found.get(at).map_or(&[][..], |role| self.direct.get(*role));
                self.add(roles);
            }
            layer = layer.end..self.found.len();
        }
        for role in &self.found {
            if let Some(seen) = self.seen.get_mut(*role as usize) {
                *seen = false;
            }
        }
        self.found.sort_unstable();
        &self.found
    }

    fn add(&mut self, roles: &[u32]) {
        for role in roles {
            if let Some(seen) = self.seen.get_mut(*role as usize)
                && !std::mem::replace(seen, true)
            {
                self.found.push(*role);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closure_holds_all_that_can_be_reached_once() {
        let roles = Roles::new(6, &[(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (5, 1), (5, 2)]);
        assert_eq!(roles.closure(0), [1, 2, 3, 4]);
        assert_eq!(roles.closure(5), roles.closure(0));
        assert_eq!(roles.closure(3), [4]);
        assert!(roles.closure(4).is_empty() && roles.closure(99).is_empty());
        assert_eq!((roles.links(), roles.link(3), roles.link(6), roles.link(7)), (7, Some((2, 3)), Some((5, 2)), None));
    }

    #[test]
    fn cycles_end() {
        let roles = Roles::new(3, &[(0, 1), (1, 2), (2, 0), (2, 2)]);
        for subject in 0..3 {
            assert_eq!(roles.closure(subject), [0, 1, 2]);
        }
    }

    #[test]
    fn a_chain_is_followed_as_far_as_casbin_surely_does() {
        let chain: Vec<(u32, u32)> = (0..12).map(|n| (n, n + 1)).collect();
        assert_eq!(Roles::new(13, &chain).closure(0), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
}
