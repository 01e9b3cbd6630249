//! Snapshots made from one another, change by change, against those built at once from the same
//! rules and against casbin's Enforcer.

use std::collections::BTreeSet;

use bailiwick::policy::diff::RuleDiff;

use super::*;

/// Number of changes that follow each other. By far the most are small, so that some sequences stay below the limit at
/// which a snapshot builds itself anew, and some pass it.
const STEPS: usize = 60;

/// A policy that changes at random.
struct Changing {
    random: Random,
    rules: BTreeSet<Rule>,
    /// Rules that were there once: names that come back.
    gone: Vec<Rule>,
    newcomers: usize,
}

impl Changing {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let rules = if random.percent(20) { BTreeSet::new() } else { random.policy().into_iter().collect() };
        Self { random, rules, gone: Vec::new(), newcomers: 0 }
    }

    /// Makes a change, some of it void: what is there comes, and what is not there goes.
    fn step(&mut self) -> RuleDiff {
        let mut diff = RuleDiff::default();
        let pick = |random: &mut Random, from: &mut dyn Iterator<Item = Rule>| {
            let rules: Vec<Rule> = from.collect();
            (!rules.is_empty()).then(|| rules[random.below(rules.len())].clone())
        };
        for _ in 0..=self.random.below(4) {
            match self.random.below(8) {
                0 | 1 => diff.removed.extend(pick(&mut self.random, &mut self.rules.iter().cloned())),
                2 => {
                    let mut links = self.rules.iter().filter(|rule| rule.ptype() == "g").cloned();
                    diff.removed.extend(pick(&mut self.random, &mut links));
                }
                3 => diff.added.extend(pick(&mut self.random, &mut self.gone.iter().cloned())),
                4 => diff.added.push(Rule::membership(self.random.subject(), self.random.subject())),
                5 => diff.added.extend(self.newcomer()),
                _ => diff.added.push(self.random.permission()),
            }
        }
        match self.random.below(20) {
            // A subject goes.
            0 => {
                let subject = self.random.subject();
                diff.removed.extend(self.rules.iter().filter(|rule| names(rule, &subject)).cloned());
            }
            // Almost all goes, or much comes.
            1 if self.random.percent(20) => diff.removed.extend(self.rules.iter().skip(2).cloned()),
            2 => diff.added.extend(self.random.policy()),
            3 => diff.removed.extend(diff.added.first().cloned()),
            4 => diff.removed.push(self.random.permission()),
            _ => {}
        }
        self.gone.extend(diff.removed.iter().filter(|rule| self.rules.contains(*rule)).cloned());
        self.rules.retain(|rule| !diff.removed.contains(rule));
        self.rules.extend(diff.added.iter().cloned());
        diff
    }

    /// Returns rules of a user that no rule named before, and of an object.
    fn newcomer(&mut self) -> [Rule; 2] {
        self.newcomers += 1;
        let user = Subject::parse(&format!("user:n{}", 100 - self.newcomers)).unwrap();
        let object = ObjectPattern::parse(&format!("a/n{}", 100 - self.newcomers)).unwrap();
        let role = self.random.subject();
        [Rule::membership(user.clone(), role), Rule::allow(user, object, self.random.action_pattern())]
    }

    fn requests(&mut self) -> Vec<Request> {
        let newcomer = |random: &mut Random| {
            let Request(_, _, action) = random.request();
            let (user, object) = (format!("user:n{}", 100 - random.below(9)), format!("a/n{}", 100 - random.below(9)));
            Request(Subject::parse(&user).unwrap(), Object::parse(&object).unwrap(), action)
        };
        (0..20)
            .map(|_| if self.random.percent(20) { newcomer(&mut self.random) } else { self.random.request() })
            .collect()
    }
}

fn names(rule: &Rule, subject: &Subject) -> bool {
    match rule {
        Rule::Permission { subject: own, .. } => own == subject,
        Rule::Membership { member, role } => member == subject || role == subject,
    }
}

/// Returns a difference between the answers of the two snapshots.
fn difference(one: &Snapshot, other: &Snapshot, requests: &[Request]) -> Option<String> {
    let subjects: BTreeSet<&Subject> = requests.iter().map(|Request(subject, ..)| subject).collect();
    for subject in &subjects {
        if one.knows(subject) != other.knows(subject) {
            return Some(format!("whether {subject} is known"));
        }
        if let Some(role) = subjects.iter().find(|role| one.holds(subject, role) != other.holds(subject, role)) {
            return Some(format!("whether {subject} holds {role}"));
        }
    }
    requests
        .iter()
        .find_map(|request| (answers(one, request) != answers(other, request)).then(|| format!("{request:?}")))
}

/// Returns all answers of a snapshot about a request, in rules.
fn answers(snapshot: &Snapshot, Request(subject, object, action): &Request) -> impl PartialEq + use<> {
    let rule = |id| snapshot.rule(id).unwrap();
    let verdict = snapshot.decide(subject, object, action);
    let matches: Vec<Rule> = snapshot.matches(subject, object, action).into_iter().map(rule).collect();
    let below = ObjectPattern::below(object).unwrap();
    let covers = [ActionPattern::any(), ActionPattern::from(action)]
        .map(|action| snapshot.covers(subject, &below, &action) || snapshot.covers(subject, &object.into(), &action));
    // The objects below the object, and those beside it.
    let parents = [object.to_string(), object.as_str().rsplit_once('/').map_or("a", |(above, _)| above).to_owned()];
    let reach = parents.map(|parent| snapshot.reach(subject, &Object::parse(&parent).unwrap(), action));
    (verdict.allowed, verdict.deciding.map(rule), matches, covers, reach)
}

