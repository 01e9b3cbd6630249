//! Passwords (R27 to R29): changes of one's own and of another user's, and the link for users who have forgotten
//! theirs.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::auth::address::Network;
use crate::auth::caller::{Caller, Credential, RequestInfo, TenantRef};
use crate::auth::token::{Token, TokenKind};
use crate::domain::key::{TenantKey, UserKey};
use crate::domain::name::Timestamp;
use crate::domain::user::{Email, UserChange, check_password};
use crate::error::{Error, ErrorCode, Result};
use crate::mail::Mail;
use crate::mail::password::ResetLink;
use crate::service::Platform;
use crate::service::access::credential::needs_session;
use crate::service::access::failure::{Failed, Failure};
use crate::service::access::permit::{Permit, unauthenticated};
use crate::service::access::throttle::{LoginKey, Sought};
use crate::service::change::ChangeRequest;
use crate::store::password::{NewPasswordReset, PasswordResetRow};
use crate::store::session::SignInRow;
use crate::store::tenant::TenantRow;
use crate::store::user::{AccountChange, UserRow};
use crate::store::{CommitError, UserTx};
use crate::sync::tally::{Counter, Outcome};
use crate::turns::Bounds;

mod links;

use links::Links;
pub use links::{LATE_LINK_WINDOW, LINKS_FOR_ACCOUNT, LINKS_FOR_ACCOUNT_OF_CLIENT, LINKS_OF_CLIENT, LINKS_OF_SITE};

/// Lifetime of a reset link, in seconds.
const LINK_SECONDS: i64 = 3600;
/// Least time between two links for one user, in seconds; it holds also after the first was used.
pub(in crate::service) const BETWEEN_LINKS_SECONDS: i64 = 60;
/// Turns to work on requests for links: off the callers' path, in bounded numbers, each client its
/// share. More requests are passed over.
pub(in crate::service) const RESETS: Bounds =
    Bounds { together: 4, each: 1, waiting: 256, waiting_each: 8, patience: Duration::from_mins(2) };

/// Fate of the API key of a user who gets another password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithKey {
    /// It ends with the password.
    Ended,
    /// It goes on: the password is changed for another reason than that somebody else may know it.
    Kept,
}

impl Platform {
    /// Changes the caller's own password, and ends their other sessions (R28) and, unless it is to be kept, their API
    /// key: a user who changes a password because another person knows it may not know of a key that was made with it.
    pub async fn password_change(
        &self,
        caller: &Caller,
        old: SecretString,
        new: SecretString,
        key: WithKey,
    ) -> Result<()> {
        let Credential::Session(session) = *caller.credential() else { return Err(needs_session()) };
        let (home, user) = (caller.home(), caller.user());
        let wrong = || Error::new(ErrorCode::WrongPassword, "this is not your password").at("old");
        let sought = async {
            let stored = self.oneself(caller).sign_in().await?.ok_or_else(unauthenticated)?.password_hash;
            Ok(Sought { tenant: Some(home.id), stored: stored.clone(), found: stored })
        };
        let (fits, before) = self.guess(tried(home, user), caller.request(), old, sought).await?;
        if !fits {
            return Err(wrong());
        }
        let tenant = self.parts.policies.get(home.id).await?.ok_or_else(unauthenticated)?;
        let settings = tenant.policy().settings;
        check_password(&settings, new.expose_secret()).map_err(|mut error| {
            error.field = vec!["new".to_owned()];
            error
        })?;
        let hash = self.parts.passwords.hash(new, caller.request().network()).await?;
        let (tx, now) = self.begin_own(caller, session).await?;
        // It may have been changed while it was being checked.
        if now.password_hash != before {
            return Err(wrong());
        }
        self.put_password(caller, tx, "password.change", new_password(hash, key, self.now()), Some(session)).await
    }

    /// Sets another user's password, and ends that user's sessions (R28) and, unless it is to be kept, API key.
    pub async fn password_set(
        &self,
        caller: &Caller,
        key: &UserKey,
        password: SecretString,
        with_key: WithKey,
    ) -> Result<()> {
        if *caller.credential() == Credential::ApiKey {
            return Err(needs_session());
        }
        let tenant = self.authorise(caller, Permit::change_user(key)).await?;
        if key == caller.user() && !caller.is_visiting() {
            let own = "your own password changes with `passwordChange`, which asks for the old one";
            return Err(Error::invalid(own).at("key"));
        }
        let settings = tenant.policy().settings;
        check_password(&settings, password.expose_secret())?;
        let hash = self.parts.passwords.hash(password, caller.request().network()).await?;
        let intent = ChangeRequest::new(Permit::change_user(key), "user.setPassword", format_args!("user:{key}"), None);
        self.change(caller, intent, |draft| {
            draft.check_supervised(key, &UserChange::default())?;
            let user = draft.state.users.get(key).ok_or_else(|| Error::not_found("user", key).at("key"))?;
            if !user.base_role.signs_in() {
                return Err(Error::invalid("a SERVICE signs in by API key alone: it has no password").at("key"));
            }
            draft.accounts.insert(key.clone(), new_password(hash, with_key, draft.now));
            Ok(())
        })
        .await?;
        self.forget_guesses(&tried(caller.tenant(), key)).await;
        Ok(())
    }

