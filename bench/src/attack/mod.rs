//! Attacks, and their effect on others: while users of one tenant and strangers do their worst, a host application of
//! another tenant goes on asking, with a connection for each request. Every attack has a server and a database of its
//! own, since an attack can end its server.

mod client;
mod stage;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::engine::ours;
use crate::random::as_f64;
use crate::result::{Findings, Result, Unit, quantile};
use crate::{Options, progress};
use client::{ANSWER_MAX, Client};
use stage::{Stage, sign_in_body};

/// The cases in the report, each after the attack's name.
pub(crate) const QUIET: &str = "quiet";
pub(crate) const ATTACKED: &str = "attacked";
pub(crate) const WORST: &str = "worst";
const REFUSED: &str = "refused";
const GROWTH: &str = "memory";
/// The name of another build in the report.
pub(crate) const OTHER: &str = "the other build";
/// A whole policy.
const POLICY: &str = "/casbin/policy.csv";
/// The pause between two requests of the one who is measured.
const PACE: Duration = Duration::from_millis(5);

/// An attack.
#[derive(Clone, Copy)]
pub(crate) struct Attack {
    /// Its name in the report.
    pub(crate) name: &'static str,
    /// Number of attackers at once.
    pub(crate) attackers: usize,
    /// The requests that others go on with meanwhile.
    meanwhile: Meanwhile,
    act: Act,
}

/// The requests whose time is taken.
#[derive(Clone, Copy)]
enum Meanwhile {
    /// Decisions of a host application.
    Decide,
    /// Sign-ins with the right password.
    SignIn,
    /// Searches for all who can.
    Search,
    /// Takes the whole policy out.
    Export,
}

/// The request that each attacker repeats.
#[derive(Clone, Copy)]
enum Act {
    /// Asks for lists that lead back to themselves, as an agent.
    CyclicLists,
    /// Sends batches of introspections with fields that stand many times, without an account.
    RepeatedIntrospection,
    /// Sends large documents of one field, without an account.
    RepeatedField,
    /// Asks for the grants of a group and, for each, of the group again, as an agent: as lists, which older
    /// builds have, and as pages. Each build refuses the other's document.
    NestedGrants,
    /// Opens connections and sends half a header.
    HalfHeaders,
    /// Guesses the passwords of names that it makes up.
    GuessNames,
    /// Guesses the password of the user who signs in.
    GuessOneName,
    /// Counts all who can among thousands of users, fifty times in a request.
    Searches,
    /// Asks for a whole policy of some megabytes and does not read the answer.
    UnreadAnswers,
}

/// All attacks.
pub(crate) const ATTACKS: [Attack; 9] = [
    Attack { name: "cyclic lists", attackers: 2, meanwhile: Meanwhile::Decide, act: Act::CyclicLists },
    Attack {
        name: "repeated introspection",
        attackers: 4,
        meanwhile: Meanwhile::Decide,
        act: Act::RepeatedIntrospection,
    },
    Attack { name: "a repeated field", attackers: 4, meanwhile: Meanwhile::Decide, act: Act::RepeatedField },
    Attack { name: "nested grants", attackers: 2, meanwhile: Meanwhile::Decide, act: Act::NestedGrants },
    Attack { name: "half headers", attackers: 1_500, meanwhile: Meanwhile::Decide, act: Act::HalfHeaders },
    Attack { name: "guessing names", attackers: 160, meanwhile: Meanwhile::SignIn, act: Act::GuessNames },
    Attack { name: "guessing one name", attackers: 16, meanwhile: Meanwhile::SignIn, act: Act::GuessOneName },
    Attack { name: "searches", attackers: 20, meanwhile: Meanwhile::Search, act: Act::Searches },
    Attack { name: "unread answers", attackers: 40, meanwhile: Meanwhile::Export, act: Act::UnreadAnswers },
];

