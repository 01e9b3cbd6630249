//! Signing in and out, and the users that bearer tokens belong to.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;
use uuid::Uuid;

use crate::auth::caller::{Caller, Credential, RequestInfo, TenantRef};
use crate::auth::token::{Token, TokenHash, TokenKind};
use crate::domain::key::{Action, TenantKey};
use crate::domain::name::Timestamp;
use crate::domain::user::Username;
use crate::error::{Error, ErrorCode, Result};
use crate::service::Platform;
use crate::service::access::credential::account_intent;
use crate::service::access::permit::unauthenticated;
use crate::service::access::throttle::{LoginKey, Sought};
use crate::service::change::ChangeContext;
use crate::store::session::{CredentialRow, NewSession, SignInRow};

/// Number of credentials that are remembered.
const CACHED_CREDENTIALS_MAX: u64 = 100_000;
/// Number of turns to look one up.
const TURNS: usize = 256;
/// Longest wait of a look-up for another one of the same turn.
const TURN_MAX: Duration = Duration::from_secs(1);
/// Least time between two writes of the last use of an API key, in seconds.
const TOUCH_SECONDS: i64 = 60;

/// Credentials that this instance has looked up. One holds only in its tenant's current epoch, named by
/// the change that began it: whatever voids a credential begins another, and with it voids what is
/// remembered.
pub struct Credentials {
    known: moka::sync::Cache<TokenHash, Arc<Known>>,
    /// Turns to look a token up; requests with the same token have the same turn, so that a raised epoch, which voids
    /// what is remembered of a whole tenant, makes one look-up of each token and not of each request.
    turns: Vec<Mutex<()>>,
}

struct Known {
    row: CredentialRow,
    /// Moment of the look-up, by the moments of the tenants in memory.
    moment: u64,
    touched: AtomicI64,
}

impl Credentials {
    pub(in crate::service) fn new() -> Self {
        let turns = std::iter::repeat_with(Mutex::default).take(TURNS).collect();
        Self { known: moka::sync::Cache::new(CACHED_CREDENTIALS_MAX), turns }
    }

    /// Waits for the turn to look this one up, and not for long: while the database does not
    /// answer, all fail side by side rather than one after the other.
    async fn turn(&self, TokenHash([first, ..]): &TokenHash) -> Option<MutexGuard<'_, ()>> {
        let turn = self.turns.get(usize::from(*first) % TURNS)?;
        timeout(TURN_MAX, turn.lock()).await.ok()
    }
}

/// A new session.
pub struct NewSignIn {
    /// The bearer token, shown this once.
    pub token: Token,
    /// End of its validity.
    pub expires_at: Timestamp,
    /// The user who has signed in, as a caller.
    pub caller: Caller,
}

impl Platform {
    /// Signs a person in. Whatever does not fit, the answer and its time are alike.
    pub async fn sign_in(
        &self,
        tenant: &str,
        username: &str,
        password: SecretString,
        request: RequestInfo,
    ) -> Result<NewSignIn> {
        let outcome = self.try_sign_in(tenant, username, password, request).await;
        self.parts.metrics.signed_in(&outcome);
        outcome
    }

