//! Metrics of an instance. Like everything, they belong to the instance: several in one process count separately.
//! Labels hold only words of the program, never the key of a tenant or a user. `prometheus-client` is used because its
//! registry is a value, where the `metrics` facade has one recorder for the process.

use std::array;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use strum::VariantArray as _;

use crate::error::{Error, ErrorCode};
use crate::service::ask::decision::Decision;
use crate::service::runtime::policy_cache::PolicyCache;
use crate::sync::BusStatus;

/// One call in this number is timed, because reading the clock twice costs as much as a decision.
const TIMED_ONE_IN: u64 = 16;

/// Labels known when the program is written.
type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Interface through which a decision is requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Interface {
    /// GraphQL.
    GraphQl,
    /// `AuthZEN`.
    AuthZen,
    /// The command line.
    #[strum(serialize = "cli")]
    CommandLine,
}

/// Outcomes of the decisions of one interface. The counters are taken out of their family once, so that counting takes
/// no lock.
struct DecisionMetrics {
    allowed: Counter,
    denied: Counter,
    refused: Counter,
}

/// Counters of an instance.
pub struct Metrics {
    asked: [DecisionMetrics; Interface::VARIANTS.len()],
    seconds: Histogram,
    sign_ins: Family<Labels<1>, Counter>,
    /// News to other instances that could not be published.
    pub publishes_failed: Counter,
    /// Outcomes of the shadow check.
    pub shadow: ShadowMetrics,
}

/// Outcomes of the shadow check.
#[derive(Clone, Default)]
pub struct ShadowMetrics {
    /// Decisions that the shadow check repeated.
    pub checked: Counter,
    /// Repeated decisions with another result.
    pub disagreed: Counter,
    /// Sampled decisions that were not repeated, for want of time or because there are too many rules.
    pub dropped: Counter,
    /// Repeated decisions that casbin did not answer.
    pub failed: Counter,
}

impl Metrics {
    /// Makes counters that start at zero, and registers them with `registry`.
    pub fn new(registry: &mut Registry) -> Self {
        let decisions = Family::<Labels<2>, Counter>::default();
        let asked = array::from_fn(|face| {
            let face = Interface::VARIANTS.get(face).map_or("", Into::into);
            let counter = |result| decisions.get_or_create_owned(&[("face", face), ("result", result)]);
            DecisionMetrics { allowed: counter("allow"), denied: counter("deny"), refused: counter("refused") }
        });
        // From a quarter of a microsecond to four milliseconds.
        let seconds = Histogram::new(exponential_buckets(250e-9, 4.0, 8));
        let metrics = Self {
            asked,
            seconds,
            sign_ins: Family::default(),
            publishes_failed: Counter::default(),
            shadow: ShadowMetrics::default(),
        };
        registry.register("decisions", "Decisions, by the face that asked and what came of it", decisions);
        registry.register(
            "decision_seconds",
            "Time of a decision from memory, of one call in 16; the mean of a call for many",
            metrics.seconds.clone(),
        );
        registry.register("sign_ins", "Attempts to sign in, by what came of them", metrics.sign_ins.clone());
        registry.register("publishes_failed", "News that did not get out", metrics.publishes_failed.clone());
        let shadow = metrics.shadow.clone();
        registry.register("shadow_checked", "Decisions made again by casbin's Enforcer", shadow.checked);
        registry.register("shadow_disagreed", "Decisions that casbin's Enforcer makes otherwise", shadow.disagreed);
        registry.register("shadow_dropped", "Decisions of the sample that were not made again", shadow.dropped);
        registry.register("shadow_failed", "Decisions that casbin's Enforcer did not answer", shadow.failed);
        metrics
    }

    fn of(&self, face: Interface) -> Option<&DecisionMetrics> {
        self.asked.iter().zip(Interface::VARIANTS).find(|(_, known)| **known == face).map(|(asked, _)| asked)
    }

    /// Returns the time at which the decisions of a call begin, if the call is one of those that are timed.
    pub(in crate::service) fn begin(&self, face: Interface) -> Option<Instant> {
        let asked = self.of(face)?;
        (asked.allowed.get() + asked.denied.get()).is_multiple_of(TIMED_ONE_IN).then(Instant::now)
    }

    /// Counts the decisions of a call.
    pub(in crate::service) fn decided(&self, face: Interface, began: Option<Instant>, decisions: &[Decision]) {
        let Some(asked) = self.of(face) else { return };
        let (all, allowed) = (decisions.len(), decisions.iter().filter(|decision| decision.allowed).count());
        asked.allowed.inc_by(allowed as u64);
        asked.denied.inc_by((all - allowed) as u64);
        if let Some(began) = began.filter(|_| all > 0) {
            let all = u32::try_from(all).unwrap_or(u32::MAX);
            self.seconds.observe(began.elapsed().as_secs_f64() / f64::from(all));
        }
    }

    /// Counts a call that was refused its decisions.
    pub(in crate::service) fn refused(&self, face: Interface) {
        if let Some(asked) = self.of(face) {
            asked.refused.inc();
        }
    }

    /// Counts an attempt to sign in.
    pub(in crate::service) fn signed_in<T>(&self, outcome: &Result<T, Error>) {
        let result = match outcome.as_ref().map_err(|error| error.code) {
            Ok(_) => "ok",
            Err(ErrorCode::WrongPassword) => "wrong",
            Err(ErrorCode::RateLimited) => "rate_limited",
            Err(_) => "failed",
        };
        self.sign_ins.get_or_create(&[("result", result)]).inc();
    }
}

/// Metrics of the present moment, read when they are collected.
pub struct Moment {
    /// Policies in memory.
    pub policies: Arc<PolicyCache>,
    /// State of the bus.
    pub bus: Arc<BusStatus>,
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Moment").field("held", self.policies.held()).field("bus", &self.bus).finish()
    }
}

impl Collector for Moment {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut show = |name, help, metric: &dyn Fn() -> Shown| match metric() {
            Shown::Gauge(gauge) => gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?),
            Shown::Count(count) => count.encode(encoder.encode_descriptor(name, help, None, count.metric_type())?),
        };
        let (held, bus) = (self.policies.held(), &self.bus);
        show("tenants_in_memory", "Tenants in memory", &|| gauge(held.tenants()))?;
        show("rules_in_memory", "Rules of the tenants in memory", &|| gauge(held.rules()))?;
        show("policies_applied", "Times a tenant in memory was brought forward", &|| count(held.applied()))?;
        show(
            "policies_replaced",
            "Times what was in memory of a tenant was not of the database's history, and was loaded anew",
            &|| count(held.replaced()),
        )?;
        let age = self.policies.age().as_secs_f64();
        show("policy_age_seconds", "Time since the database confirmed what is in memory", &|| {
            Shown::Gauge(ConstGauge::new(age))
        })?;
        show("bus_connected", "Whether news of other instances are heard", &|| gauge(usize::from(bus.connected())))?;
        show("bus_reconnects", "Times the bus came back", &|| count(bus.reconnects()))
    }
}

enum Shown {
    Gauge(ConstGauge<f64>),
    Count(ConstCounter<u64>),
}

#[expect(clippy::cast_precision_loss, reason = "the form has no other number, and 2^53 rules fit no memory")]
fn gauge(value: usize) -> Shown {
    Shown::Gauge(ConstGauge::new(value as f64))
}

fn count(value: u64) -> Shown {
    Shown::Count(ConstCounter::new(value))
}
