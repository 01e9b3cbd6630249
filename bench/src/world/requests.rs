//! The requests to a tenant: the first rule, the last rule, a deny, and requests from all over it.

use std::collections::HashMap;

use bailiwick::domain::key::{Action, Object};
use bailiwick::policy::rule::{Effect, Rule, Subject};

use super::{Request, SEED};
use crate::random::Random;
use crate::result::Result;

/// Number of requests that are drawn from all over a tenant: more than the processor's caches hold.
pub(crate) const SCATTERED: usize = 1 << 16;

/// The requests that a tenant is asked.
pub(crate) struct Requests {
    /// All requests: the three single ones and the scattered ones.
    pub(crate) all: Vec<Request>,
    /// The places in `all` of each kind.
    pub(crate) cases: Vec<(&'static str, Vec<usize>)>,
}

impl Requests {
    /// Makes requests of the users that hold `rules`.
    pub(crate) fn of(rules: &[Rule]) -> Result<Self> {
        let held = Held::of(rules);
        let allows: Vec<&Rule> = rules.iter().filter(|rule| held.asks(rule).is_some()).collect();
        let asked = |rule: Option<&&Rule>| rule.and_then(|rule| held.request(rule, 0)).ok_or("a tenant without rules");
        let (first, last) = (asked(allows.first())?, asked(allows.last())?);
        let nobody = Object::parse("host/nothing/here")?;
        let denied = Request { object: nobody, ..first.clone() };
        let mut all = vec![first, last, denied];
        all.extend(held.scattered(&allows, SCATTERED)?);
        let scattered = (3..all.len()).collect();
        let cases = vec![("first", vec![0]), ("last", vec![1]), ("deny", vec![2]), ("random", scattered)];
        Ok(Self { all, cases })
    }

    /// Draws so many requests from all over the tenant that has `rules`.
    pub(crate) fn scattered(rules: &[Rule], count: usize) -> Result<Vec<Request>> {
        let held = Held::of(rules);
        let allows: Vec<&Rule> = rules.iter().filter(|rule| held.asks(rule).is_some()).collect();
        held.scattered(&allows, count)
    }
}

/// The subjects that hold each role by the `g` rules, and all users among them.
struct Held<'a> {
    holders: HashMap<&'a Subject, Vec<&'a Subject>>,
    users: Vec<&'a Subject>,
}

impl<'a> Held<'a> {
    fn of(rules: &'a [Rule]) -> Self {
        let mut holders: HashMap<&Subject, Vec<&Subject>> = HashMap::new();
        for rule in rules {
            if let Rule::Membership { member, role } = rule {
                holders.entry(role).or_default().push(member);
            }
        }
        let users = holders.values().flatten().copied().filter(|member| matches!(member, Subject::User(_)));
        let mut users: Vec<&Subject> = users.collect();
        users.sort();
        users.dedup();
        Self { holders, users }
    }

    /// Returns a user that a rule of `subject` is about: the subject itself, or the `n`th that holds it.
    fn user(&self, subject: &'a Subject, n: usize) -> Option<&'a Subject> {
        if matches!(subject, Subject::User(_)) {
            return Some(subject);
        }
        let members = self.holders.get(subject)?;
        match *members.get(n % members.len())? {
            group @ Subject::Group(_) => self.user(group, n),
            user => Some(user),
        }
    }

    /// Returns a user of a rule that allows, if any user holds it.
    fn asks(&self, rule: &'a Rule) -> Option<&'a Subject> {
        let Rule::Permission { subject, effect: Effect::Allow, .. } = rule else { return None };
        self.user(subject, 0)
    }

    /// Makes a request that the rule allows, by the `n`th user who holds it.
    fn request(&self, rule: &'a Rule, n: usize) -> Option<Request> {
        let Rule::Permission { subject, object, action, .. } = rule else { return None };
        let object = object.prefix().map_or_else(|| object.to_string(), |prefix| format!("{prefix}item-{}", n % 100));
        let action = if action.is_any() { Action::read() } else { Action::parse(action.as_str()).ok()? };
        let subject = self.user(subject, n)?.clone();
        Some(Request { subject, object: Object::parse(&object).ok()?, action })
    }

    /// Draws requests: half are allowed by some rule, half are the same by any user at all.
    fn scattered(&self, allows: &[&'a Rule], count: usize) -> Result<Vec<Request>> {
        let mut random = Random::new(SEED);
        let mut requests = Vec::with_capacity(count);
        while requests.len() < count {
            let rule = random.pick(allows).ok_or("a tenant without rules")?;
            let mut request = self.request(rule, random.below(usize::MAX)).ok_or("a rule that nobody holds")?;
            if random.chance(50) {
                request.subject = Subject::clone(random.pick(&self.users).ok_or("a tenant without users")?);
            }
            requests.push(request);
        }
        Ok(requests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{World, built_in};

    #[test]
    fn every_kind_of_request_is_what_it_is_called() {
        let world = World::of_size(&built_in().unwrap(), "acme", 1_000).unwrap();
        let rules = world.rules();
        let requests = Requests::of(&rules).unwrap();
        let ours = crate::engine::ours::Ours::build(&rules, &requests.all).unwrap();
        let allowed = |at: usize| ours.decides(at);
        assert!(allowed(0) && allowed(1) && !allowed(2));
        let (_, scattered) = requests.cases.last().unwrap();
        let share = scattered.iter().filter(|at| allowed(**at)).count() * 100 / scattered.len();
        assert!((30..90).contains(&share), "{share} % are allowed");
    }
}
