//! The start of an instance: that of a process over a database with one tenant and with a hundred thousand, and the
//! first load of one tenant with a million rules.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bailiwick::domain::key::TenantId;
use bailiwick::policy::rule::Rule;
use data_encoding::HEXLOWER;
use futures_util::TryStreamExt as _;
use sea_orm::sqlx::{self, Row as _};
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;

use crate::child::{Child, say, until_alone};
use crate::database::{Database, execute};
use crate::engine::ours;
use crate::random::as_f64;
use crate::result::{Findings, Result, Unit};
use crate::servers::PostgresServer;
use crate::world::{World, built_in};
use crate::{Options, instance, progress};

/// The cases in the report.
pub(crate) const START: &str = "start";
pub(crate) const FIRST_LOAD: &str = "first load";
/// The floor in the report.
pub(crate) const RAW: &str = "floor: the same rows, read raw";

/// The database to start over.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    database: String,
}

impl Settings {
    /// Returns the settings of a start over this database.
    pub(crate) fn over(database: &str) -> Self {
        Self { database: database.to_owned() }
    }
}

/// Measures both.
pub(crate) fn run(options: &Options) -> Result<Findings> {
    let mut findings = Findings::new();
    let postgres = PostgresServer::with(&[]);
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        starts(options, &postgres, &mut findings).await?;
        first_loads(options, &postgres, &mut findings).await
    })?;
    Ok(findings)
}

/// Starts processes over both databases in turns, and times each until `/readyz` says yes.
async fn starts(options: &Options, postgres: &PostgresServer, findings: &mut Findings) -> Result<()> {
    let (many, rounds) = if options.quick { (1_000, 3) } else { (100_000, 11) };
    progress(&format!("start: a database with {many} tenants"));
    let mut databases = Vec::new();
    for tenants in [1, many] {
        let database = Database::postgres(postgres).await;
        let app = instance::open(&database.url, None).await?;
        instance::put(&app, &World::of_size(&built_in()?, instance::tenant()?.as_str(), 1_000)?).await?;
        app.store().close().await;
        let connection = database.connect().await?;
        execute(&connection, &copies(tenants - 1)).await?;
        execute(&connection, "VACUUM ANALYZE").await?;
        databases.push((tenants, database, Vec::new()));
    }
    for _ in 0..rounds {
        for (_, database, times) in &mut databases {
            let from = Instant::now();
            let mut child = Child::Start(Settings::over(&database.url)).start()?;
            let address: String = child.says()?;
            ready(address.parse()?)?;
            times.push(nanoseconds(from.elapsed())?);
        }
    }
    for (tenants, _, times) in databases {
        findings.add(START, ours::NAME, tenants, Unit::Nanoseconds, times);
    }
    Ok(())
}

/// Returns the statement that makes so many tenants like the one that exists, each with ten of its rules.
pub(crate) fn copies(tenants: usize) -> String {
    format!(
        "WITH made AS (
             INSERT INTO tenants (id, key, name, revision, credential_epoch, compiler_version, security_suite,
                                  masked_characters, session_hours, created_at)
             SELECT gen_random_uuid(), 'copy-' || n, 'Copy ' || n, 1, 1, compiler_version, security_suite,
                    masked_characters, session_hours, created_at
             FROM tenants, generate_series(1, {tenants}) AS n WHERE key = 'acme'
             RETURNING id, key),
         ten AS (
             SELECT casbin_rule.* FROM casbin_rule JOIN tenants ON tenants.id = tenant_id
             WHERE key = 'acme' ORDER BY casbin_rule.id LIMIT 10)
         INSERT INTO casbin_rule (ptype, v0, v1, v2, v3, v4, v5, tenant_id, hash)
         SELECT ptype, v0, made.key, v2, v3, v4, v5, made.id, hash FROM ten CROSS JOIN made"
    )
}

/// Serves until the parent ends, as `bailiwick serve` does.
pub(crate) fn child(settings: &Settings) -> Result<()> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let address = runtime.block_on(async {
        let (address, _) = instance::serve(instance::open(&settings.database, None).await?).await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(address)
    })?;
    say(&address.to_string())?;
    until_alone();
    Ok(())
}

