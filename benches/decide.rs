//! The cost of a decision: the engine at 1 000, 100 000 and 1 000 000 rules, beside a hash look-up of the same request
//! and beside casbin's Enforcer. The cost of a change: the next snapshot, beside the same one built anew.
#![expect(clippy::unwrap_used, reason = "the inputs are fixed")]

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use bailiwick::domain::key::{Action, ActionPattern, Object, ObjectPattern, TenantKey};
use bailiwick::engine::{MODEL, Oracle, Plan, Snapshot};
use bailiwick::policy::diff::RuleDiff;
use bailiwick::policy::rule::{Rule, Subject};
use divan::{Bencher, black_box};

const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];
/// Number of rules of each profile.
const GRANTS: usize = 50;

fn main() {
    divan::main();
}

type Request = (Subject, Object, Action);

/// A tenant of `rules` rules: half of them memberships (each user in one profile and in `role:member`), half grants of
/// profiles on queues of their own, and one denial at the end. On top of these, as many groups as profiles, each with a
/// custom role, and every tenth user in one.
struct World {
    rules: Vec<Rule>,
    users: usize,
    profiles: usize,
}

impl World {
    fn new(rules: usize) -> Self {
        let (users, profiles) = (rules / 4, rules / 2 / GRANTS);
        let subject = |text: String| Subject::parse(&text).unwrap();
        let member = subject("role:member".to_owned());
        let grants = (0..profiles * GRANTS).map(|n| {
            let queue = ObjectPattern::parse(&format!("voice/queues/q{:06}", n / 2)).unwrap();
            let action = if n % 2 == 0 { Action::read() } else { Action::edit() };
            Rule::allow(subject(format!("profile:p{:05}", n / GRANTS)), queue, ActionPattern::from(&action))
        });
        let mut rules: Vec<Rule> = grants.collect();
        rules.push(Rule::deny(
            member.clone(),
            ObjectPattern::below("voice/queues/closed").unwrap(),
            ActionPattern::any(),
        ));
        for n in 0..users {
            let user = subject(format!("user:u{n:06}"));
            rules.push(Rule::membership(user.clone(), subject(format!("profile:p{:05}", n % profiles))));
            if n % 10 == 0 {
                rules.push(Rule::membership(user.clone(), subject(format!("group:g{:05}", n / 10 % profiles))));
            }
            rules.push(Rule::membership(user, member.clone()));
        }
        rules.extend((0..profiles).map(|n| link(&format!("group:g{n:05}"), &format!("custom:c{n:05}"))));
        Self { rules, users, profiles }
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::build(&Arc::new(Plan::from_model(MODEL).unwrap()), &tenant(), 1, &self.rules)
    }

    /// Makes a request by a user of the profile that holds grant `grant`, on that grant's queue.
    fn request(&self, grant: usize) -> Request {
        self.ask(grant / GRANTS, &format!("voice/queues/q{:06}", grant / 2))
    }

    fn ask(&self, user: usize, object: &str) -> Request {
        let user = Subject::parse(&format!("user:u{:06}", user % self.users)).unwrap();
        (user, Object::parse(object).unwrap(), Action::read())
    }

    fn first(&self) -> Request {
        self.request(0)
    }

    fn last(&self) -> Request {
        self.request(self.profiles * GRANTS - 1)
    }

    fn denied(&self) -> Request {
        self.ask(0, "voice/queues/closed/q1")
    }

    /// Makes requests whose names do not return soon; half of the requests are allowed.
    fn scattered(&self) -> Vec<Request> {
        let grants = self.profiles * GRANTS;
        (0..1 << 16)
            .map(|n| {
                let grant = n * 7_919 % grants;
                let user = grant / GRANTS + self.profiles * (n % (self.users / self.profiles)) + n % 2;
                self.ask(user, &format!("voice/queues/q{:06}", grant / 2))
            })
            .collect()
    }
}

fn link(member: &str, role: &str) -> Rule {
    Rule::membership(Subject::parse(member).unwrap(), Subject::parse(role).unwrap())
}

fn tenant() -> TenantKey {
    TenantKey::parse("acme").unwrap()
}

fn repeat(bencher: Bencher<'_, '_>, rules: usize, request: fn(&World) -> Request) {
    let world = World::new(rules);
    let (snapshot, (subject, object, action)) = (world.snapshot(), request(&world));
    bencher.bench_local(|| snapshot.decide(black_box(&subject), black_box(&object), black_box(&action)));
}

