//! The engine against casbin's Enforcer over random models of the whole family, random policies
//! and random requests: a million decisions and more. And proof that the comparison would catch
//! an engine that is broken, in its rules or in how it reads a model.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use bailiwick::engine::LinePolicy;
use casbin::{CoreApi as _, DefaultModel, Enforcer, MemoryAdapter};
use futures_util::FutureExt as _;

use super::{Random, seed};

/// Nine, as in the product's own rules: no chain is longer than eight links, so that casbin's
/// count of links, which depends on their order past nine, never matters.
const SUBJECTS: [&str; 9] = ["u", "v", "w", "group:g", "group:h", "p", "c", "d", "member"];
const DOMAINS: [&str; 2] = ["one", "two"];
const OBJECTS: [&str; 8] = ["a", "b", "ab", "a/a", "a/b", "b/a", "a/a/b", "a/b/a/a"];
const ACTIONS: [&str; 3] = ["read", "edit", "link"];
/// Minimum number of decisions.
const DECISIONS: usize = 1_000_000;
/// Number of requests to each policy.
const REQUESTS: usize = 250;

/// Returns the values of a line or request.
pub(super) fn line(text: &str) -> Vec<String> {
    text.split(", ").map(str::to_owned).collect()
}

/// Returns the lines of a policy's text.
pub(super) fn policy(text: &str) -> Vec<Vec<String>> {
    text.lines().map(line).collect()
}

/// Builds casbin's Enforcer over these lines.
pub(super) fn enforcer(model: &str, lines: &[Vec<String>]) -> Enforcer {
    let build = async {
        let mut adapter = MemoryAdapter::default();
        for line in lines {
            let (kind, values) = line.split_first().unwrap();
            casbin::Adapter::add_policy(&mut adapter, kind, kind, values.to_vec()).await.unwrap();
        }
        Enforcer::new(DefaultModel::from_str(model).await.unwrap(), adapter).await.unwrap()
    };
    build.now_or_never().expect("over what is in memory casbin never waits")
}

/// A field of a random model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    Subject,
    Domain,
    Object,
    Action,
    Effect,
}

/// A random model, with what it takes to write lines and requests of it.
#[derive(Clone, Debug)]
struct Model {
    request: Vec<Field>,
    policy: Vec<Field>,
    /// The columns of a `g` line, or none.
    roles: usize,
    effect: &'static str,
    terms: Vec<String>,
    /// The objects of lines.
    objects: &'static [&'static str],
    /// The actions of lines.
    actions: &'static [&'static str],
    /// `true` if casbin compiles expressions for it, line by line: then few lines must do.
    slow: bool,
}

/// The forms of an object's term, with patterns that are worth trying.
const OBJECT_FORMS: [(&str, &[&str]); 6] = [
    ("r.obj == p.obj", &[]),
    ("p.obj == r.obj", &[]),
    ("keyMatch(r.obj, p.obj)", &["a/*", "b/*", "a*", "*", "a/a/*", "/*", "b*", "a/*/b"]),
    ("keyMatch2(r.obj, p.obj)", &["a/:x", "a/:x/b", "a/*", ":x", "a.", "a|b", "a/*/b", ":x/:y", "b+"]),
    ("globMatch(r.obj, p.obj)", &["a/*", "a/**", "?", "{a,b}", "[ab]/*", "*", "a/?", "**/b"]),
    ("regexMatch(r.obj, p.obj)", &["^a", "a/.*", "b$", "^a/[ab]$", "a", "^(a|b)$", "^b?", "^a|b"]),
];
const ACTION_FORMS: [(&str, &[&str]); 4] = [
    ("r.act == p.act", &["*"]),
    ("(r.act == p.act || p.act == \"*\")", &["*", "*", "*"]),
    ("(p.act == \"*\" || p.act == r.act)", &["*", "*", "*"]),
    ("regexMatch(r.act, p.act)", &["read|edit", ".*", "^r", "(read)|(link)", "i"]),
];
/// Further terms: texts, and what is left to casbin's own matcher.
const FURTHER: [&str; 10] = [
    "r.act != \"link\"",
    "p.sub != \"v\"",
    "r.sub in [\"u\", \"v\", \"w\", \"group:g\", \"p\"]",
    "(r.sub == p.sub || r.act == \"read\")",
    "(keyMatch(r.obj, \"a*\") || r.sub == \"u\")",
    "!(r.obj == \"a/b\" && r.act == \"edit\")",
    "!keyMatch(r.obj, p.sub)",
    "(p.act != \"edit\" && (r.act == \"read\" || r.act == p.act || p.act == \"*\"))",
    "r.obj != \"b/a\"",
    "p.act != \"link\"",
];
const TEXTS: [&str; 4] = ["r.act == \"read\"", "p.sub == \"p\"", "\"edit\" == r.act", "r.obj == \"a/b\""];
const EFFECTS: [&str; 4] = [
    "some(where (p.eft == allow))",
    "some(where (p.eft == allow)) && !some(where (p.eft == deny))",
    "!some(where (p.eft == deny))",
    "priority(p.eft) || deny",
];