/// Measures all attacks, on this build and, where one is named, on another in turns.
pub(crate) fn run(options: &Options) -> Result<Findings> {
    let mut findings = Findings::new();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let time = Duration::from_secs(if options.quick { 2 } else { 10 });
    for attack in ATTACKS {
        for (of, program) in builds(options) {
            progress(&format!("attack: {} by {}, on {of}", attack.name, attack.attackers));
            runtime.block_on(measure(attack, of, program, time, &mut findings))?;
        }
    }
    Ok(findings)
}

fn builds(options: &Options) -> Vec<(&'static str, Option<&PathBuf>)> {
    let other = options.beside.as_ref().map(|program| (OTHER, Some(program)));
    std::iter::once((ours::NAME, None)).chain(other).collect()
}

/// Measures one attack: the quiet before it, and the time while it lasts.
async fn measure(
    attack: Attack,
    of: &str,
    program: Option<&PathBuf>,
    time: Duration,
    findings: &mut Findings,
) -> Result<()> {
    let stage = Stage::set(program).await?;
    let quiet = attack.meanwhile.ask(&stage, time / 4).await?;
    let before = stage.memory().ok_or("the server ended before it was attacked")?;
    let mut attackers = JoinSet::new();
    for n in 0..attack.attackers {
        let (client, requests) = attack.act.of(&stage, n);
        attackers.spawn(async move { attack.act.repeat(&client, &requests, time).await });
    }
    // Connections that are only held are all there by then.
    sleep(Duration::from_millis(200)).await;
    let attacked = attack.meanwhile.ask(&stage, time).await?;
    let (after, ended) = (stage.memory(), attackers.len());
    attackers.shutdown().await;
    let case = |what: &str| format!("{}: {what}", attack.name);
    let scale = attack.attackers;
    let total = attacked.times.len();
    findings.add(&case(QUIET), of, scale, Unit::Nanoseconds, quiet.times);
    let worst = quantile(&sorted(&attacked.times), 1.0).unwrap_or_default();
    findings.add(&case(ATTACKED), of, scale, Unit::Nanoseconds, attacked.times);
    findings.add(&case(WORST), of, scale, Unit::Nanoseconds, vec![worst]);
    findings.add(
        &case(REFUSED),
        of,
        scale,
        Unit::Percent,
        vec![as_f64(attacked.refused) * 100.0 / as_f64(total.max(1))],
    );
    match after {
        Some(after) => {
            findings.add(&case(GROWTH), of, scale, Unit::Bytes, vec![as_f64(after.saturating_sub(before))]);
        }
        None => findings.notes.push(format!("{}: {of} ended, with {ended} attackers left", attack.name)),
    }
    Ok(())
}

fn sorted(times: &[f64]) -> Vec<f64> {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times
}

/// The times of requests that went on meanwhile.
struct Asked {
    /// Nanoseconds from the connection to the whole answer; [`ANSWER_MAX`] where there was none.
    times: Vec<f64>,
    /// Number of requests that did not get the right answer.
    refused: usize,
}

impl Meanwhile {
    /// Asks at a pace for this long.
    async fn ask(self, stage: &Stage, time: Duration) -> Result<Asked> {
        let (client, request, right) = self.request(stage);
        let (end, mut asked) = (Instant::now() + time, Asked { times: Vec::new(), refused: 0 });
        while Instant::now() < end {
            let from = Instant::now();
            let answer = client.ask(&request).await;
            let is_right =
                answer.is_ok_and(|(status, body)| status == 200 && String::from_utf8_lossy(&body).contains(right));
            let spent = if is_right { from.elapsed() } else { ANSWER_MAX };
            asked.refused += usize::from(!is_right);
            asked.times.push(as_f64(usize::try_from(spent.as_nanos())?));
            sleep(PACE).await;
        }
        Ok(asked)
    }

