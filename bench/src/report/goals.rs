//! The goals of the project, and how far it is from them.

use super::Found;
use super::words::{count, measured, nanoseconds, short, times};
use crate::attack::{self, Attack};
use crate::engine::{enforcer, floor, ours};
use crate::result::Row;
use crate::{Part, change, http, search, start};

/// A goal, with the number that was measured.
pub(super) struct Goal {
    /// The thing that should be fast.
    pub(super) what: String,
    /// The number that was measured.
    pub(super) measured: String,
    /// The number that it is compared with.
    pub(super) beside: String,
    /// The speed to reach.
    pub(super) aim: String,
    /// The verdict: met or missed, and by how much.
    pub(super) verdict: String,
}

/// The side of a limit that is the good one.
#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn verdict(self, value: f64) -> String {
        let (met, by) = match self {
            Self::AtMost(limit) => (value <= limit, limit / value),
            Self::AtLeast(limit) => (value >= limit, value / limit),
        };
        if met { format!("met, {} to spare", times(by)) } else { format!("**missed by {}**", times(1.0 / by)) }
    }
}

/// Returns all goals of which something was measured.
pub(super) fn all(found: &Found) -> Vec<Goal> {
    let groups = [
        inside(found),
        beside_enforcer(found),
        over_http(found),
        changes(found),
        starts(found),
        memory(found),
        attacks(found),
    ];
    groups.into_iter().flatten().collect()
}

/// Returns the goals for a decision inside a process.
fn inside(found: &Found) -> Vec<Goal> {
    let mut goals = Vec::new();
    for rules in [1_000, 1_000_000] {
        let (Some(ours), Some(hash)) = (
            found.get(Part::Core, "core.last", ours::NAME, rules),
            found.get(Part::Core, "core.last", floor::HASH, rules),
        ) else {
            continue;
        };
        goals.push(Goal {
            what: format!("decision in process, repeated, {} rules", count(rules)),
            measured: nanoseconds(ours.median),
            beside: format!("hash look-up {}: {}", nanoseconds(hash.median), times(ours.median / hash.median)),
            aim: "≤ 100 ns".to_owned(),
            verdict: Bound::AtMost(100.0).verdict(ours.median),
        });
    }
    if let (Some(ours), Some(memory)) = (
        found.get(Part::Core, "fleet.random", ours::NAME, 1_000),
        found.get(Part::Core, "fleet.random", floor::MEMORY, 1_000),
    ) {
        goals.push(Goal {
            what: "decision in process, random, 1M p + 1M g over 1\u{2009}000 tenants".to_owned(),
            measured: nanoseconds(ours.median),
            beside: format!("memory read {}: {}", nanoseconds(memory.median), times(ours.median / memory.median)),
            aim: "≤ 2 µs".to_owned(),
            verdict: Bound::AtMost(2_000.0).verdict(ours.median),
        });
    }
    for (case, what) in [
        (search::WHO_CAN, "who-can over 10\u{2009}000 users"),
        (search::WHAT_CAN, "what-can over 10\u{2009}000 objects, 8 actions"),
    ] {
        let get = |of| found.get(Part::Core, case, of, search::SEARCHED);
        if let (Some(ours), Some(floor)) = (get(ours::NAME), get(search::ONE_BY_ONE)) {
            goals.push(Goal {
                what: what.to_owned(),
                measured: nanoseconds(ours.median),
                beside: format!("{}, {}: {}", floor.of, nanoseconds(floor.median), times(ours.median / floor.median)),
                aim: "≤ 20 ms".to_owned(),
                verdict: Bound::AtMost(20e6).verdict(ours.median),
            });
        }
    }
    goals
}

/// Returns the goals for a decision against casbin's Enforcer.
fn beside_enforcer(found: &Found) -> Vec<Goal> {
    let goals = [
        ("core.last", "last rule, repeated", [(1_000, 5_000.0), (100_000, 500_000.0)]),
        ("core.deny", "deny, repeated", [(1_000, 5_000.0), (100_000, 500_000.0)]),
        ("core.random", "random", [(1_000, 300.0), (100_000, 30_000.0)]),
    ];
    let one = |case: &str, what: &str, rules: usize, limit: f64| {
        let (ours, peer) =
            (found.get(Part::Core, case, ours::NAME, rules)?, found.get(Part::Core, case, enforcer::NAME, rules)?);
        Some(faster(&format!("{what}, {} rules", count(rules)), ours, peer, limit))
    };
    let each = goals.into_iter().flat_map(|(case, what, sizes)| sizes.map(|(rules, limit)| (case, what, rules, limit)));
    each.filter_map(|(case, what, rules, limit)| one(case, what, rules, limit)).collect()
}

fn faster(what: &str, ours: &Row, peer: &Row, limit: f64) -> Goal {
    let ratio = peer.median / ours.median;
    Goal {
        what: what.to_owned(),
        measured: nanoseconds(ours.median),
        beside: format!("{} {}: {} faster", peer.of, nanoseconds(peer.median), times(ratio)),
        aim: format!("≥ {} × faster", short(limit)),
        verdict: Bound::AtLeast(limit).verdict(ratio),
    }
}

/// Returns the goals for the throughput beside the floors of HTTP.
fn over_http(found: &Found) -> Vec<Goal> {
    let faces =
        [(http::AUTHZEN, http::JSON_FLOOR), (http::API_KEY, http::GRAPHQL_FLOOR), (http::SESSION, http::GRAPHQL_FLOOR)];
    let face = |(ours, floor): (&str, &str)| {
        let get = |of| found.get(Part::Http, http::THROUGHPUT, of, http::CONNECTIONS);
        Some(beside(ours, get(ours)?, get(floor)?, Bound::AtLeast(0.8)))
    };
    faces.into_iter().filter_map(face).collect()
}