impl Model {
    fn random(random: &mut Random) -> Self {
        let roles = [3, 3, 2, 2, 0][random.below(5)];
        let (object, patterns) = OBJECT_FORMS[[0, 1, 2, 2, 2, 3, 4, 5][random.below(8)]];
        let (action, actions) = ACTION_FORMS[[0, 1, 2, 1, 2, 3][random.below(6)]];
        let mut terms = match roles {
            3 => vec!["g(r.sub, p.sub, r.dom)".to_owned(), "r.dom == p.dom".to_owned()],
            2 => vec!["g(r.sub, p.sub)".to_owned()],
            _ => vec!["r.sub == p.sub".to_owned()],
        };
        terms.extend([object.to_owned(), action.to_owned()]);
        if random.percent(30) {
            terms.push(random.of(&FURTHER).to_owned());
        }
        if random.percent(4) {
            terms.push(random.of(&TEXTS).to_owned());
        }
        let slow = ["keyMatch2", "regexMatch", "globMatch"].iter().any(|name| object.starts_with(name))
            || action.starts_with("regexMatch");
        // ChangeOptions that casbin compiles come last, else it would compile them for each line.
        if slow {
            terms.sort_by_key(|term| term.contains("egexMatch") || term.contains("Match2") || term.contains("glob"));
        } else {
            random.shuffle(&mut terms);
        }
        let effect = random.of(&EFFECTS);
        let mut request = vec![Field::Subject, Field::Object, Field::Action];
        request.extend((roles == 3).then_some(Field::Domain));
        let mut policy = request.clone();
        policy.extend((effect != EFFECTS[0] || random.percent(50)).then_some(Field::Effect));
        if random.percent(50) {
            random.shuffle(&mut request);
            random.shuffle(&mut policy);
        }
        Self { request, policy, roles, effect, terms, objects: patterns, actions, slow }
    }

    fn text(&self) -> String {
        let names = |fields: &[Field]| {
            let name = |field: &Field| match field {
                Field::Subject => "sub",
                Field::Domain => "dom",
                Field::Object => "obj",
                Field::Action => "act",
                Field::Effect => "eft",
            };
            fields.iter().map(name).collect::<Vec<_>>().join(", ")
        };
        let (request, policy) = (names(&self.request), names(&self.policy));
        let mut text = format!("[request_definition]\nr = {request}\n[policy_definition]\np = {policy}\n");
        if self.roles > 0 {
            writeln!(text, "[role_definition]\ng = {}", ["_", "_", "_"][..self.roles].join(", ")).unwrap();
        }
        let terms = self.terms.join(" && ");
        writeln!(text, "[policy_effect]\ne = {}\n[matchers]\nm = {terms}", self.effect).unwrap();
        text
    }

    fn permission(&self, random: &mut Random) -> Vec<String> {
        let value = |random: &mut Random, field: Field| match field {
            Field::Subject => random.of(&SUBJECTS),
            Field::Domain => random.of(&DOMAINS),
            Field::Object if !self.objects.is_empty() && random.percent(60) => random.of(self.objects),
            Field::Object => random.of(&OBJECTS),
            Field::Action if random.percent(50) => random.of(self.actions),
            Field::Action => random.of(&ACTIONS),
            Field::Effect if random.percent(3) => "indeterminate",
            Field::Effect if random.percent(if self.effect == EFFECTS[1] { 12 } else { 30 }) => "deny",
            Field::Effect => "allow",
        };
        let values = self.policy.iter().map(|field| value(random, *field).to_owned());
        std::iter::once("p".to_owned()).chain(values).collect()
    }

