//! Attacks on accounts, reported to those who can do something about them: a line in the log, and an event in the
//! tenant's audit log. Both are bounded, with a count of what was left out. The events are written apart from the
//! requests, so that response times reveal nothing, and deliberate failures do not hold up a tenant's changes.

mod gather;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use strum::VariantArray as _;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::auth::caller::RequestInfo;
use crate::domain::key::{TenantId, TenantKey};
use crate::domain::user::Username;
use crate::error::Result;
use crate::service::Platform;
use crate::store::audit::{Actor, ActorKind, AuditEvent};
use gather::{Gathered, Pace};

/// Maximum number of log lines of one kind within [`LINES_TIME`].
const LINES: u32 = 20;
/// Time in which the lines are counted; see [`LINES`].
const LINES_TIME: Duration = Duration::from_mins(1);
/// Maximum number of tenants with events that wait to be written.
const TENANTS: usize = 4096;
/// Number of tenants whose events are written at the same time.
const TOGETHER: usize = 2;

/// Kind of a failure, or of a refusal, with the action of its audit events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::AsRefStr, strum::VariantArray)]
pub(in crate::service) enum Failed {
    /// A wrong password.
    #[strum(serialize = "session.fail")]
    SignIn,
    /// A wrong password after which no more passwords of this client are checked for a while.
    #[strum(serialize = "session.lockOut")]
    LockedOut,
    /// A wrong password after which passwords for this name are checked slowly.
    #[strum(serialize = "session.slowDown")]
    SlowedDown,
    /// A password that was not checked, after too many wrong ones.
    #[strum(serialize = "session.refuse")]
    Refused,
    /// A request for a password link.
    #[strum(serialize = "password.askLink")]
    LinkAsked,
    /// A request for a password link that was refused, after too many.
    #[strum(serialize = "password.refuseLink")]
    LinkRefused,
    /// A user's changes of their own data, more frequent than any user needs.
    #[strum(serialize = "account.tooOften")]
    TooOften,
}

impl Failed {
    const fn in_words(self) -> &'static str {
        match self {
            Self::SignIn => "a password did not fit",
            Self::LockedOut => "too many wrong passwords: no more of this client are looked at for a while",
            Self::SlowedDown => "too many wrong passwords: more for this name are looked at slowly",
            Self::Refused => "a password was not looked at, after too many wrong ones",
            Self::LinkAsked => "a link for a new password was asked for",
            Self::LinkRefused => "no link for a new password was made: too many were",
            Self::TooOften => "a user changes what is their own too often",
        }
    }
}

/// Single failure.
#[derive(Debug, Clone)]
pub(in crate::service) struct Failure {
    kind: Failed,
    tenant: Option<TenantKey>,
    name: Option<Username>,
    request: RequestInfo,
}

impl Failure {
    /// Makes a failure of this request, for the tenant and user name as they were typed. A text that cannot be a name
    /// is not kept, because users type passwords into the wrong field.
    pub(in crate::service) fn new(kind: Failed, tenant: &str, name: &str, request: &RequestInfo) -> Self {
        let (tenant, name) = (TenantKey::parse(tenant).ok(), Username::parse(name).ok());
        Self { kind, tenant, name, request: request.clone() }
    }

    fn address(&self) -> String {
        self.request.address().map_or_else(|| "-".to_owned(), |address| address.to_string())
    }
}

/// Failures that are to be reported.
pub(in crate::service) struct Failures {
    paces: Mutex<HashMap<Failed, Pace>>,
    gathered: Mutex<HashMap<TenantId, HashMap<Failed, Gathered>>>,
    noted: Notify,
}

impl Failures {
    pub(in crate::service) fn new() -> Self {
        Self { paces: Mutex::default(), gathered: Mutex::default(), noted: Notify::new() }
    }

