//! Many failures gathered into one event, and into few log lines.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Failure;

/// Maximum number of names in an event; the others are counted.
const NAMES: usize = 20;
/// Maximum number of addresses in an event; the others are counted.
const ADDRESSES: usize = 20;
/// Maximum number of request ids in an event: those of the first failures.
const REQUESTS: usize = 5;

/// Failures of one kind in one tenant that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    count: u64,
    names: Tally<NAMES>,
    addresses: Tally<ADDRESSES>,
    requests: Vec<String>,
}

/// Counts of the first few distinct texts, and of all others together.
#[derive(Debug, Default)]
struct Tally<const MAX: usize> {
    first: Option<String>,
    counts: BTreeMap<String, u64>,
    others: u64,
}

impl<const MAX: usize> Tally<MAX> {
    fn add(&mut self, text: String) {
        self.first.get_or_insert_with(|| text.clone());
        if self.counts.len() < MAX || self.counts.contains_key(&text) {
            *self.counts.entry(text).or_default() += 1;
        } else {
            self.others += 1;
        }
    }

    fn shown(&self) -> Value {
        json!({ "counts": self.counts, "others": self.others })
    }
}

impl Gathered {
    pub(super) fn add(&mut self, failure: &Failure) {
        self.count += 1;
        self.names.add(failure.name.as_ref().map_or_else(|| "-".to_owned(), |name| name.key().to_string()));
        self.addresses.add(failure.address());
        if let Some(id) = failure.request.id().filter(|_| self.requests.len() < REQUESTS) {
            self.requests.push(id.to_owned());
        }
    }

    /// Returns the audit target: the user, if all failures were for one, and otherwise all users.
    pub(super) fn target(&self) -> String {
        match self.names.counts.first_key_value() {
            Some((name, count)) if *count == self.count && name != "-" => format!("user:{name}"),
            _ => "users".to_owned(),
        }
    }

    pub(super) fn shown(&self) -> Value {
        json!({
            "count": self.count,
            "names": self.names.shown(),
            "addresses": self.addresses.shown(),
            "requestIds": self.requests,
        })
    }

    pub(super) fn request_id(&self) -> Option<String> {
        self.requests.first().cloned()
    }

    pub(super) fn address(&self) -> Option<String> {
        self.addresses.first.clone()
    }
}

/// Limit of lines per period, with a count of the lines beyond it.
#[derive(Debug)]
pub(super) struct Pace {
    most: u32,
    time: Duration,
    since: Option<Instant>,
    said: u32,
    left_out: u64,
}

/// Result of counting one more line.
pub(super) struct Step {
    /// `true` if the line is within the limit.
    pub(super) is_in: bool,
    /// Number of lines left out in the period before, if that has just ended.
    pub(super) left_out: Option<u64>,
}

impl Pace {
    pub(super) fn new(most: u32, time: Duration) -> Self {
        Self { most, time, since: None, said: 0, left_out: 0 }
    }

    /// Counts one more line.
    pub(super) fn step(&mut self, now: Instant) -> Step {
        let left_out = self.ended(now);
        self.since.get_or_insert(now);
        let is_in = self.said < self.most;
        if is_in {
            self.said += 1;
        } else {
            self.left_out += 1;
        }
        Step { is_in, left_out }
    }

    /// Ends the period if it is over. Returns how many lines were left out in it, if any were.
    pub(super) fn ended(&mut self, now: Instant) -> Option<u64> {
        let is_over = self.since.is_some_and(|since| now.saturating_duration_since(since) >= self.time);
        if is_over { self.end() } else { None }
    }

    /// Ends the period. Returns how many lines were left out in it, if any were.
    pub(super) fn end(&mut self) -> Option<u64> {
        (self.since, self.said) = (None, 0);
        Some(std::mem::take(&mut self.left_out)).filter(|count| *count > 0)
    }

    /// Returns `true` if lines were left out that are not reported yet.
    pub(super) const fn leaves_out(&self) -> bool {
        self.left_out > 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::Failed;
    use super::*;
    use crate::auth::address::ClientAddress;
    use crate::auth::caller::{OneGuess, RequestInfo};

    fn failure(name: &str, address: [u8; 4], id: usize) -> Failure {
        let request = RequestInfo::new(format!("r{id}"), ClientAddress::new(address.into()), OneGuess::default());
        Failure::new(Failed::SignIn, "acme", name, &request)
    }

    #[test]
    fn many_failures_are_one_small_event_that_counts_them_all() {
        let mut gathered = Gathered::default();
        for n in 0..1000_usize {
            let last = u8::try_from(n % 100).unwrap();
            gathered.add(&failure(&format!("user{}", n % 100), [192, 0, 2, last], n));
        }
        let shown = gathered.shown();
        assert_eq!(shown["count"], 1000);
        for what in ["names", "addresses"] {
            assert_eq!(shown[what]["counts"].as_object().unwrap().len(), 20);
            assert_eq!(shown[what]["others"], 800, "{shown}");
        }
        assert_eq!(shown["requestIds"], json!(["r0", "r1", "r2", "r3", "r4"]));
        assert_eq!((gathered.target(), gathered.address().unwrap()), ("users".to_owned(), "192.0.2.0".to_owned()));
        assert!(shown.to_string().len() < 2000);
    }

    #[test]
    fn the_failures_of_one_name_are_of_its_user() {
        let mut gathered = Gathered::default();
        for n in 0..3 {
            gathered.add(&failure(if n == 0 { "Dana" } else { "DANA" }, [192, 0, 2, 1], n));
        }
        assert_eq!(gathered.target(), "user:dana");
    }

    #[test]
    fn what_can_be_no_name_is_not_kept() {
        let mut gathered = Gathered::default();
        gathered.add(&failure("My-Secret-12!", [192, 0, 2, 1], 0));
        let shown = gathered.shown().to_string();
        assert!(!shown.contains("Secret") && gathered.target() == "users", "{shown}");
    }

    #[test]
    fn so_many_are_let_in_in_a_while_and_the_others_are_counted() {
        let (mut pace, start) = (Pace::new(2, Duration::from_mins(1)), Instant::now());
        let step = |pace: &mut Pace, seconds| {
            let step = pace.step(start + Duration::from_secs(seconds));
            (step.is_in, step.left_out)
        };
        assert_eq!((step(&mut pace, 0), step(&mut pace, 1)), ((true, None), (true, None)));
        assert_eq!((step(&mut pace, 2), step(&mut pace, 59)), ((false, None), (false, None)));
        assert!(pace.leaves_out());
        assert_eq!(step(&mut pace, 60), (true, Some(2)));
        assert_eq!((pace.ended(start + Duration::from_secs(200)), pace.leaves_out()), (None, false));
    }
}