    /// Mails a reset link to the user of this tenant with this address, if there is one who may sign in.
    ///
    /// The answer never tells (R29), so nothing is looked up before it: neither what is there nor
    /// how busy the database or the mail server is shows in it or in its time. For the same reason
    /// it is the same when the request is passed over because there are too many.
    ///
    /// # Errors
    /// `BAD_INPUT` for the second guess of a request.
    pub fn password_request_reset(&self, tenant: TenantKey, email: Email, request: RequestInfo) -> Result<()> {
        request.take_guess()?;
        let platform = self.clone();
        let work = async move {
            let Ok(_turn) = platform.parts.resets.take(request.network()).await else {
                platform.parts.failures.note(None, &Failure::new(Failed::LinkRefused, tenant.as_str(), "", &request));
                return;
            };
            if let Err(error) = platform.mail_reset_link(&tenant, &email, &request).await {
                tracing::warn!(%tenant, %error, cause = error.source_text(), "a link to reset a password was not sent");
            }
        };
        self.parts.tasks.spawn(work.in_current_span());
        Ok(())
    }

    async fn mail_reset_link(&self, key: &TenantKey, email: &Email, request: &RequestInfo) -> Result<()> {
        let failure = |kind, user: &str| Failure::new(kind, key.as_str(), user, request);
        let Some(tenant) = self.entrance().tenant_by_key(key).await? else {
            self.parts.failures.note(None, &failure(Failed::LinkAsked, ""));
            return Ok(());
        };
        let found = self.who_may_reset(&tenant, email).await?;
        let name = found.as_ref().map_or("", |user| user.user.key.as_str());
        self.parts.failures.note(Some(tenant.id), &failure(Failed::LinkAsked, name));
        let Some(user) = &found else { return Ok(()) };
        // Looked at before the user is taken, so that requests that come to nothing hold up nobody; and
        // again after, for what has changed by then.
        if !self.link_is_due(&tenant, user).await? {
            return Ok(());
        }
        let Some(counters) = self.count_link(user.user.id, request.network()).await else {
            self.parts.failures.note(Some(tenant.id), &failure(Failed::LinkRefused, name));
            return Ok(());
        };
        let sent = async {
            let mailed = match self.new_reset_link(&tenant, &user.user.key, email, request).await {
                Ok(Some(mail)) => self.parts.mailer.send(mail).await,
                Ok(None) => return Ok(false),
                // It may be stored all the same: the answer to the commit may have got lost.
                Err(error) => Err(error),
            };
            if let Err(error) = mailed {
                // Nobody has it: another one may be asked for.
                self.void_link(&tenant, &user.user.key).await?;
                return Err(error);
            }
            Ok(true)
        };
        let sent = sent.await;
        if !matches!(sent, Ok(true)) {
            self.parts.tallies.give_back(&counters).await;
        }
        sent.map(drop)
    }

    /// Counts a link that this client asks for. Returns what was counted; none where it is one too many.
    async fn count_link(&self, account: Uuid, client: Network) -> Option<Vec<Counter>> {
        let links = Links::new(account, client);
        let daily = links.daily();
        match self.parts.tallies.take(&daily).await {
            Outcome::Counted(_) => return Some(daily),
            Outcome::Full(Links::ACCOUNT) => {}
            Outcome::Full(_) => return None,
        }
        let late = links.late();
        matches!(self.parts.tallies.take(&late).await, Outcome::Counted(_)).then_some(late)
    }

    /// Makes a link, and the mail that carries it.
    async fn new_reset_link(
        &self,
        tenant: &TenantRow,
        user: &UserKey,
        email: &Email,
        request: &RequestInfo,
    ) -> Result<Option<Mail>> {
        let Some(tx) = self.entrance().begin_user(tenant.id, user).await?.map(|(tx, _)| tx) else { return Ok(None) };
        let found = self.who_may_reset(tenant, email).await?.filter(|found| found.user.key == *user);
        let Some(user) = found else { return Ok(None) };
        if !self.link_is_due(tenant, &user).await? {
            return Ok(None);
        }
        // As it is stored: what was typed may be another address that reads the same in lower case.
        let Some(Ok(to)) = user.email.as_deref().map(Email::parse) else { return Ok(None) };
        let token = Token::generate(TokenKind::PasswordReset)?;
        let now = self.now();
        let expires_at = now.plus_seconds(LINK_SECONDS);
        let new = NewPasswordReset { token: token.hash().0, created_at: now, expires_at };
        tx.credentials().put_password_reset(&user.user.key, &new).await?;
        committed(tx).await?;
        let address = request.address().map(|address| address.to_string());
        let link = ResetLink {
            installation: &self.parts.installation,
            token: token.expose(),
            tenant: &tenant.key,
            tenant_name: &tenant.name,
            username: &user.username,
            full_name: &user.full_name,
            email: &to,
            asked_from: address.as_deref(),
            asked_at: now,
            expires_at,
        };
        Ok(Some(link.mail()))
    }