    /// Records a failure, of a tenant if there is one. Never waits.
    pub(in crate::service) fn note(&self, tenant: Option<TenantId>, failure: &Failure) {
        let pace =
            lock(&self.paces).entry(failure.kind).or_insert_with(|| Pace::new(LINES, LINES_TIME)).step(Instant::now());
        if let Some(count) = pace.left_out {
            left_out(failure.kind, count);
        }
        if pace.is_in {
            say(failure);
        }
        if let Some(tenant) = tenant {
            let mut gathered = lock(&self.gathered);
            if gathered.len() < TENANTS || gathered.contains_key(&tenant) {
                gathered.entry(tenant).or_default().entry(failure.kind).or_default().add(failure);
            }
        }
        self.noted.notify_one();
    }

    /// Logs how many lines were left out in each period that is over, or that `end` ends. Returns `true` if some are
    /// still to be reported.
    fn say_left_out(&self, end: impl Fn(&mut Pace) -> Option<u64>) -> bool {
        let mut paces = lock(&self.paces);
        for &kind in Failed::VARIANTS {
            if let Some(count) = paces.get_mut(&kind).and_then(&end) {
                left_out(kind, count);
            }
        }
        paces.values().any(Pace::leaves_out)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes the log line of a failure. The request's id and address are in its span too, but not in the span of a task.
fn say(failure: &Failure) {
    let (action, said) = (failure.kind.as_ref(), failure.kind.in_words());
    let tenant = failure.tenant.as_ref().map_or("-", TenantKey::as_str);
    let name = failure.name.as_ref().map_or("-", Username::as_str);
    let (address, request) = (failure.address(), failure.request.id().unwrap_or("-"));
    match failure.kind {
        Failed::SignIn | Failed::LinkAsked => tracing::info!(action, tenant, name, address, request, "{said}"),
        _ => tracing::warn!(action, tenant, name, address, request, "{said}"),
    }
}

fn left_out(kind: Failed, count: u64) {
    tracing::warn!(action = kind.as_ref(), left_out = count, "more of this kind happened than the log has lines for");
}

impl Platform {
    /// Waits until there are failures to report.
    pub async fn failures_noted(&self) {
        self.parts.failures.noted.notified().await;
    }

    /// Writes one audit event for each kind of failure to each tenant that had some.
    pub async fn tell_failures(&self) {
        if self.parts.failures.say_left_out(|pace| pace.ended(Instant::now())) {
            self.parts.failures.noted.notify_one();
        }
        self.write_gathered().await;
    }

    /// Reports the remaining failures before the instance stops.
    pub async fn tell_last_failures(&self) {
        self.parts.failures.say_left_out(Pace::end);
        self.write_gathered().await;
    }

    async fn write_gathered(&self) {
        let gathered = std::mem::take(&mut *lock(&self.parts.failures.gathered));
        stream::iter(gathered)
            .for_each_concurrent(TOGETHER, |(tenant, kinds)| async move {
                if let Err(error) = self.write_failures(tenant, kinds).await {
                    let cause = error.source_text();
                    tracing::warn!(tenant = %tenant.0, %error, cause, "the audit events of failed sign-ins were not written");
                }
            })
            .await;
    }

    async fn write_failures(&self, tenant: TenantId, kinds: HashMap<Failed, Gathered>) -> Result<()> {
        let mut kinds: Vec<_> = kinds.into_iter().collect();
        kinds.sort_by_key(|(kind, _)| *kind);
        let events: Vec<_> = kinds.iter().map(|(kind, gathered)| self.event(*kind, gathered)).collect();
        self.system().note(tenant, &events).await?;
        self.place_events(tenant).await;
        Ok(())
    }

    fn event(&self, kind: Failed, gathered: &Gathered) -> AuditEvent {
        AuditEvent {
            id: Uuid::now_v7(),
            change_id: Uuid::now_v7(),
            at: self.now(),
            actor: Actor { kind: ActorKind::System, key: "system".to_owned(), name: "sign-in".to_owned() },
            action: kind.as_ref().to_owned(),
            target: gathered.target(),
            before: None,
            after: Some(gathered.shown()),
            request_id: gathered.request_id(),
            address: gathered.address(),
            reason: String::new(),
            revision: None,
        }
    }
}
