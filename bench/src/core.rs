//! The cost of a decision inside a process: ours, the floors and the peers, over the same rules and requests. No engine
//! is timed before its answers were found equal to ours.

use std::time::{Duration, Instant};

use bailiwick::domain::catalogue::Catalogue;
use bailiwick::domain::key::TenantKey;
use bailiwick::policy::rule::Rule;
use tokio::runtime::{Builder, Runtime};

use crate::engine::cedar::Cedar;
use crate::engine::floor::{Answers, Memory};
use crate::engine::ours::{Fleet, Ours, snapshot};
use crate::engine::rego::Rego;
use crate::engine::{Engine, cedar, enforcer, rego};
use crate::measure::{Effort, in_turns};
use crate::random::Random;
use crate::result::{Findings, Result, Unit};
use crate::world::organisation::Organisation;
use crate::world::requests::{Requests, SCATTERED};
use crate::world::{Request, SEED, World, built_in, fleet};
use crate::{Options, progress, search};

/// Approximate memory of one rule: it sets the size of the memory in which the floor reads.
const BYTES_OF_RULE: usize = 100;

/// The limits up to which a peer is followed.
struct Limits {
    /// Maximum time to take the rules.
    build: Duration,
    /// Maximum time of one decision.
    decision: Duration,
    /// Maximum time of comparing its answers.
    check: Duration,
}

/// A function that makes a peer ready.
type Build = fn(&Runtime, &[Rule], &[Request]) -> Result<Box<dyn Engine>>;

/// A peer, its times at the last size, and `true` if it is not followed any further.
struct Peer {
    name: &'static str,
    build: Build,
    last: Option<(usize, Duration, Duration)>,
    stopped: bool,
}

struct Core {
    catalogue: Catalogue,
    runtime: Runtime,
    peers: Vec<Peer>,
    limits: Limits,
    effort: Effort,
    findings: Findings,
}

/// Measures all of it.
pub(crate) fn run(options: &Options) -> Result<Findings> {
    let (rounds, turn, most) = if options.quick { (5, 1, 100) } else { (21, 4, 2_000) };
    let (turn, most) = (Duration::from_millis(turn), Duration::from_millis(most));
    let seconds = |full: u64| Duration::from_secs(if options.quick { 1 } else { full });
    let mut core = Core {
        catalogue: built_in()?,
        runtime: Builder::new_current_thread().build()?,
        peers: peers(),
        limits: Limits { build: seconds(30), decision: Duration::from_millis(250), check: seconds(2) },
        effort: Effort { rounds, turn, most },
        findings: Findings::new(),
    };
    let sizes: &[usize] = if options.quick { &[100, 1_000, 10_000] } else { &[100, 1_000, 10_000, 100_000, 1_000_000] };
    for rules in sizes {
        core.tenant(*rules)?;
    }
    core.fleet(options)?;
    for organisation in Organisation::all()? {
        core.organisation(&organisation)?;
    }
    search::run(options, &mut core.findings)?;
    Ok(core.findings)
}

fn peers() -> Vec<Peer> {
    let peer = |name, build: Build| Peer { name, build, last: None, stopped: false };
    vec![
        peer(enforcer::NAME, |runtime, rules, requests| {
            Ok(Box::new(runtime.block_on(enforcer::plain(rules, requests))?))
        }),
        peer(enforcer::CACHED, |runtime, rules, requests| {
            Ok(Box::new(runtime.block_on(enforcer::cached(rules, requests))?))
        }),
        peer(cedar::NAME, |_, rules, requests| Ok(Box::new(Cedar::build(rules, requests)?))),
        peer(rego::NAME, |_, rules, requests| Ok(Box::new(Rego::build(rules, requests)?))),
    ]
}

impl Core {
    /// Measures one tenant of about so many rules: its first rule, its last, a deny, and requests from all over it.
    fn tenant(&mut self, size: usize) -> Result<()> {
        progress(&format!("core: a tenant of {size} rules"));
        let world = World::of_size(&self.catalogue, "acme", size)?;
        let (permissions, memberships) = world.counts();
        self.findings.notes.push(format!("{size} rules: {permissions} p and {memberships} g"));
        let rules = world.rules();
        drop(world);
        let requests = Requests::of(&rules)?;
        let ours = Ours::build(&rules, &requests.all)?;
        let peers = self.peers(size, &rules, &requests.all, &ours)?;
        let floors: [Box<dyn Engine>; 2] = [
            Box::new(Memory::new(rules.len() * BYTES_OF_RULE)),
            Box::new(Answers::new(&requests.all, |at| ours.decides(at))),
        ];
        let mut engines: Vec<Box<dyn Engine>> = floors.into_iter().chain([Box::new(ours) as _]).chain(peers).collect();
        for (case, asked) in &requests.cases {
            self.time(&format!("core.{case}"), size, &mut engines, asked)?;
        }
        Ok(())
    }

    fn time(&mut self, case: &str, size: usize, engines: &mut [Box<dyn Engine>], asked: &[usize]) -> Result<()> {
        let times = in_turns(engines, asked, self.effort)?;
        for (engine, times) in engines.iter().zip(times) {
            self.findings.add(case, engine.name(), size, Unit::Nanoseconds, times);
        }
        Ok(())
    }

