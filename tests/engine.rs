//! The engine against casbin's Enforcer, over random policies, and proof that the comparison
//! would catch a broken engine. A failure names its seed; `ENGINE_SEED=… cargo test` repeats it.
#![cfg(test)]

mod after;
mod family;
mod published;
mod search;
mod tenant;

use std::sync::Arc;

use bailiwick::domain::key::{Action, ActionPattern, Object, ObjectPattern, TenantKey};
use bailiwick::engine::{MODEL, Oracle, Plan, Snapshot};
use bailiwick::policy::reach::Reach;
use bailiwick::policy::rule::{Effect, Rule, Subject};

/// Nine names, so that no chain of roles is longer than the eight links that can be written, whatever the random graph.
const SUBJECTS: [&str; 9] =
    ["user:u", "user:v", "user:w", "group:g", "group:h", "profile:p", "custom:c", "custom:d", "role:member"];
/// `ab` and `a/ab` start like `a` and `a/a`, and are below neither.
const OBJECTS: [&str; 10] = ["a", "b", "ab", "a/a", "a/b", "a/ab", "b/a", "a/a/a", "a/a/b", "a/b/a/a"];
const PREFIXES: [&str; 5] = ["a/*", "b/*", "a/a/*", "a/b/*", "a/b/a/*"];
/// Two of them differ by case alone, and one has an encoded byte.
const ACTIONS: [&str; 5] = ["read", "edit", "link", "READ", "do%20it"];

/// A small generator of random numbers (the step of `SplitMix64`): equal seeds, equal numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// Returns `true` `n` times in a hundred.
    fn percent(&mut self, n: usize) -> bool {
        self.below(100) < n
    }

    fn of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len())]
    }

    fn subject(&mut self) -> Subject {
        Subject::parse(self.of(&SUBJECTS)).unwrap()
    }

    fn pattern(&mut self) -> ObjectPattern {
        let text = if self.percent(50) { self.of(&PREFIXES) } else { self.of(&OBJECTS) };
        ObjectPattern::parse(text).unwrap()
    }

    fn action_pattern(&mut self) -> ActionPattern {
        let text = if self.percent(30) { "*" } else { self.of(&ACTIONS) };
        ActionPattern::parse(text).unwrap()
    }

    fn permission(&mut self) -> Rule {
        let effect = if self.percent(10) { Effect::Deny } else { Effect::Allow };
        Rule::Permission { subject: self.subject(), object: self.pattern(), action: self.action_pattern(), effect }
    }

    fn policy(&mut self) -> Vec<Rule> {
        let permissions = 1 + self.below(45);
        let memberships = self.below(16);
        let mut rules: Vec<Rule> = (0..permissions).map(|_| self.permission()).collect();
        rules.extend((0..memberships).map(|_| Rule::membership(self.subject(), self.subject())));
        rules
    }

    fn request(&mut self) -> Request {
        let subject = if self.percent(3) { Subject::parse("user:nobody").unwrap() } else { self.subject() };
        let action = if self.percent(3) { "unheard-of" } else { self.of(&ACTIONS) };
        Request(subject, Object::parse(self.of(&OBJECTS)).unwrap(), Action::parse(action).unwrap())
    }
}

#[derive(Debug, Clone)]
struct Request(Subject, Object, Action);

/// Returns the first request that the oracle and `engine` answer differently.
fn disagreement<'r>(
    oracle: &Oracle,
    requests: &'r [Request],
    engine: &dyn Fn(&Request) -> bool,
) -> Option<&'r Request> {
    requests.iter().find(|request| {
        let Request(subject, object, action) = request;
        oracle.decide(subject, object, action).unwrap() != engine(request)
    })
}

fn tenant() -> TenantKey {
    TenantKey::parse("acme").unwrap()
}

fn snapshot(model: &str, rules: &[Rule]) -> Snapshot {
    Snapshot::build(&Arc::new(Plan::from_model(model).unwrap()), &tenant(), 1, rules)
}

