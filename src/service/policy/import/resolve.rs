//! Lines of which the first that matches decides, turned into lines of which a denial wins.
//!
//! A name keeps its lines and its roles where these come to the same under both readings. Any other name gets, in place
//! of its roles, the lines that decide for it, as far as they can be said without an order. Both readings are compared
//! on every kind of request that the lines tell apart, and what differs then is refused.

use std::collections::{BTreeMap, BTreeSet};

use super::file::too_large;
use super::warn::Notes;
use crate::domain::import::{BadLines, LINKS_MAX, PolicyLine, Refused, Says};
use crate::domain::name::Name;
use crate::domain::role::{Effect, Grant};
use crate::error::Error;

mod cells;
mod levels;

pub(super) use levels::by_level;

use cells::Cells;

/// Maximum number of comparisons of a line with a request, for all names of a file.
const WORK_MAX: usize = 5_000_000;

/// Line that decides, with its number in the file.
#[derive(Clone, Copy)]
struct Line<'l> {
    number: u64,
    grant: &'l Grant,
}

/// Name of the file, with its lines by their rank.
struct Subject<'l> {
    name: &'l Name,
    own: BTreeMap<usize, Line<'l>>,
    /// Names that it holds, each with the line that says so first.
    holds: BTreeMap<&'l str, u64>,
}

/// Outcome for a name.
struct Settled<'l> {
    /// Names that it holds, directly or through others, itself included.
    closure: BTreeSet<&'l str>,
    /// Lines that it has, by its own or by what it still holds, where a denial wins.
    given: BTreeMap<&'l Grant, u64>,
    /// `true` if its roles are replaced by the lines that decide for it.
    is_resolved: bool,
}

/// Turns lines into those that decide alike where a denial wins. The permissions are in the order in which they decide.
///
/// # Errors
/// The lines that cannot be said without their order; `TOO_LARGE` for more work than [`WORK_MAX`].
pub(super) fn resolve(lines: Vec<PolicyLine>, notes: &mut Notes<'_>) -> Result<Vec<PolicyLine>, Refused> {
    let denies =
        |line: &PolicyLine| matches!(&line.says, Says::Permission { grant, .. } if grant.effect == Effect::Deny);
    if !lines.iter().any(denies) {
        return Ok(lines);
    }
    let subjects = subjects(&lines);
    let settled = settle(&subjects)?;
    let is_resolved = |name: &Name| settled.get(name.as_str()).is_some_and(|it| it.is_resolved);
    let mut resolved = Vec::with_capacity(lines.len());
    for (name, outcome) in settled.iter().filter(|(_, outcome)| outcome.is_resolved) {
        let Some(subject) = subjects.get(name) else { continue };
        let said = |(grant, number): (&&Grant, &u64)| PolicyLine {
            number: *number,
            says: Says::Permission { subject: subject.name.clone(), grant: (*grant).clone() },
        };
        resolved.extend(outcome.given.iter().map(said));
        if let Some(line) = subject.holds.values().min() {
            let message = format!(
                "`{name}` gets the lines that decide for it in place of its roles, because their order decides between \
                 them: a later change of those roles does not reach it"
            );
            notes.push(*line, 2, message);
        }
    }
    let kept = |PolicyLine { number, says }: &PolicyLine| {
        let says = match says {
            Says::Permission { subject, .. } if is_resolved(subject) => return None,
            // The role keeps its group.
            Says::Membership { member, role } if is_resolved(member) => Says::Role { role: role.clone() },
            says => says.clone(),
        };
        Some(PolicyLine { number: *number, says })
    };
    resolved.extend(lines.iter().filter_map(kept));
    resolved.sort_by_key(|line| line.number);
    Ok(resolved)
}

fn subjects(lines: &[PolicyLine]) -> BTreeMap<&str, Subject<'_>> {
    let mut subjects: BTreeMap<&str, Subject<'_>> = BTreeMap::new();
    let new = |name| Subject { name, own: BTreeMap::new(), holds: BTreeMap::new() };
    for (rank, PolicyLine { number, says }) in lines.iter().enumerate() {
        match says {
            Says::Permission { subject, grant } => {
                let line = Line { number: *number, grant };
                subjects.entry(subject.as_str()).or_insert_with(|| new(subject)).own.insert(rank, line);
            }
            Says::Membership { member, role } => {
                subjects.entry(role.as_str()).or_insert_with(|| new(role));
                let holds = &mut subjects.entry(member.as_str()).or_insert_with(|| new(member)).holds;
                holds.entry(role.as_str()).or_insert(*number);
            }
            Says::Role { role } => _ = subjects.entry(role.as_str()).or_insert_with(|| new(role)),
        }
    }
    subjects
}