    fn link(&self, random: &mut Random) -> Vec<String> {
        let mut link = vec!["g".to_owned(), random.of(&SUBJECTS).to_owned(), random.of(&SUBJECTS).to_owned()];
        link.extend((self.roles == 3).then(|| random.of(&DOMAINS).to_owned()));
        link
    }

    fn lines(&self, random: &mut Random) -> Vec<Vec<String>> {
        let permissions = if self.slow { 4 + random.below(14) } else { 10 + random.below(50) };
        let mut lines: Vec<_> = (0..permissions).map(|_| self.permission(random)).collect();
        let links = if self.roles > 0 { random.below(24) } else { 0 };
        lines.extend((0..links).map(|_| self.link(random)));
        // A line that stands twice counts where it stands last.
        if random.percent(30) {
            lines.push(lines[random.below(permissions)].clone());
        }
        random.shuffle(&mut lines);
        lines
    }

    fn ask(&self, random: &mut Random) -> Vec<String> {
        let value = |random: &mut Random, field: &Field| match field {
            Field::Subject if random.percent(3) => "nobody",
            Field::Subject => random.of(&SUBJECTS),
            Field::Domain if random.percent(3) => "nowhere",
            Field::Domain => random.of(&DOMAINS),
            Field::Object if random.percent(3) => random.of(&["a/", "a/*", "c", "/", "a/:x"]),
            Field::Object => random.of(&OBJECTS),
            Field::Action if random.percent(3) => random.of(&["unheard-of", "*"]),
            Field::Action => random.of(&ACTIONS),
            Field::Effect => unreachable!("no request has an effect"),
        };
        self.request.iter().map(|field| value(random, field).to_owned()).collect()
    }
}

impl Random {
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }
}

/// A model, a policy and requests, all of one seed.
struct Round {
    model: Model,
    lines: Vec<Vec<String>>,
    requests: Vec<Vec<String>>,
}

impl Round {
    fn new(seed: u64, requests: usize) -> Self {
        let mut random = Random(seed);
        let model = Model::random(&mut random);
        let lines = model.lines(&mut random);
        let requests = (0..requests).map(|_| model.ask(&mut random)).collect();
        Self { model, lines, requests }
    }

    fn oracle(&self) -> Enforcer {
        enforcer(&self.model.text(), &self.lines)
    }

    /// Returns the first request that casbin and `engine` answer differently, or the number of allowed ones.
    fn compare(&self, oracle: &Enforcer, engine: &LinePolicy) -> Result<usize, &[String]> {
        let mut allows = 0;
        for request in &self.requests {
            let expected = oracle.enforce(request.clone()).unwrap();
            let texts: Vec<&str> = request.iter().map(String::as_str).collect();
            let verdict = engine.decide(&texts).unwrap();
            let decides = |line: &Vec<String>| self.lines.iter().any(|known| known[0] == "p" && known[1..] == *line);
            if verdict.allowed != expected || !verdict.deciding.as_ref().is_none_or(decides) {
                return Err(request);
            }
            allows += usize::from(expected);
        }
        Ok(allows)
    }
}

/// Decides half of the million on each of two threads.
#[test]
fn the_engine_decides_as_casbin_does_over_the_whole_family_a_million_times() {
    let seed = seed();
    let (decisions, allows) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let rounds = u64::try_from(DECISIONS / REQUESTS).unwrap();
    std::thread::scope(|scope| {
        for half in 0..2 {
            let (decisions, allows) = (&decisions, &allows);
            scope.spawn(move || {
                for round in (0..rounds).filter(|round| round % 2 == half) {
                    let seed = seed.wrapping_add(round);
                    let round = Round::new(seed, REQUESTS);
                    let (model, lines) = (round.model.text(), &round.lines);
                    let engine = LinePolicy::new(&model, lines);
                    let engine = engine.unwrap_or_else(|error| panic!("ENGINE_SEED={seed}: {error} under\n{model}"));
                    match round.compare(&round.oracle(), &engine) {
                        Ok(allowed) => allows.fetch_add(allowed, Ordering::Relaxed),
                        Err(request) => panic!("ENGINE_SEED={seed}: {request:?} under\n{lines:#?}\nof\n{model}"),
                    };
                    decisions.fetch_add(round.requests.len(), Ordering::Relaxed);
                }
            });
        }
    });
    let (decisions, allows) = (decisions.into_inner(), allows.into_inner());
    assert!(decisions >= DECISIONS, "{decisions} are too few");
    let share = allows * 100 / decisions;
    assert!((25..=75).contains(&share), "ENGINE_SEED={seed}: {share} % are allowed");
}

