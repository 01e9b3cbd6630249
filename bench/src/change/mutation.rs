//! The cost of a change of one rule, from the call of the use case to its return, beside one commit of a row in the
//! same database.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bailiwick::domain::key::GroupKey;
use bailiwick::service::Platform;

use crate::database::{Database, execute};
use crate::engine::ours;
use crate::random::as_f64;
use crate::result::{Findings, Result, Unit};
use crate::servers::PostgresServer;
use crate::start::copies;
use crate::world::{World, built_in};
use crate::{Options, instance, progress};

/// The case in the report, with the database's kind behind it.
pub(crate) const MUTATION: &str = "mutation";
/// The case of a tenant among 100 000 others.
pub(crate) const AMONG_MANY: &str = "mutation.PostgreSQL, 100\u{2009}000 tenants";
/// The floor in the report.
pub(crate) const COMMIT: &str = "floor: one commit";
const GROUP: &str = "group-000";

/// A tenant to measure, and the number of others in its database.
struct Place {
    case: String,
    rules: usize,
    others: usize,
    database: Database,
}

/// Measures both databases, small tenants and large ones, and a small one among many others.
pub(super) async fn run(options: &Options, postgres: &PostgresServer, findings: &mut Findings) -> Result<()> {
    let (sizes, others): (&[usize], _) = if options.quick { (&[1_000], 1_000) } else { (&[1_000, 100_000], 100_000) };
    for rules in sizes {
        for database in [Database::sqlite()?, Database::postgres(postgres).await] {
            let case = format!("{MUTATION}.{}", database.kind);
            measure(options, &Place { case, rules: *rules, others: 0, database }, findings).await?;
        }
    }
    let database = Database::postgres(postgres).await;
    measure(options, &Place { case: AMONG_MANY.to_owned(), rules: 1_000, others, database }, findings).await
}

async fn measure(options: &Options, place: &Place, findings: &mut Findings) -> Result<()> {
    let Place { case, rules, others, database } = place;
    progress(&format!("change: one rule of {rules}, {}, beside {others} tenants", database.kind));
    let world = World::of_size(&built_in()?, instance::tenant()?.as_str(), *rules)?;
    let app = instance::open(&database.url, None).await?;
    instance::put(&app, &world).await?;
    if *others > 0 {
        let connection = database.connect().await?;
        execute(&connection, &copies(*others)).await?;
        execute(&connection, "VACUUM ANALYZE").await?;
        connection.close().await?;
    }
    let limit = Duration::from_secs(if options.quick { 2 } else { 15 });
    let (changes, commits) = alternate(app.platform(), database, &world, limit).await?;
    findings.add(case, ours::NAME, *rules, Unit::Nanoseconds, changes);
    findings.add(case, COMMIT, *rules, Unit::Nanoseconds, commits);
    app.store().close().await;
    Ok(())
}

/// Puts a user into a group and takes it out again, each with a bare commit after it.
async fn alternate(
    platform: &Platform,
    database: &Database,
    world: &World,
    limit: Duration,
) -> Result<(Vec<f64>, Vec<f64>)> {
    const TIMES: usize = 400;
    let group = GroupKey::parse(GROUP)?;
    let members = world.state.groups.get(&group).map(|group| &group.members).ok_or("a group that is not there")?;
    let user = world.state.users.values().find(|user| user.enabled && !members.contains(&user.key));
    let users = BTreeSet::from([user.ok_or("everybody is in the group")?.key.clone()]);
    let caller = platform.system_caller(&instance::tenant()?).await?;
    let connection = database.connect().await?;
    let (mut changes, mut commits) = (Vec::new(), Vec::new());
    let started = Instant::now();
    for n in 0..TIMES {
        let from = Instant::now();
        if n % 2 == 0 {
            platform.group_add_members(&caller, &group, users.clone(), None).await?;
        } else {
            platform.group_remove_members(&caller, &group, &users, None).await?;
        }
        let changed = from.elapsed();
        let from = Instant::now();
        execute(&connection, "UPDATE tenants SET created_at = created_at + 1 WHERE key = 'platform'").await?;
        // The first two warm up.
        if n > 1 {
            changes.push(as_f64(usize::try_from(changed.as_nanos())?));
            commits.push(as_f64(usize::try_from(from.elapsed().as_nanos())?));
        }
        if n > 6 && started.elapsed() > limit {
            break;
        }
    }
    connection.close().await?;
    Ok((changes, commits))
}