#[tokio::test]
async fn a_snapshot_made_from_another_is_as_if_built_at_once() {
    let seed = seed();
    for round in 0..16 {
        let seed = seed.wrapping_add(round);
        let mut changing = Changing::new(seed);
        let mut current = snapshot(MODEL, &changing.rules.iter().cloned().collect::<Vec<_>>());
        for revision in 2..2 + STEPS as u64 {
            let diff = changing.step();
            current = current.after(revision, &diff);
            let (rules, requests) = (changing.rules.iter().cloned().collect::<Vec<_>>(), changing.requests());
            assert!(current.rules().eq(rules.iter().cloned()), "ENGINE_SEED={seed}: after\n{diff:#?}\nof {rules:#?}");
            assert_eq!((current.revision(), current.len()), (revision, rules.len()));
            if let Some(what) = difference(&current, &snapshot(MODEL, &rules), &requests) {
                panic!("ENGINE_SEED={seed}: at revision {revision}, after\n{diff:#?}\nthey differ on {what}");
            }
        }
        let rules = changing.rules.iter().cloned().collect::<Vec<_>>();
        let requests: Vec<Request> = (0..3).flat_map(|_| changing.requests()).collect();
        let oracle = Oracle::new(MODEL, &tenant(), &rules).await.unwrap();
        if let Some(request) = disagreement(&oracle, &requests, &|request| allowed(&current, request)) {
            panic!("ENGINE_SEED={seed}: the engine disagrees on {request:?} under\n{rules:#?}");
        }
    }
}

/// Chains far longer than can be written, which are cut, mended and bent into cycles: as deep as a snapshot follows
/// links, it must follow them whichever way it was made.
#[test]
fn roles_far_behind_others_are_held_or_not_however_the_chain_came_about() {
    let seed = seed();
    let mut random = Random(seed);
    let group = |n: usize| Subject::parse(&format!("group:g{n:02}")).unwrap();
    let requests: Vec<Request> =
        (0..16).map(|n| Request(group(n), Object::parse("a").unwrap(), Action::read())).collect();
    let right = Rule::allow(group(15), ObjectPattern::parse("a").unwrap(), ActionPattern::any());
    let mut rules: BTreeSet<Rule> = (1..16).map(|n| Rule::membership(group(n - 1), group(n))).chain([right]).collect();
    let mut current = snapshot(MODEL, &rules.iter().cloned().collect::<Vec<_>>());
    let (mut held, mut pairs) = (0, 0);
    for revision in 2..600 {
        let from = random.below(16);
        // Mostly one step on, which keeps chains long; now and then anywhere, which makes cycles.
        let to = if random.percent(80) { (from + 1) % 16 } else { random.below(16) };
        let link = Rule::membership(group(from), group(to));
        let there = rules.contains(&link);
        // Steps that break or bend the chain are rarer than steps that mend it.
        if there == (to == from + 1) && !random.percent(20) {
            continue;
        }
        let (added, removed) = if there { (vec![], vec![link]) } else { (vec![link], vec![]) };
        rules.retain(|rule| !removed.contains(rule));
        rules.extend(added.iter().cloned());
        current = current.after(revision, &RuleDiff { added, removed });
        let full = snapshot(MODEL, &rules.iter().cloned().collect::<Vec<_>>());
        let what = difference(&current, &full, &requests);
        assert_eq!(what, None, "ENGINE_SEED={seed}: at revision {revision}");
        held += (1..16).filter(|n| current.holds(&group(0), &group(*n))).count();
        pairs += 15;
    }
    assert!(held * 20 > pairs && held < pairs, "ENGINE_SEED={seed}: {held} of {pairs} are too few or too many");
}

type Tamper = fn(RuleDiff) -> RuleDiff;

/// Every way to go wrong from one snapshot to the next that the comparison of answers has to
/// catch, as a tampering with the change.
const MUTANTS: [(&str, Tamper); 5] = [
    ("a link that was taken away is still followed", |mut diff| {
        diff.removed.retain(|rule| rule.ptype() != "g");
        diff
    }),
    ("a permission outlives its removal", |mut diff| {
        diff.removed.retain(|rule| rule.ptype() != "p");
        diff
    }),
    ("a new link is not followed", |mut diff| {
        diff.added.retain(|rule| rule.ptype() != "g");
        diff
    }),
    ("what comes and goes at once is gone", |mut diff| {
        diff.added.retain(|rule| !diff.removed.contains(rule));
        diff
    }),
    ("the last of several changes is lost", |mut diff| {
        if diff.added.len() > 1 {
            diff.added.pop();
        }
        diff
    }),
];

#[test]
fn the_comparison_catches_every_broken_step() {
    let seed = seed();
    for (name, tamper) in MUTANTS {
        let caught = (0..20).any(|round| {
            let mut changing = Changing::new(seed.wrapping_add(round));
            let mut current = snapshot(MODEL, &changing.rules.iter().cloned().collect::<Vec<_>>());
            (2..2 + STEPS as u64).any(|revision| {
                current = current.after(revision, &tamper(changing.step()));
                let full = snapshot(MODEL, &changing.rules.iter().cloned().collect::<Vec<_>>());
                difference(&current, &full, &changing.requests()).is_some()
            })
        });
        assert!(caught, "ENGINE_SEED={seed}: {name} goes unnoticed");
    }
}