type Tamper = fn(&mut Model, &mut Vec<Vec<String>>);

/// Every way to break an engine that the comparison has to catch, as a tampering with what it is
/// given: the policy that it thinks it has, or the model.
const MUTANTS: [(&str, Tamper); 14] = [
    ("a dropped role", |_, lines| {
        let dropped = lines.iter().position(|line| line[0] == "g");
        dropped.map(|at| lines.remove(at));
    }),
    ("a stale closure: a role that was taken away is still held", |model, lines| {
        let roles = ["g", "u", "c", "one"].map(str::to_owned);
        lines.extend((model.roles > 0).then(|| roles[..=model.roles].to_vec()));
    }),
    ("a skipped denial", |_, lines| lines.retain(|line| !line.contains(&"deny".to_owned()))),
    ("an effect that never counts, counted", |_, lines| {
        lines.iter_mut().flatten().filter(|value| *value == "indeterminate").for_each(|value| "deny".clone_into(value));
    }),
    ("a prefix without its star", |model, lines| {
        let prefixed = model.terms.iter().any(|term| term.starts_with("keyMatch(r.obj, p.obj"));
        let values = lines.iter_mut().flatten().filter(|value| prefixed && value.len() > 1 && value.ends_with('*'));
        values.for_each(|value| value.truncate(value.len() - 1));
    }),
    ("an ignored star of actions", |model, _| change(model, "(r.act == p.act || p.act == \"*\")", "r.act == p.act")),
    ("a star that stands for all where it does not", |model, _| {
        change(model, "r.act == p.act", "(r.act == p.act || p.act == \"*\")");
    }),
    ("keyMatch2 taken for keyMatch", |model, _| change(model, "keyMatch2(", "keyMatch(")),
    ("globMatch taken for keyMatch", |model, _| change(model, "globMatch(", "keyMatch(")),
    ("regexMatch of objects taken for keyMatch", |model, _| change(model, "regexMatch(r.obj", "keyMatch(r.obj")),
    ("regexMatch of actions taken for equality", |model, _| {
        change(model, "regexMatch(r.act, p.act)", "r.act == p.act");
    }),
    ("priority the other way round", |model, lines| {
        if model.effect == EFFECTS[3] {
            lines.reverse();
        }
    }),
    ("priority as if any denial won", |model, _| {
        if model.effect == EFFECTS[3] {
            model.effect = EFFECTS[1];
        }
    }),
    ("a further term that is not evaluated", |model, _| {
        model.terms.retain(|term| !FURTHER.contains(&term.as_str()));
    }),
];

fn change(model: &mut Model, from: &str, to: &str) {
    for term in &mut model.terms {
        // A text that is all of a longer one is no such term.
        if term.starts_with(from) {
            *term = term.replace(from, to);
        }
    }
}

#[test]
fn the_comparison_over_the_family_catches_every_broken_engine() {
    let seed = seed();
    let mut missed: Vec<&str> = MUTANTS.iter().map(|(name, _)| *name).collect();
    for number in 0..600 {
        let round = Round::new(seed.wrapping_add(number), REQUESTS);
        let mut oracle = None;
        for (name, tamper) in MUTANTS.iter().filter(|(name, _)| missed.contains(name)).collect::<Vec<_>>() {
            let (mut model, mut lines) = (round.model.clone(), round.lines.clone());
            tamper(&mut model, &mut lines);
            if model.text() == round.model.text() && lines == round.lines {
                continue;
            }
            let broken = LinePolicy::new(&model.text(), &lines).unwrap();
            if round.compare(oracle.get_or_insert_with(|| round.oracle()), &broken).is_err() {
                missed.retain(|left| left != name);
            }
        }
        if missed.is_empty() {
            return;
        }
    }
    panic!("ENGINE_SEED={seed}: {missed:?} go unnoticed");
}