    /// Returns the peers that can be expected to be quick enough at this size, with answers like ours.
    fn peers(
        &mut self,
        size: usize,
        rules: &[Rule],
        requests: &[Request],
        ours: &Ours,
    ) -> Result<Vec<Box<dyn Engine>>> {
        let mut engines = Vec::new();
        for peer in self.peers.iter_mut().filter(|peer| !peer.stopped) {
            if let Some((last, build, decision)) = peer.last {
                let times = u32::try_from(size / last)?;
                if build * times > self.limits.build || decision * times > self.limits.decision {
                    let name = peer.name;
                    self.findings.notes.push(format!(
                        "{name} stops at {last} rules, which it took in {:.1} s; a decision took {:.1} ms",
                        build.as_secs_f64(),
                        decision.as_secs_f64() * 1e3
                    ));
                    peer.stopped = true;
                    continue;
                }
            }
            progress(&format!("core:   {}", peer.name));
            let from = Instant::now();
            let mut engine = (peer.build)(&self.runtime, rules, requests)?;
            let built = from.elapsed();
            let decision = check(engine.as_mut(), requests, |at| ours.decides(at), self.limits.check)?;
            peer.last = Some((size, built, decision));
            engines.push(engine);
        }
        Ok(engines)
    }

    /// Measures a thousand tenants together, asked at random.
    fn fleet(&mut self, options: &Options) -> Result<()> {
        let (tenants, rules) = if options.quick { (50, 20_000) } else { (1_000, 2_000_000) };
        progress(&format!("core: {rules} rules over {tenants} tenants"));
        let (mut snapshots, mut requests) = (Vec::new(), Vec::new());
        let (mut permissions, mut memberships) = (0, 0);
        for (n, size) in fleet(tenants, rules).into_iter().enumerate() {
            let key = TenantKey::parse(&format!("tenant-{n:03}"))?;
            let world = World::of_size(&self.catalogue, key.as_str(), size)?;
            let (p, g) = world.counts();
            (permissions, memberships) = (permissions + p, memberships + g);
            let rules = world.rules();
            drop(world);
            let asked = Requests::scattered(&rules, SCATTERED / tenants)?;
            requests.extend(asked.into_iter().map(|request| (key.clone(), request)));
            snapshots.push(snapshot(&key, &rules)?);
        }
        self.findings.notes.push(format!("{tenants} tenants: {permissions} p and {memberships} g rules"));
        let order = Random::new(SEED).sample(requests.len(), requests.len());
        let mut engines: Vec<Box<dyn Engine>> = vec![
            Box::new(Memory::new((permissions + memberships) * BYTES_OF_RULE)),
            Box::new(Fleet::new(snapshots, requests)),
        ];
        self.time("fleet.random", tenants, &mut engines, &order)
    }

    /// Measures an organisation, whose own data say what the right answers are.
    fn organisation(&mut self, organisation: &Organisation) -> Result<()> {
        progress(&format!("core: the organisation `{}`", organisation.name));
        let world = World::compile(&self.catalogue, organisation.tenant(&self.catalogue)?)?;
        let rules = world.rules();
        let (requests, answers): (Vec<Request>, Vec<bool>) = organisation.requests()?.into_iter().unzip();
        let mut ours = Ours::build(&rules, &requests)?;
        check(&mut ours, &requests, |at| answers.get(at).copied().unwrap_or_default(), Duration::MAX)?;
        let mut engines: Vec<Box<dyn Engine>> =
            vec![Box::new(Answers::new(&requests, |at| answers.get(at).copied().unwrap_or_default())), Box::new(ours)];
        for peer in &self.peers {
            let mut engine = (peer.build)(&self.runtime, &rules, &requests)?;
            let answer = |at: usize| answers.get(at).copied().unwrap_or_default();
            check(engine.as_mut(), &requests, answer, self.limits.check)?;
            engines.push(engine);
        }
        let all: Vec<usize> = Random::new(SEED).sample(requests.len(), requests.len());
        self.time(&format!("organisation.{}", organisation.name), rules.len(), &mut engines, &all)
    }
}

/// Compares an engine's answers with the right ones, from all over the requests, as far as the time allows. Returns the
/// time of one answer.
fn check(
    engine: &mut dyn Engine,
    requests: &[Request],
    right: impl Fn(usize) -> bool,
    limit: Duration,
) -> Result<Duration> {
    let from = Instant::now();
    let mut checked = 0;
    let scattered = Random::new(SEED).sample(requests.len(), requests.len());
    for at in (0..requests.len().min(3)).chain(scattered) {
        if (engine.run(&[at])? == 1) != right(at) {
            let wrong = requests.get(at);
            return Err(format!("{} answers {wrong:?} in another way: {} is right", engine.name(), right(at)).into());
        }
        checked += 1;
        if from.elapsed() > limit && checked > 3 {
            break;
        }
    }
    Ok(from.elapsed() / checked)
}
