//! The news that have been heard and are not yet applied: the place between a bus that must be read quickly and an
//! applier that takes its time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::{Applier, News, outlive_panics};

/// Number of tenants that are brought up to date at the same time. Each can hold a database connection.
const AT_ONCE: usize = 16;

/// A hand-over of news to the applier: tenants side by side, the news of one tenant one after the other and merged
/// while they wait, so that at most one entry per tenant waits.
pub(super) struct Inbox<A> {
    shared: Arc<Shared<A>>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

struct Shared<A> {
    applier: Arc<A>,
    /// The tenants at work, each with the merged news that wait for it.
    tenants: Mutex<HashMap<Uuid, Option<News>>>,
    permits: Semaphore,
    /// The request for `check_all`. It holds one request while a check runs: a message missed after the check began
    /// needs one more check, however often it is asked for.
    check: Notify,
}

impl<A: Applier> Inbox<A> {
    /// Makes an inbox whose tasks end with `shutdown`.
    pub(super) fn new(applier: Arc<A>, shutdown: CancellationToken) -> Self {
        let shared = Arc::new(Shared {
            applier,
            tenants: Mutex::default(),
            permits: Semaphore::new(AT_ONCE),
            check: Notify::new(),
        });
        let inbox = Self { shared, tasks: TaskTracker::new(), shutdown };
        inbox.spawn(Arc::clone(&inbox.shared).check_on_request());
        inbox
    }

    /// Takes news in, without waiting.
    pub(super) fn put(&self, news: News) {
        let mut tenants = self.shared.tenants();
        match tenants.entry(news.tenant) {
            Entry::Occupied(mut waiting) => {
                let merged = waiting.get().map_or(news, |earlier| earlier.merged(news));
                waiting.insert(Some(merged));
            }
            Entry::Vacant(tenant) => {
                tenant.insert(Some(news));
                self.spawn(Arc::clone(&self.shared).work_for(news.tenant));
            }
        }
    }

    /// Asks for a check of all tenants, without waiting.
    pub(super) fn check_all(&self) {
        self.shared.check.notify_one();
    }

    /// Waits until the tasks have ended; only `shutdown` ends them.
    pub(super) async fn ended(self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(self.shutdown.clone().run_until_cancelled_owned(task));
    }
}

impl<A: Applier> Shared<A> {
    async fn work_for(self: Arc<Self>, tenant: Uuid) {
        loop {
            // First the permit, then the news: what comes while waiting for it is merged in.
            let Ok(_permit) = self.permits.acquire().await else { return };
            let Some(news) = self.next_for(tenant) else { return };
            outlive_panics(self.applier.heard(news)).await;
        }
    }

    /// Takes the news that wait for the tenant. `None` if there are none; the caller's work is done then.
    fn next_for(&self, tenant: Uuid) -> Option<News> {
        let mut tenants = self.tenants();
        let waiting = tenants.get_mut(&tenant).and_then(Option::take);
        if waiting.is_none() {
            tenants.remove(&tenant);
        }
        waiting
    }

    async fn check_on_request(self: Arc<Self>) {
        loop {
            self.check.notified().await;
            outlive_panics(self.applier.check_all()).await;
        }
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<Uuid, Option<News>>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