/// Settles every name after those that it holds. Refuses names that hold each other, and chains of more than
/// [`LINKS_MAX`] links.
fn settle<'l>(subjects: &BTreeMap<&'l str, Subject<'l>>) -> Result<BTreeMap<&'l str, Settled<'l>>, Refused> {
    let mut settled: BTreeMap<&str, Settled<'_>> = BTreeMap::new();
    let (mut bad, mut work) = (BadLines::default(), 0);
    for _ in 0..=LINKS_MAX {
        let due = subjects.iter().filter(|(name, subject)| {
            !settled.contains_key(*name) && subject.holds.keys().all(|role| settled.contains_key(role))
        });
        let due: Vec<_> = due.collect();
        for (name, subject) in due {
            match settle_one(name, subject, subjects, &settled, &mut work) {
                Ok(outcome) => _ = settled.insert(name, outcome),
                Err(Stop::Line(number)) => {
                    bad.push(number, 1, Error::invalid(format!(
                        "this line takes a part out of what lines behind it say for `{name}`, and lines before it give \
                         back some of that: here a denial wins wherever it stands; write those lines for smaller parts"
                    )));
                    let closure = BTreeSet::from([*name]);
                    settled.insert(name, Settled { closure, given: BTreeMap::new(), is_resolved: false });
                }
                Err(Stop::Full) => return Err(too_large("lines whose order can be resolved")),
            }
        }
    }
    for subject in subjects.iter().filter(|(name, _)| !settled.contains_key(*name)).map(|(_, subject)| subject) {
        let message = format!(
            "the roles of `{}` hold each other, or lead through more than {LINKS_MAX} links: hold the last of them directly",
            subject.name
        );
        bad.push(subject.holds.values().min().copied().unwrap_or_default(), 3, Error::invalid(message));
    }
    bad.or(settled)
}

/// Reason why a name is not settled.
enum Stop {
    /// This line needs its order.
    Line(u64),
    /// The file takes more work than [`WORK_MAX`].
    Full,
}

fn settle_one<'l>(
    name: &'l str,
    subject: &Subject<'l>,
    subjects: &BTreeMap<&'l str, Subject<'l>>,
    settled: &BTreeMap<&'l str, Settled<'l>>,
    work: &mut usize,
) -> Result<Settled<'l>, Stop> {
    let held = || subject.holds.keys().filter_map(|role| settled.get(role));
    let mut closure: BTreeSet<&str> = BTreeSet::from([name]);
    let mut given: BTreeMap<&Grant, u64> = subject.own.values().map(|line| (line.grant, line.number)).collect();
    for role in held() {
        take(work, role.closure.len() + role.given.len())?;
        closure.extend(&role.closure);
        given.extend(&role.given);
    }
    let mut ordered: BTreeMap<usize, Line<'_>> = BTreeMap::new();
    for subject in closure.iter().filter_map(|name| subjects.get(name)) {
        take(work, subject.own.len())?;
        ordered.extend(&subject.own);
    }
    let cells = Cells::of(ordered.into_values().collect());
    if cells.agree(&given, work)? {
        return Ok(Settled { closure, given, is_resolved: false });
    }
    let mut kept = cells.deciding(work)?;
    let dropped = cells.denied_in_error(&kept, work)?;
    kept.retain(|grant, _| !dropped.contains_key(grant));
    if !cells.agree(&kept, work)? {
        return Err(Stop::Line(dropped.values().min().copied().unwrap_or_default()));
    }
    Ok(Settled { closure, given: kept, is_resolved: true })
}

fn take(work: &mut usize, more: usize) -> Result<(), Stop> {
    *work = work.saturating_add(more);
    if *work > WORK_MAX { Err(Stop::Full) } else { Ok(()) }
}