    async fn try_sign_in(
        &self,
        tenant: &str,
        username: &str,
        password: SecretString,
        request: RequestInfo,
    ) -> Result<NewSignIn> {
        let sought = self.find_sign_in(tenant, username);
        let (fits, found) = self.guess(LoginKey::new(tenant, username), &request, password, sought).await?;
        let wrong = || Error::new(ErrorCode::WrongPassword, "tenant, username or password do not fit");
        let Some((tenant, row)) = found.filter(|_| fits) else { return Err(wrong()) };
        let token = Token::generate(TokenKind::Session)?;
        let now = self.now();
        let session = Uuid::now_v7();
        let hours = self.parts.policies.get(tenant.id).await?.ok_or_else(wrong)?.policy().settings.session_hours;
        let expires_at = now.plus_seconds(i64::from(hours) * 3600);
        let caller = Caller::authenticated(
            tenant.clone(),
            row.user.clone(),
            row.user_id,
            row.full_name,
            Credential::Session(session),
            request,
        );
        let (sign_in, again) = self.entrance().begin_sign_in(tenant.id, &row.user).await?.ok_or_else(wrong)?;
        // The password may have been changed while it was being checked.
        if again.password_hash != row.password_hash || !again.may_sign_in() {
            return Err(wrong());
        }
        let new =
            NewSession { id: session, user: row.user.clone(), token: token.hash().0, created_at: now, expires_at };
        let record = ChangeContext::new(&caller, &account_intent("session.create", &row.user), now);
        sign_in.commit(&new, &record.event(None, None, None)).await?;
        self.place_events(tenant.id).await;
        Ok(NewSignIn { token, expires_at, caller })
    }

    /// Finds the user whose password is tried, if they may sign in.
    async fn find_sign_in(&self, tenant: &str, username: &str) -> Result<Sought<Option<(TenantRef, SignInRow)>>> {
        let nobody = Sought { tenant: None, stored: None, found: None };
        let (Ok(key), Ok(username)) = (TenantKey::parse(tenant), Username::parse(username)) else { return Ok(nobody) };
        // A tenant is loaded for nobody who has not signed in, and an unknown one is asked for its
        // user as well: so neither the time of a refusal nor its cost tells which tenants there are.
        let tenant = self.entrance().tenant_by_key(&key).await?.map(|row| row.id);
        let row = self.entrance().sign_in(tenant, username.key()).await?;
        let found = tenant.zip(row.filter(SignInRow::may_sign_in)).map(|(id, row)| (TenantRef { id, key }, row));
        let stored = found.as_ref().and_then(|(_, row)| row.password_hash.clone());
        Ok(Sought { tenant, stored, found })
    }

    /// Ends the caller's session.
    pub async fn sign_out(&self, caller: &Caller) -> Result<()> {
        let Credential::Session(session) = *caller.credential() else {
            return Err(Error::new(ErrorCode::Forbidden, "only a session can be ended, not an API key"));
        };
        let (tx, _) = self.oneself(caller).begin_credentials().await?;
        tx.credentials().end_session(session).await?;
        self.commit_own(caller, tx, "session.end", None).await
    }

    /// Returns the caller that a bearer token belongs to. `tenant` is the one that an operator names.
    pub async fn authenticate(&self, bearer: &str, tenant: Option<&str>, request: RequestInfo) -> Result<Caller> {
        let token = Token::parse(bearer).ok_or_else(unauthenticated)?;
        let known = self.look_up(&token).await?;
        let row = &known.row;
        let now = self.now();
        let ended = row.expires_at.is_some_and(|end| end <= now);
        // A host application has its API key alone (R25), also when it was a person before.
        let not_a_persons = row.session.is_some() && !row.base_role.signs_in();
        if !row.enabled || ended || not_a_persons {
            return Err(unauthenticated());
        }
        self.touch(&token, &known, now);
        let credential = row.session.map_or(Credential::ApiKey, Credential::Session);
        let home = TenantRef { id: row.tenant, key: row.tenant_key.clone() };
        let caller =
            Caller::authenticated(home, row.user.clone(), row.user_id, row.full_name.clone(), credential, request);
        match tenant {
            None => Ok(caller),
            Some(key) => self.visit(caller, key).await,
        }
    }