    /// Ends a link that did not reach its user.
    async fn void_link(&self, tenant: &TenantRow, user: &UserKey) -> Result<()> {
        let Some((tx, _)) = self.entrance().begin_user(tenant.id, user).await? else { return Ok(()) };
        tx.credentials().void_password_reset(user).await?;
        committed(tx).await
    }

    /// Finds the user with this address, if they may sign in with a password.
    async fn who_may_reset(&self, tenant: &TenantRow, email: &Email) -> Result<Option<UserRow>> {
        let entrance = self.entrance();
        let found = entrance
            .user_by_email(tenant.id, email)
            .await?
            .filter(|row| row.user.enabled && row.user.base_role.signs_in());
        let Some(row) = found else { return Ok(None) };
        // Who has no password signs in once an admin has set one (R35b looks at who gives it).
        let account = entrance.sign_in(Some(tenant.id), &row.user.key).await?;
        Ok(account.is_some_and(|account| account.password_hash.is_some()).then_some(row))
    }

    /// Returns whether a link may be made for the user: none holds that a new one would void, since a stranger could
    /// ask for one each minute, and none would ever do; and none was made just now.
    async fn link_is_due(&self, tenant: &TenantRow, user: &UserRow) -> Result<bool> {
        let now = self.now();
        let last = self.entrance().last_password_reset(tenant.id, &user.user.key).await?;
        Ok(last.is_none_or(|last| last.expires_at <= now && last.created_at.plus_seconds(BETWEEN_LINKS_SECONDS) <= now))
    }

    /// Sets the password of the user whom the link was mailed to, and ends all of their sessions (R29) and their API
    /// key. Returns the keys of their tenant and of the user.
    pub async fn password_reset(
        &self,
        token: &str,
        password: SecretString,
        request: RequestInfo,
    ) -> Result<(TenantKey, UserKey)> {
        let expired =
            || Error::new(ErrorCode::LinkExpired, "this link is used up or too old: ask for a new one").at("token");
        request.take_guess()?;
        let token = Token::parse(token).filter(|token| token.kind() == TokenKind::PasswordReset);
        let token = token.ok_or_else(expired)?;
        let link = self.live_link(&token).await?.ok_or_else(expired)?;
        let tenant = self.entrance().tenant_by_id(link.tenant).await?.ok_or_else(expired)?;
        let account = self.entrance().sign_in(Some(tenant.id), &link.user).await?;
        let account = account.filter(SignInRow::may_sign_in).ok_or_else(expired)?;
        check_password(&tenant.settings, password.expose_secret())?;
        let hash = self.parts.passwords.hash(password, request.network()).await?;
        let home = TenantRef { id: tenant.id, key: tenant.key };
        let (user, id) = (account.user, account.user_id);
        let caller = Caller::authenticated(home, user, id, account.full_name, Credential::ResetLink, request);
        let (tx, now) = self.entrance().begin_user(tenant.id, caller.user()).await?.ok_or_else(expired)?;
        // Whatever voids a link writes to its user first: of two who use it, one is late, and so is who
        // uses it while its user is disabled.
        self.live_link(&token).await?.filter(|_| now.may_sign_in()).ok_or_else(expired)?;
        self.put_password(&caller, tx, "password.reset", new_password(hash, WithKey::Ended, self.now()), None).await?;
        Ok((caller.home().key.clone(), caller.user().clone()))
    }

    async fn live_link(&self, token: &Token) -> Result<Option<PasswordResetRow>> {
        let found = self.entrance().password_reset_by_token(&token.hash().0).await?;
        Ok(found.filter(|link| link.expires_at > self.now()))
    }

    /// Writes the caller's own new password. It ends the caller's sessions but for `kept`, the API key where
    /// the change says so, and the link that may be under way.
    async fn put_password(
        &self,
        caller: &Caller,
        tx: UserTx,
        action: &'static str,
        change: AccountChange,
        kept: Option<Uuid>,
    ) -> Result<()> {
        let user = caller.user();
        let credentials = tx.credentials();
        credentials.update_account(user, &change).await?;
        credentials.end_sessions(user, kept).await?;
        let is_key_ended = change.ends_api_key && credentials.remove_api_key(user).await?;
        credentials.void_password_reset(user).await?;
        let after = json!({ "accounts": { user.as_str(): change.for_audit(is_key_ended) } });
        self.commit_own(caller, tx, action, Some(after)).await?;
        self.forget_guesses(&tried(caller.home(), user)).await;
        Ok(())
    }
}

async fn committed(tx: UserTx) -> Result<()> {
    tx.commit_unnoted().await.map_err(|(CommitError::Refused(error) | CommitError::Unknown(error))| error)
}

fn tried(tenant: &TenantRef, user: &UserKey) -> LoginKey {
    LoginKey::new(tenant.key.as_str(), user.as_str())
}

fn new_password(hash: String, key: WithKey, now: Timestamp) -> AccountChange {
    AccountChange {
        password_hash: Some(hash),
        last_password_reset_at: Some(now),
        ends_api_key: key == WithKey::Ended,
        ..AccountChange::default()
    }
}