fn allowed(snapshot: &Snapshot, Request(subject, object, action): &Request) -> bool {
    snapshot.decide(subject, object, action).allowed
}

fn seed() -> u64 {
    std::env::var("ENGINE_SEED").map_or_else(|_| getrandom::u64().unwrap(), |seed| seed.parse().unwrap())
}

/// Compares over `policies` random policies of 110 requests each; returns the numbers of decisions and allows.
async fn compare(model: &str, policies: u64, seed: u64) -> (usize, usize) {
    let (mut decisions, mut allows) = (0, 0);
    for round in 0..policies {
        // Each round stands for itself, so that the round's seed alone repeats a failure.
        let seed = seed.wrapping_add(round);
        let mut random = Random(seed);
        let rules = random.policy();
        let requests: Vec<Request> = (0..110).map(|_| random.request()).collect();
        let snapshot = snapshot(model, &rules);
        let oracle = Oracle::new(model, &tenant(), &rules).await.unwrap();
        if let Some(request) = disagreement(&oracle, &requests, &|request| allowed(&snapshot, request)) {
            panic!("ENGINE_SEED={seed}: the engine disagrees on {request:?} under\n{rules:#?}\nof\n{model}");
        }
        decisions += requests.len();
        allows += requests.iter().filter(|request| allowed(&snapshot, request)).count();
    }
    (decisions, allows)
}

#[tokio::test]
async fn the_engine_decides_as_casbin_does() {
    let seed = seed();
    let (decisions, allows) = compare(MODEL, 600, seed).await;
    assert!(decisions >= 50_000);
    assert!(allows * 5 >= decisions, "ENGINE_SEED={seed}: only {allows} of {decisions} are allowed");
    assert!((decisions - allows) * 5 >= decisions, "ENGINE_SEED={seed}: {allows} of {decisions} are allowed");
}

#[tokio::test]
async fn the_engine_decides_as_casbin_does_on_every_model_of_the_family() {
    let effect = "some(where (p.eft == allow)) && !some(where (p.eft == deny))";
    let star = "(r.act == p.act || p.act == \"*\")";
    let plain = MODEL.replace("keyMatch(r.obj, p.obj)", "p.obj == r.obj").replace(star, "r.act == p.act");
    let models = [
        MODEL.replace(effect, "some(where (p.eft == allow))"),
        MODEL.replace(effect, "!some(where (p.eft == deny))"),
        MODEL.replace("act, eft", "act"),
        MODEL.replace("keyMatch(r.obj, p.obj)", "r.obj == p.obj"),
        MODEL.replace(star, "r.act == p.act"),
        plain,
        MODEL
            .replace("r = sub, dom, obj, act", "r = act, obj, sub, dom")
            .replace("p = sub, dom, obj, act, eft", "p = eft, obj, act, dom, sub")
            .replace("sub", "who")
            .replace("obj", "thing"),
    ];
    let seed = seed();
    for model in models {
        compare(&model, 12, seed).await;
    }
}

/// Paths with something below them, something beside them, and nothing at all.
const PARENTS: [&str; 6] = ["a", "b", "a/a", "a/b", "ab", "b/z"];
/// Keys that rules name, and one that no rule names.
const KEYS: [&str; 4] = ["a", "b", "ab", "unnamed"];