#[divan::bench(args = SIZES, sample_size = 1_000)]
fn engine_first_rule(bencher: Bencher<'_, '_>, rules: usize) {
    repeat(bencher, rules, World::first);
}

#[divan::bench(args = SIZES, sample_size = 1_000)]
fn engine_last_rule(bencher: Bencher<'_, '_>, rules: usize) {
    repeat(bencher, rules, World::last);
}

#[divan::bench(args = SIZES, sample_size = 1_000)]
fn engine_denied(bencher: Bencher<'_, '_>, rules: usize) {
    repeat(bencher, rules, World::denied);
}

#[divan::bench(args = SIZES, sample_size = 1_000)]
fn engine_scattered(bencher: Bencher<'_, '_>, rules: usize) {
    let world = World::new(rules);
    let (snapshot, requests) = (world.snapshot(), world.scattered());
    let mut next = requests.iter().cycle();
    bencher.bench_local(|| next.next().map(|(subject, object, action)| snapshot.decide(subject, object, action)));
}

#[divan::bench(args = SIZES, sample_size = 1_000)]
fn hash_repeated(bencher: Bencher<'_, '_>, rules: usize) {
    let world = World::new(rules);
    let request = world.last();
    let known = world.scattered().into_iter().chain([request.clone()]);
    let answers: HashMap<Request, bool, RandomState> = known.map(|it| (it, true)).collect();
    bencher.bench_local(|| answers.get(black_box(&request)).copied());
}

#[divan::bench(args = SIZES, sample_size = 1_000)]
fn hash_scattered(bencher: Bencher<'_, '_>, rules: usize) {
    let requests = World::new(rules).scattered();
    let answers: HashMap<Request, bool, RandomState> = requests.iter().cloned().map(|it| (it, true)).collect();
    let mut next = requests.iter().cycle();
    bencher.bench_local(|| next.next().and_then(|request| answers.get(request)).copied());
}

fn enforce(bencher: Bencher<'_, '_>, rules: usize, request: fn(&World) -> Request) {
    let world = World::new(rules);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let oracle = runtime.block_on(Oracle::new(MODEL, &tenant(), &world.rules)).unwrap();
    let (subject, object, action) = request(&world);
    bencher.bench_local(|| oracle.decide(&subject, &object, &action).unwrap());
}

#[divan::bench(args = [1_000])]
fn casbin_last_rule(bencher: Bencher<'_, '_>, rules: usize) {
    enforce(bencher, rules, World::last);
}

#[divan::bench(args = [1_000])]
fn casbin_denied(bencher: Bencher<'_, '_>, rules: usize) {
    enforce(bencher, rules, World::denied);
}

/// Builds a snapshot that answers from rules in memory.
#[divan::bench(args = SIZES, sample_count = 10, sample_size = 1)]
fn build(bencher: Bencher<'_, '_>, rules: usize) {
    let world = World::new(rules);
    bencher.bench_local(|| world.snapshot());
}

fn next(bencher: Bencher<'_, '_>, rules: usize, removed: Vec<Rule>, added: Vec<Rule>) {
    let snapshot = World::new(rules).snapshot();
    let diff = RuleDiff { added, removed };
    bencher.bench_local(|| snapshot.after(2, black_box(&diff)));
}

/// Gives a profile a grant on a queue that no rule named before.
#[divan::bench(args = SIZES)]
fn next_after_grant_of_profile(bencher: Bencher<'_, '_>, rules: usize) {
    let queue = ObjectPattern::parse("voice/queues/new").unwrap();
    let grant = Rule::allow(Subject::parse("profile:p00003").unwrap(), queue, ActionPattern::any());
    next(bencher, rules, Vec::new(), vec![grant]);
}

/// Changes a user's profile.
#[divan::bench(args = SIZES)]
fn next_after_link_of_user(bencher: Bencher<'_, '_>, rules: usize) {
    let (from, to) = (link("user:u000003", "profile:p00003"), link("user:u000003", "profile:p00004"));
    next(bencher, rules, vec![from], vec![to]);
}

/// Takes the custom role from a group, with all its users.
#[divan::bench(args = SIZES)]
fn next_after_link_of_group(bencher: Bencher<'_, '_>, rules: usize) {
    next(bencher, rules, vec![link("group:g00003", "custom:c00003")], Vec::new());
}
