//! Decisions over HTTP. A server on one core serves the product's own router, and beside it the floors; a load on the
//! other core asks each in turn over connections that stay open.

mod floor;
mod load;
pub(crate) mod server;

use std::net::Ipv4Addr;
use std::time::Duration;

use bailiwick::auth::address::ClientAddress;
use bailiwick::auth::caller::{OneGuess, RequestInfo};
use bailiwick::domain::key::UserKey;
use bailiwick::service::Platform;
use serde_json::json;
use tokio::runtime::Builder;

use crate::child::{Child, Running};
use crate::engine::ours::Ours;
use crate::random::as_f64;
use crate::result::{Findings, Result, Unit};
use crate::world::requests::Requests;
use crate::world::{Request, World, built_in};
use crate::{Options, instance, progress};
use load::Target;

/// Number of connections that are open at the same time.
pub(crate) const CONNECTIONS: usize = 64;
/// Number of different requests that they send.
const REQUESTS: usize = 4_096;
/// The tenant's rules.
const RULES: usize = 10_000;
/// The cores of the server and of the load.
const CORES: [usize; 2] = [0, 1];

/// The cases in the report: requests for each second that the server had its core, and the share of the time for which
/// it had it. Where other programs use the machine meanwhile, requests by the clock would tell how busy those were.
pub(crate) const THROUGHPUT: &str = "http";
const BUSY: &str = "http.busy";
/// The names of the APIs in the report.
pub(crate) const JSON_FLOOR: &str = "floor: axum, JSON in and out, a hash look-up";
pub(crate) const GRAPHQL_FLOOR: &str = "floor: GraphQL, a static field";
pub(crate) const AUTHZEN: &str = "AuthZEN evaluation, API key";
pub(crate) const API_KEY: &str = "GraphQL decision, API key";
pub(crate) const SESSION: &str = "GraphQL decision, session";

const DOCUMENT: &str = "query Decide($input: DecisionInput!) { decision(input: $input) \
                        { allowed reason revision obligations { kind view characters } } }";

/// Measures all APIs.
pub(crate) fn run(options: &Options) -> Result<Findings> {
    let rules = if options.quick { 1_000 } else { RULES };
    progress(&format!("http: a tenant of {rules} rules, served on one core"));
    let folder = tempfile::tempdir()?;
    let database = format!("sqlite://{}?mode=rwc", folder.path().join("bench.db").display());
    let world = World::of_size(&built_in()?, instance::tenant()?.as_str(), rules)?;
    let tokens = Builder::new_current_thread().enable_all().build()?.block_on(prepare(&database, &world))?;
    let asked = Asked::of(&world)?;
    drop(world);
    let mut server = Child::Serve(server::Settings { database, rules, core: CORES[0] }).start()?;
    let faces: server::Faces = server.says()?;
    let core = core_affinity::get_core_ids().and_then(|cores| cores.get(CORES[1]).copied());
    let mut findings = Findings::new();
    if !core.is_some_and(core_affinity::set_for_current) {
        findings.notes.push("the load could not be pinned to a core of its own".to_owned());
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(options, &server, &targets(&faces, &tokens, &asked)?, &mut findings))?;
    Ok(findings)
}

/// Bearer tokens: a session of an admin, and an API key of a host application.
struct Tokens {
    session: String,
    key: String,
}

/// Puts the tenant into a new database, and signs in.
async fn prepare(database: &str, world: &World) -> Result<Tokens> {
    let app = instance::open(database, None).await?;
    let platform: Platform = app.platform().clone();
    instance::put(&app, world).await?;
    let (tenant, password) = (instance::tenant()?, instance::PASSWORD.into());
    let here = ClientAddress::new(Ipv4Addr::LOCALHOST.into());
    let request = RequestInfo::new("prepare".to_owned(), here, OneGuess::default());
    let signed_in = platform.sign_in(tenant.as_str(), "user000000", password, request).await?;
    let system = platform.system_caller(&tenant).await?;
    let issued = platform.api_key_generate(&system, Some(&UserKey::parse("user000001")?), None).await?;
    app.store().close().await;
    Ok(Tokens { session: signed_in.token.expose().to_owned(), key: issued.token.expose().to_owned() })
}

/// The requests, with the right answers.
pub(crate) struct Asked(Vec<(Request, bool)>);