/// Compares over random policies the answers of `reach` about a path with decisions below it, key by key. Returns the
/// numbers of reaches that had no end, had some exceptions, and were empty.
fn compare_reach(model: &str, policies: u64, seed: u64) -> [usize; 3] {
    let (mut endless, mut excepted, mut empty) = (0, 0, 0);
    for round in 0..policies {
        let seed = seed.wrapping_add(round);
        let mut random = Random(seed);
        let snapshot = snapshot(model, &random.policy());
        for _ in 0..40 {
            let Request(subject, _, action) = random.request();
            let parent = Object::parse(random.of(&PARENTS)).unwrap();
            let reach = snapshot.reach(&subject, &parent, &action);
            for key in KEYS {
                let object = Object::parse(&format!("{parent}/{key}")).unwrap();
                let request = Request(subject.clone(), object, action.clone());
                let decided = allowed(&snapshot, &request);
                assert_eq!(reach.holds(key), decided, "ENGINE_SEED={seed}: {reach:?} for {request:?} of\n{model}");
            }
            let (Reach::Only(keys) | Reach::AllBut(keys)) = &reach;
            endless += usize::from(matches!(reach, Reach::AllBut(_)));
            excepted += usize::from(!keys.is_empty());
            empty += usize::from(reach.is_empty());
        }
    }
    [endless, excepted, empty]
}

#[test]
fn what_is_in_reach_is_what_is_allowed_key_by_key() {
    let seed = seed();
    let counts = compare_reach(MODEL, 600, seed);
    assert!(counts.iter().all(|count| *count > 500), "ENGINE_SEED={seed}: {counts:?} are too few to mean anything");
}

#[test]
fn what_is_in_reach_is_what_is_allowed_on_every_model_of_the_family() {
    let effect = "some(where (p.eft == allow)) && !some(where (p.eft == deny))";
    let seed = seed();
    for model in [
        MODEL.replace(effect, "some(where (p.eft == allow))"),
        MODEL.replace(effect, "!some(where (p.eft == deny))"),
        MODEL.replace("act, eft", "act"),
        MODEL.replace("keyMatch(r.obj, p.obj)", "r.obj == p.obj"),
        MODEL.replace("(r.act == p.act || p.act == \"*\")", "r.act == p.act"),
    ] {
        compare_reach(&model, 60, seed);
    }
}

type Tamper = fn(Vec<Rule>) -> Vec<Rule>;

/// Every way to break an engine that the comparison has to catch, as a tampering with its rules.
const MUTANTS: [(&str, Tamper); 6] = [
    ("a dropped role", |rules| {
        let dropped = rules.iter().position(|rule| rule.ptype() == "g");
        rules.into_iter().enumerate().filter(|(at, _)| Some(*at) != dropped).map(|(_, rule)| rule).collect()
    }),
    ("a skipped denial", |rules| without(rules, |_, _, effect| effect == Effect::Deny)),
    ("a prefix that takes its own path for what is below", |rules| {
        with_objects(rules, |object| object.as_str().strip_suffix("/*").unwrap_or(object.as_str()).to_owned())
    }),
    ("a prefix cut one segment short", |rules| {
        with_objects(rules, |object| {
            let cut = object.prefix().and_then(|prefix| prefix.strip_suffix('/')?.rsplit_once('/'));
            cut.map_or_else(|| object.to_string(), |(above, _)| format!("{above}/*"))
        })
    }),
    ("an ignored star", |rules| without(rules, |_, action, _| action.is_any())),
    ("a stale closure: a role that was taken away is still held", |mut rules| {
        rules.push(Rule::membership(Subject::parse("user:u").unwrap(), Subject::parse("custom:c").unwrap()));
        rules
    }),
];

fn without(rules: Vec<Rule>, lost: fn(&ObjectPattern, &ActionPattern, Effect) -> bool) -> Vec<Rule> {
    let keep = |rule: &Rule| match rule {
        Rule::Permission { object, action, effect, .. } => !lost(object, action, *effect),
        Rule::Membership { .. } => true,
    };
    rules.into_iter().filter(keep).collect()
}

fn with_objects(rules: Vec<Rule>, change: fn(&ObjectPattern) -> String) -> Vec<Rule> {
    let changed = |rule| match rule {
        Rule::Permission { subject, object, action, effect } => {
            Rule::Permission { subject, object: ObjectPattern::parse(&change(&object)).unwrap(), action, effect }
        }
        membership @ Rule::Membership { .. } => membership,
    };
    rules.into_iter().map(changed).collect()
}