/// Returns the goals for changes, on the way to another instance and of a single rule.
fn changes(found: &Found) -> Vec<Goal> {
    let mut goals = Vec::new();
    for (case, what, limit) in [(change::P50, "p50", 2.0), (change::P99, "p99", 5.0)] {
        let get = |of| found.get(Part::Change, case, of, change::RULES);
        if let (Some(ours), Some(floor)) = (get(ours::NAME), get(change::FLOOR)) {
            let what = format!("COMMIT answered → enforced in another process, {what}");
            goals.push(beside(&what, ours, floor, Bound::AtMost(limit)));
        }
    }
    for (rules, kind) in [(1_000, "SQLite"), (1_000, "PostgreSQL"), (100_000, "SQLite"), (100_000, "PostgreSQL")] {
        let case = format!("{}.{kind}", change::MUTATION);
        let get = |of| found.get(Part::Change, &case, of, rules);
        if let (Some(ours), Some(floor)) = (get(ours::NAME), get(change::COMMIT)) {
            let what = format!("a change of one rule of {}, {kind}", count(rules));
            goals.push(beside(&what, ours, floor, Bound::AtMost(5.0)));
        }
    }
    let get = |case| found.get(Part::Change, case, ours::NAME, 1_000);
    if let (Some(many), Some(few)) = (get(change::AMONG_MANY), get("mutation.PostgreSQL")) {
        let few = Row { of: "beside one tenant".to_owned(), ..few.clone() };
        let what = "a change of one rule of 1\u{2009}000, beside 100\u{2009}000 tenants";
        goals.push(beside(what, many, &few, Bound::AtMost(1.2)));
    }
    goals
}

/// Returns the goals for the start of an instance.
fn starts(found: &Found) -> Vec<Goal> {
    let mut goals = Vec::new();
    let get = |case, of, scale| found.get(Part::Start, case, of, scale);
    let load = |of| get(start::FIRST_LOAD, of, 1_000_000);
    if let (Some(ours), Some(floor)) = (load(ours::NAME), load(start::RAW)) {
        goals.push(beside("first load of a tenant of 1M rules, PostgreSQL", ours, floor, Bound::AtMost(1.5)));
    }
    if let (Some(many), Some(one)) = (get(start::START, ours::NAME, 100_000), get(start::START, ours::NAME, 1)) {
        let one = Row { of: "with one tenant".to_owned(), ..one.clone() };
        goals.push(beside("start with 100\u{2009}000 tenants", many, &one, Bound::AtMost(1.2)));
    }
    goals
}

/// Returns the goals for the memory of 1M p + 1M g rules.
fn memory(found: &Found) -> Vec<Goal> {
    const MOST: f64 = 300e6;
    let goal = |tenants: usize| {
        let row = found.get(Part::Memory, "memory", ours::NAME, tenants)?;
        let tenants = if tenants == 1 { "in one tenant".to_owned() } else { format!("in {} tenants", count(tenants)) };
        Some(Goal {
            what: format!("memory of 1M p + 1M g rules {tenants}"),
            measured: measured(row.median, row.unit),
            beside: "the process before".to_owned(),
            aim: format!("≤ {}", measured(MOST, row.unit)),
            verdict: Bound::AtMost(MOST).verdict(row.median),
        })
    };
    [1, 1_000].into_iter().filter_map(goal).collect()
}

/// Returns the goals for the decisions of others during an attack.
fn attacks(found: &Found) -> Vec<Goal> {
    const WORST: f64 = 250e6;
    let goal = |attack: Attack| {
        let get = |case| found.get(Part::Attack, &format!("{}: {case}", attack.name), ours::NAME, attack.attackers);
        let (quiet, attacked, worst) = (get(attack::QUIET)?, get(attack::ATTACKED)?, get(attack::WORST)?);
        let ratio = attacked.median / quiet.median;
        let verdict =
            if ratio > 10.0 { Bound::AtMost(10.0).verdict(ratio) } else { Bound::AtMost(WORST).verdict(worst.median) };
        Some(Goal {
            what: format!("requests of others during: {}", attack.name),
            measured: format!("{}, worst {}", nanoseconds(attacked.median), nanoseconds(worst.median)),
            beside: format!("quiet {}: {}", nanoseconds(quiet.median), times(ratio)),
            aim: "≤ 10 ×, never past 250 ms".to_owned(),
            verdict,
        })
    };
    attack::ATTACKS.into_iter().filter_map(goal).collect()
}

/// Returns a goal that is a ratio to a floor.
fn beside(what: &str, ours: &Row, floor: &Row, bound: Bound) -> Goal {
    let ratio = ours.median / floor.median;
    let aim = match bound {
        Bound::AtMost(limit) => format!("≤ {limit} ×"),
        Bound::AtLeast(limit) => format!("≥ {limit} ×"),
    };
    Goal {
        what: what.to_owned(),
        measured: measured(ours.median, ours.unit),
        beside: format!("{}, {}: {}", floor.of, measured(floor.median, floor.unit), times(ratio)),
        aim,
        verdict: bound.verdict(ratio),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_says_by_how_much() {
        assert_eq!(Bound::AtMost(100.0).verdict(50.0), "met, 2.0 × to spare");
        assert_eq!(Bound::AtMost(100.0).verdict(200.0), "**missed by 2.0 ×**");
        assert_eq!(Bound::AtLeast(0.8).verdict(0.4), "**missed by 2.0 ×**");
    }
}