impl Asked {
    /// Draws requests about sections and their resources, from all over a tenant.
    pub(crate) fn of(world: &World) -> Result<Self> {
        let (catalogue, rules) = (built_in()?, world.rules());
        let fits = |request: &Request| {
            let section = request.object.as_resource().map(|(section, _)| section);
            section.is_some_and(|section| catalogue.section(section.as_str()).is_some())
        };
        let requests: Vec<Request> = Requests::scattered(&rules, REQUESTS * 4)?.into_iter().filter(fits).collect();
        let ours = Ours::build(&rules, &requests)?;
        let answered = requests.into_iter().enumerate().map(|(at, request)| (request, ours.decides(at)));
        Ok(Self(answered.take(REQUESTS).collect()))
    }

    /// Returns the bodies for GraphQL.
    fn graphql(&self) -> Vec<(String, bool)> {
        let body = |request: &Request| {
            let input = json!({
                "subject": bare(request), "action": request.action.as_str(), "object": request.object.as_str(),
            });
            json!({ "query": DOCUMENT, "variables": { "input": input } }).to_string()
        };
        self.0.iter().map(|(request, allowed)| (body(request), *allowed)).collect()
    }

    /// Returns the bodies for `AuthZEN`.
    pub(crate) fn authzen(&self) -> Vec<(String, bool)> {
        let body = |request: &Request| {
            let (section, key) = request.object.as_str().rsplit_once('/').unwrap_or_default();
            json!({
                "subject": { "type": "user", "id": bare(request) },
                "resource": { "type": section, "id": key },
                "action": { "name": request.action.as_str() },
            })
            .to_string()
        };
        self.0.iter().map(|(request, allowed)| (body(request), *allowed)).collect()
    }
}

/// Returns a user's key without the prefix that rules put before it.
fn bare(request: &Request) -> String {
    request.subject.to_string().trim_start_matches("user:").to_owned()
}

fn targets(faces: &server::Faces, tokens: &Tokens, asked: &Asked) -> Result<Vec<Target>> {
    let (key, session) = (Some(tokens.key.as_str()), Some(tokens.session.as_str()));
    let graphql = |allowed: bool| format!("\"allowed\":{allowed}");
    let authzen = |allowed: bool| format!("\"decision\":{allowed}");
    Ok(vec![
        Target::new(JSON_FLOOR, &faces.floors, floor::JSON, key, &asked.authzen(), authzen)?,
        Target::new(AUTHZEN, &faces.product, "/access/v1/evaluation", key, &asked.authzen(), authzen)?,
        Target::new(GRAPHQL_FLOOR, &faces.floors, floor::GRAPHQL, key, &asked.graphql(), |_| {
            "\"allowed\":true".to_owned()
        })?,
        Target::new(API_KEY, &faces.product, "/graphql", key, &asked.graphql(), graphql)?,
        Target::new(SESSION, &faces.product, "/graphql", session, &asked.graphql(), graphql)?,
    ])
}

/// Sends every request once and compares the answers; then times all targets in turns.
async fn measure(options: &Options, server: &Running, targets: &[Target], findings: &mut Findings) -> Result<()> {
    let (rounds, turn) = if options.quick { (2, 200) } else { (7, 1_000) };
    let turn = Duration::from_millis(turn);
    let mut served: Vec<(&Target, [Vec<f64>; 2])> = Vec::new();
    for target in targets {
        if target.is_served().await? {
            target.check().await?;
            served.push((target, [const { Vec::new() }; 2]));
        } else {
            progress(&format!("http: nothing serves {} yet", target.name));
        }
    }
    for round in 0..=rounds {
        for (target, [throughput, busy]) in &mut served {
            let before = server::on_cpu(server.id())?;
            let (answered, spent) = target.drive(CONNECTIONS, turn).await?;
            let working = server::on_cpu(server.id())?.saturating_sub(before).as_secs_f64();
            // The first round warms up.
            if round > 0 {
                throughput.push(as_f64(answered) / working);
                busy.push(working * 100.0 / spent.as_secs_f64());
            }
        }
    }
    for (target, [throughput, busy]) in served {
        findings.add(THROUGHPUT, target.name, CONNECTIONS, Unit::PerSecond, throughput);
        findings.add(BUSY, target.name, CONNECTIONS, Unit::Percent, busy);
    }
    Ok(())
}