#[tokio::test]
async fn the_comparison_catches_every_broken_engine() {
    let seed = seed();
    for (name, tamper) in MUTANTS {
        let mut caught = false;
        for round in 0..60 {
            let mut random = Random(seed.wrapping_add(round));
            let rules = random.policy();
            let requests: Vec<Request> = (0..110).map(|_| random.request()).collect();
            let oracle = Oracle::new(MODEL, &tenant(), &rules).await.unwrap();
            let broken = snapshot(MODEL, &tamper(rules));
            caught = disagreement(&oracle, &requests, &|request| allowed(&broken, request)).is_some();
            if caught {
                break;
            }
        }
        assert!(caught, "ENGINE_SEED={seed}: {name} goes unnoticed");
    }
}

/// Returns whether a permission matches, from the definitions and without any index.
fn matches_plainly(snapshot: &Snapshot, rule: &Rule, request: &Request) -> bool {
    let Rule::Permission { subject, object, action, .. } = rule else { return false };
    snapshot.holds(&request.0, subject)
        && casbin::function_map::key_match(request.1.as_str(), object.as_str())
        && (action.is_any() || action.as_str() == request.2.as_str())
}

#[test]
fn a_decision_follows_from_the_rules_that_match() {
    let seed = seed();
    let mut random = Random(seed);
    for _ in 0..100 {
        let snapshot = snapshot(MODEL, &random.policy());
        for _ in 0..50 {
            let request = random.request();
            let matches = snapshot.matches(&request.0, &request.1, &request.2);
            let rules: Vec<Rule> = matches.iter().map(|id| snapshot.rule(*id).unwrap()).collect();
            let expected = snapshot.rules().filter(|rule| matches_plainly(&snapshot, rule, &request));
            assert!(expected.eq(rules.iter().cloned()), "ENGINE_SEED={seed}: {request:?}");

            let denies = |rule: &Rule| matches!(rule, Rule::Permission { effect: Effect::Deny, .. });
            let deciding = rules.iter().position(denies).or((!rules.is_empty()).then_some(0));
            let verdict = snapshot.decide(&request.0, &request.1, &request.2);
            assert_eq!(verdict.deciding, deciding.map(|at| matches[at]), "ENGINE_SEED={seed}: {request:?}");
            assert_eq!(verdict.allowed, !rules.is_empty() && !rules.iter().any(denies), "ENGINE_SEED={seed}");
        }
    }
}

#[test]
fn r35b_what_is_covered_is_allowed_request_by_request() {
    let seed = seed();
    let mut random = Random(seed);
    let (mut covered, mut questions) = (0, 0);
    for _ in 0..300 {
        let snapshot = snapshot(MODEL, &random.policy());
        for _ in 0..40 {
            let (subject, object, action) = (random.subject(), random.pattern(), random.action_pattern());
            let mut all = true;
            for path in OBJECTS.into_iter().filter(|path| casbin::function_map::key_match(path, object.as_str())) {
                for act in ["unheard-of"].into_iter().chain(ACTIONS) {
                    let request = Request(subject.clone(), Object::parse(path).unwrap(), Action::parse(act).unwrap());
                    all &= !(action.is_any() || action.as_str() == act) || allowed(&snapshot, &request);
                }
            }
            let covers = snapshot.covers(&subject, &object, &action);
            assert!(all || !covers, "ENGINE_SEED={seed}: {subject} is said to cover {object} {action}");
            let single = object.prefix().is_none() && !action.is_any();
            assert!(!single || covers == all, "ENGINE_SEED={seed}: {subject} has {object} {action}");
            covered += u32::from(covers);
            questions += 1;
        }
    }
    assert!(covered * 20 > questions, "ENGINE_SEED={seed}: {covered} of {questions} are too few to mean anything");
}