/// Asks until the instance is ready.
fn ready(address: SocketAddr) -> Result<()> {
    let end = Instant::now() + Duration::from_mins(1);
    while Instant::now() < end {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        if answer.starts_with("HTTP/1.1 200") {
            return Ok(());
        }
    }
    Err("an instance that is never ready".into())
}

/// Loads a large tenant by its first use, in turns with reading its rows.
async fn first_loads(options: &Options, postgres: &PostgresServer, findings: &mut Findings) -> Result<()> {
    let (rules, rounds) = if options.quick { (10_000, 2) } else { (1_000_000, 3) };
    progress(&format!("start: the first load of a tenant of {rules} rules"));
    let database = Database::postgres(postgres).await;
    let app = instance::open(&database.url, None).await?;
    let small = World::of_size(&built_in()?, instance::tenant()?.as_str(), 100)?;
    let tenant = instance::put(&app, &small).await?;
    let world = World::of_size(&built_in()?, instance::tenant()?.as_str(), rules)?.rules();
    app.store().close().await;
    let pool = sqlx::PgPool::connect(&database.url).await?;
    fill(&pool, tenant, &world).await?;
    let (mut loads, mut raws) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let from = Instant::now();
        read_raw(&pool, tenant).await?;
        raws.push(nanoseconds(from.elapsed())?);
        let app = instance::open(&database.url, None).await?;
        let from = Instant::now();
        let loaded = app.policies().get(tenant).await?.ok_or("a tenant that is not there")?;
        loads.push(nanoseconds(from.elapsed())?);
        if loaded.policy().snapshot.len() != world.len() {
            return Err("not all rules were loaded".into());
        }
        app.store().close().await;
    }
    pool.close().await;
    findings.add(FIRST_LOAD, ours::NAME, rules, Unit::Nanoseconds, loads);
    findings.add(FIRST_LOAD, RAW, rules, Unit::Nanoseconds, raws);
    Ok(())
}

/// Puts these rules in the place of the tenant's own, by COPY.
async fn fill(pool: &sqlx::PgPool, tenant: TenantId, rules: &[Rule]) -> Result<()> {
    use std::fmt::Write as _;
    sqlx::query("DELETE FROM casbin_rule WHERE tenant_id = $1").bind(tenant.0).execute(pool).await?;
    let into = "COPY casbin_rule (ptype, v0, v1, v2, v3, v4, tenant_id, hash) FROM STDIN";
    let mut connection = pool.acquire().await?;
    let mut copy = connection.copy_in_raw(into).await?;
    let key = instance::tenant()?;
    for chunk in rules.chunks(10_000) {
        let mut text = String::new();
        for rule in chunk {
            let mut values = rule.values(&key);
            values.resize(5, "\\N".to_owned());
            let hash = HEXLOWER.encode(&rule.hash().0);
            writeln!(text, "{}\t{}\t{}\t\\\\x{hash}", rule.ptype(), values.join("\t"), tenant.0)?;
        }
        copy.send(text.into_bytes()).await?;
    }
    copy.finish().await?;
    sqlx::query("VACUUM ANALYZE casbin_rule").execute(pool).await?;
    Ok(())
}

/// Reads the rows of a tenant's rules, and every text in them.
async fn read_raw(pool: &sqlx::PgPool, tenant: TenantId) -> Result<usize> {
    let select = "SELECT ptype, v0, v1, v2, v3, v4, v5, id FROM casbin_rule WHERE tenant_id = $1 ORDER BY id";
    let mut rows = sqlx::query(select).bind(tenant.0).fetch(pool);
    let mut bytes = 0;
    while let Some(row) = rows.try_next().await? {
        for column in 0..7 {
            bytes += row.try_get::<Option<&str>, _>(column)?.map_or(0, str::len);
        }
    }
    Ok(bytes)
}

fn nanoseconds(time: Duration) -> Result<f64> {
    Ok(as_f64(usize::try_from(time.as_nanos())?))
}