    /// Lets an operator act in the tenant that they name. Their right is checked before the tenant is looked up.
    async fn visit(&self, caller: Caller, key: &str) -> Result<Caller> {
        if !caller.home().key.is_platform() {
            return Err(Error::new(ErrorCode::Forbidden, "only operators name a tenant").at("X-Tenant"));
        }
        let wrong = |error: Error| Error::bad_input(error.message).at("X-Tenant");
        let key = TenantKey::parse(key).map_err(wrong)?;
        self.check_platform(&caller, &format!("tenants/{key}"), &Action::read()).await?;
        let unknown = || wrong(Error::not_found("tenant", &key));
        let tenant = self.parts.policies.get_by_key(&key).await?.ok_or_else(unknown)?;
        caller.acting_in(TenantRef { id: tenant.id, key: tenant.key.clone() })
    }

    /// Waits until a bearer token may hold no longer: its end has come, or a credential of its tenant has
    /// changed. It may be too early, and says no more than that it is time to ask again.
    pub async fn wait_for_change(&self, bearer: &str) {
        let Some(token) = Token::parse(bearer) else { return };
        let Ok(known) = self.look_up(&token).await else { return };
        let Ok(Some(tenant)) = self.parts.policies.get(known.row.tenant).await else { return };
        let mut changes = tenant.changes();
        // Held, it would never be gone.
        drop(tenant);
        let here = *changes.borrow();
        // Once more, from here on: what changed in between is seen by this or by the wait.
        let Ok(known) = self.look_up(&token).await else { return };
        // One that is dropped from memory is another reason to ask.
        let changed = changes.wait_for(|counters| !counters.same_credentials(&here));
        match known.row.expires_at {
            Some(end) => drop(timeout(until(end, self.now()), changed).await),
            None => drop(changed.await),
        }
    }

    async fn look_up(&self, token: &Token) -> Result<Arc<Known>> {
        let hash = token.hash();
        if let Some(known) = self.remembered(&hash).await? {
            return Ok(known);
        }
        let _turn = self.parts.credentials.turn(&hash).await;
        if let Some(known) = self.remembered(&hash).await? {
            return Ok(known);
        }
        let moment = self.parts.policies.moment();
        let row = match token.kind() {
            TokenKind::Session => self.entrance().session_by_token(&hash.0).await?,
            TokenKind::ApiKey => self.entrance().api_key_by_token(&hash.0).await?,
            TokenKind::PasswordReset => None,
        };
        let row = row.ok_or_else(unauthenticated)?;
        self.parts.policies.found(row.tenant, &row.counters).await;
        let known = Arc::new(Known { touched: AtomicI64::new(row.last_used_at.map_or(0, |at| at.0)), moment, row });
        self.parts.credentials.known.insert(hash, Arc::clone(&known));
        Ok(known)
    }

    /// Returns what is remembered of a credential, if that still holds.
    async fn remembered(&self, hash: &TokenHash) -> Result<Option<Arc<Known>>> {
        let Some(known) = self.parts.credentials.known.get(hash) else { return Ok(None) };
        let tenant = self.parts.policies.get(known.row.tenant).await?.ok_or_else(unauthenticated)?;
        let holds = |known: &Arc<Known>| {
            tenant.is_watched_since(known.moment) && known.row.counters.same_credentials(&tenant.policy().counters)
        };
        Ok(Some(known).filter(holds))
    }

    /// Writes the last use of an API key, at most once a minute, off the caller's path.
    fn touch(&self, token: &Token, known: &Arc<Known>, now: Timestamp) {
        let before = known.touched.load(Ordering::Relaxed);
        if token.kind() != TokenKind::ApiKey || now.0 < before.saturating_add(TOUCH_SECONDS * 1_000_000) {
            return;
        }
        if known.touched.compare_exchange(before, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let (platform, tenant, user) = (self.clone(), known.row.tenant, known.row.user.clone());
            self.parts.tasks.spawn(async move {
                if let Err(error) = platform.entrance().touch_api_key(tenant, &user, now).await {
                    tracing::debug!(%error, "the last use of an API key was not written");
                }
            });
        }
    }
}

/// Returns the time from `now` until `end`.
fn until(end: Timestamp, now: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(end.0.saturating_sub(now.0)).unwrap_or(0))
}
