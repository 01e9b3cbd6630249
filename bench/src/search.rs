//! The cost of searches inside a process: who can, of 10 000 users, and what can, of 10 000 objects, each beside a
//! decision for every one of them, with which they must agree.

use std::collections::HashSet;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use bailiwick::domain::key::{Action, Object};
use bailiwick::engine::tenant::TenantPolicy;
use bailiwick::policy::reach::KeyRange;
use bailiwick::policy::revision::Counters;
use bailiwick::policy::rule::Subject;

use crate::engine::ours::{self, snapshot};
use crate::random::as_f64;
use crate::result::{Findings, Result, Unit};
use crate::world::{World, built_in};
use crate::{Options, instance, progress};

/// The case of a search for users in the report.
pub(crate) const WHO_CAN: &str = "search.who_can";
/// The case of a search for objects in the report.
pub(crate) const WHAT_CAN: &str = "search.what_can";
/// The floor of both in the report.
pub(crate) const ONE_BY_ONE: &str = "the same by a decision for each";
/// Number of users, and of objects.
pub(crate) const SEARCHED: usize = 10_000;
const ROUNDS: usize = 21;

/// Measures both.
pub(crate) fn run(options: &Options, findings: &mut Findings) -> Result<()> {
    let searched = if options.quick { SEARCHED / 10 } else { SEARCHED };
    progress(&format!("core: searches over {searched} users and objects"));
    let (policy, users, objects) = tenant(searched)?;
    let action = Action::read();
    let object = objects.first().ok_or("a tenant without objects")?;
    let who_can = || policy.who_can(black_box(object), &action, &KeyRange::whole()).count();
    let by_user = || users.iter().filter(|user| policy.allows(user, black_box(object), &action)).count();
    in_turns(findings, WHO_CAN, searched, (&who_can, &by_user))?;
    let subject = users.first().ok_or("a tenant without users")?;
    let actions = Action::all();
    let what_can = || {
        let mut access = policy.snapshot.access(black_box(subject));
        objects.iter().map(|object| access.on(object).len()).sum()
    };
    let may =
        |object: &Object| actions.iter().filter(|action| policy.allows(black_box(subject), object, action)).count();
    let by_object = || objects.iter().map(may).sum();
    in_turns(findings, WHAT_CAN, searched, (&what_can, &by_object))
}

/// Makes a tenant of so many users, with as many objects: its own, and more beside them.
fn tenant(searched: usize) -> Result<(TenantPolicy, Vec<Subject>, Vec<Object>)> {
    let key = instance::tenant()?;
    let mut rules = searched * 5;
    let world = loop {
        let world = World::of_size(&built_in()?, key.as_str(), rules)?;
        if world.state.users.len() >= searched {
            break world;
        }
        rules *= 2;
    };
    let policy = TenantPolicy {
        counters: Counters { revision: 1, credential_epoch: 0, ..Counters::default() },
        snapshot: Arc::new(snapshot(&key, &world.rules())?),
        settings: world.state.settings,
        disabled: Arc::new(HashSet::new()),
    };
    let users = world.state.users.values().filter(|user| user.enabled).take(searched);
    let more = (0..searched).map(|n| Object::parse(&format!("voice/queues/more-{n}")));
    let objects = world.state.resources.keys().cloned().map(Ok).chain(more).take(searched);
    let users = users.map(|user| Subject::User(user.key.clone())).collect();
    Ok((policy, users, objects.collect::<std::result::Result<_, _>>()?))
}

/// Times a search and its floor in turns.
fn in_turns(
    findings: &mut Findings,
    case: &str,
    searched: usize,
    (search, floor): (&dyn Fn() -> usize, &dyn Fn() -> usize),
) -> Result<()> {
    if search() < floor() {
        return Err(format!("{case} leaves out what decisions allow").into());
    }
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (run, times) in [(search, &mut ours), (floor, &mut floors)] {
            let from = Instant::now();
            black_box(run());
            times.push(as_f64(usize::try_from(from.elapsed().as_nanos())?));
        }
    }
    findings.add(case, ours::NAME, searched, Unit::Nanoseconds, ours);
    findings.add(case, ONE_BY_ONE, searched, Unit::Nanoseconds, floors);
    Ok(())
}