    /// Returns who asks, the request, and what stands in the right answer.
    fn request(self, stage: &Stage) -> (&Client, String, &'static str) {
        let post = |path, body: String, right| (&stage.host, stage.host.request(path, &body), right);
        match self {
            Self::Decide => {
                let subject = json!({ "type": "user", "id": "admin" });
                let resource = json!({ "type": "section", "id": "voice/queues" });
                let body = json!({ "subject": subject, "resource": resource, "action": { "name": "edit" } });
                post("/access/v1/evaluation", body.to_string(), "\"decision\":true")
            }
            Self::SignIn => post("/graphql", sign_in_body("quiet", "admin", true), "\"token\":\""),
            Self::Search => {
                let body = json!({
                    "subject": { "type": "user" }, "action": { "name": "edit" },
                    "resource": { "type": "section", "id": "voice/queues" },
                });
                post("/access/v1/search/subject", body.to_string(), "\"admin\"")
            }
            Self::Export => (&stage.quiet, stage.quiet.fetch(POLICY), "user:admin"),
        }
    }
}

impl Act {
    /// Returns who does it, and their requests.
    fn of(self, stage: &Stage, n: usize) -> (Client, Vec<String>) {
        let post = |client: &Client, body: String| (client.clone(), vec![client.request("/graphql", &body)]);
        let query = |query: String| json!({ "query": query }).to_string();
        match self {
            Self::CyclicLists => {
                let nest = |inner: String, _| format!("links{{{inner}}} goesWith{{{inner}}}");
                let lists = (0..6).fold("key".to_owned(), nest);
                post(&stage.agent, query(format!("{{catalogue{{modules{{sections{{{lists}}}}}}}}}")))
            }
            Self::RepeatedIntrospection => {
                let fields = "types{fields{type{ofType{name}}}} ".repeat(150);
                let one = json!({ "query": format!("{{__schema{{{fields}}}}}") });
                post(&stage.stranger, Value::from(vec![one; 10]).to_string())
            }
            Self::RepeatedField => {
                let one = json!({ "query": format!("{{{}}}", "a ".repeat(50_000)) });
                post(&stage.stranger, Value::from(vec![one; 10]).to_string())
            }
            Self::NestedGrants => {
                let lists = "{viewer{user{groups{effectiveGrants{object}}}}}";
                let pages = "{viewer{user{groups{nodes{effectiveGrants(first:100){nodes{object}}}}}}}";
                let requests = [lists, pages].map(|text| stage.agent.request("/graphql", &query(text.to_owned())));
                (stage.agent.clone(), requests.to_vec())
            }
            Self::HalfHeaders => (stage.stranger.clone(), vec!["POST /graphql HTTP/1.1\r\nHost: ".to_owned()]),
            Self::GuessNames => post(&stage.stranger, sign_in_body("quiet", &format!("guess{n}"), false)),
            Self::GuessOneName => post(&stage.stranger, sign_in_body("quiet", "admin", false)),
            Self::Searches => {
                let count =
                    |n| format!("a{n}: whoCan(action: \"read\", object: \"voice/queues\", first: 1) {{totalCount}} ");
                let counts: String = (0..50).map(count).collect();
                post(&stage.attacker, query(format!("{{{counts}}}")))
            }
            Self::UnreadAnswers => (stage.attacker.clone(), vec![stage.attacker.fetch(POLICY)]),
        }
    }

    /// Does it again and again, whatever comes of it.
    async fn repeat(self, client: &Client, requests: &[String], time: Duration) {
        let end = Instant::now() + time * 2;
        for request in requests.iter().cycle() {
            let _ = match self {
                Self::HalfHeaders | Self::UnreadAnswers => hold(client, request).await,
                _ => client.ask(request).await.map(drop),
            };
            if Instant::now() > end {
                break;
            }
            // Who is refused at once would ask in a loop that leaves nobody a processor.
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Sends this and then waits until the server ends the connection.
async fn hold(client: &Client, send: &str) -> Result<()> {
    let mut stream = client.open().await?;
    stream.write_all(send.as_bytes()).await?;
    let mut byte = [0; 1];
    timeout(Duration::from_mins(1), async {
        // The read only shows whether the server has gone: it takes at most a byte each half second.
        while stream.read(&mut byte).await? > 0 {
            sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    })
    .await?
}
