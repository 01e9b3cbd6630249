//! API keys (R30): at most one per user, made and removed by the user or by others with the permission.

use std::sync::Arc;

use secrecy::SecretString;

use crate::auth::caller::{Caller, Credential};
use crate::auth::token::{Token, TokenKind};
use crate::domain::key::UserKey;
use crate::error::{Error, ErrorCode, Result};
use crate::service::Platform;
use crate::service::access::credential::{account_intent, needs_session};
use crate::service::access::escalation::Grantor;
use crate::service::access::permit::{Permit, subject_of, unauthenticated};
use crate::service::access::throttle::{LoginKey, Sought};
use crate::service::change::state_cache::LoadedState;
use crate::service::change::{ChangeContext, visited_from};
use crate::service::runtime::pace::Own;
use crate::store::session::{ApiKeyRow, NewApiKey};
use crate::store::{Credentials, Tx, UserTx};

/// Seconds after sign-in during which users can make an API key without giving their password.
const FRESH_SECONDS: i64 = 600;

/// New API key.
pub struct IssuedKey {
    /// Bearer token, shown only this once.
    pub token: Token,
    /// Stored part of the key: its prefix and its times.
    pub key: ApiKeyRow,
}

/// Transaction that changes an API key: it locks the user for their own key, and the tenant for the key of another
/// user, because the tenant's rules decide who may change that one.
enum Taken {
    Own(UserTx),
    Others(Box<Tx>, UserKey),
}

impl Taken {
    fn credentials(&self) -> Credentials<'_> {
        match self {
            Self::Own(tx) => tx.credentials(),
            Self::Others(tx, _) => tx.credentials(),
        }
    }

    fn user<'a>(&'a self, caller: &'a Caller) -> &'a UserKey {
        match self {
            Self::Own(_) => caller.user(),
            Self::Others(_, user) => user,
        }
    }
}

/// Returns `true` if `user` is the caller, or absent, so that the key is the caller's own.
fn is_own(caller: &Caller, user: Option<&UserKey>) -> bool {
    !caller.is_visiting() && !caller.is_system() && user.is_none_or(|user| user == caller.user())
}

impl Platform {
    /// Makes a new API key for the caller, or for another user; the old key stops working at once. Callers whose
    /// sign-in is more than ten minutes old give their password again, because a key outlives a session that was left
    /// open.
    pub async fn api_key_generate(
        &self,
        caller: &Caller,
        user: Option<&UserKey>,
        password: Option<SecretString>,
    ) -> Result<IssuedKey> {
        self.check_present(caller, password).await?;
        if is_own(caller, user) {
            self.pace_own_change(caller, Own::Key).await?;
        }
        let taken = self.begin_api_key(caller, user).await?;
        let token = Token::generate(TokenKind::ApiKey)?;
        let now = self.now();
        let key = ApiKeyRow { prefix: token.shown_prefix(), created_at: now, last_used_at: None };
        let new = NewApiKey { token: token.hash().0, prefix: key.prefix.clone(), created_at: now };
        taken.credentials().put_api_key(taken.user(caller), &new).await?;
        self.commit_api_key(caller, taken, "apiKey.generate").await?;
        Ok(IssuedKey { token, key })
    }

    /// Removes an API key, which stops working at once, everywhere.
    pub async fn api_key_remove(&self, caller: &Caller, user: Option<&UserKey>) -> Result<UserKey> {
        let taken = self.begin_api_key(caller, user).await?;
        let user = taken.user(caller).clone();
        if !taken.credentials().remove_api_key(&user).await? {
            return Err(Error::not_found("API key of user", &user).at("user"));
        }
        self.commit_api_key(caller, taken, "apiKey.remove").await?;
        Ok(user)
    }

    /// Refuses callers whose session is no longer fresh, unless they give their own password: the person at the screen
    /// may be another one by now.
    async fn check_present(&self, caller: &Caller, password: Option<SecretString>) -> Result<()> {
        // API keys are refused later; the command line has no password to ask for.
        let Credential::Session(session) = *caller.credential() else { return Ok(()) };
        let (home, user) = (caller.home(), caller.user());
        let oneself = self.oneself(caller);
        let began = oneself.session_began(session).await?.ok_or_else(unauthenticated)?;
        if self.now() < began.plus_seconds(FRESH_SECONDS) {
            return Ok(());
        }
        let wrong = |message: &str| Error::new(ErrorCode::WrongPassword, message).at("password");
        let minutes = FRESH_SECONDS / 60;
        let asked = format!("you signed in more than {minutes} minutes ago: give your own password to make an API key");
        let password = password.ok_or_else(|| wrong(&asked))?;
        let sought = async {
            let stored = oneself.sign_in().await?.ok_or_else(unauthenticated)?.password_hash;
            Ok(Sought { tenant: Some(home.id), stored, found: () })
        };
        let tried = LoginKey::new(home.key.as_str(), user.as_str());
        let (fits, ()) = self.guess(tried, caller.request(), password, sought).await?;
        if fits { Ok(()) } else { Err(wrong("this is not your password")) }
    }

    /// Begins a change of an API key. Requires a session, so that a stolen API key cannot be used to change
    /// credentials.
    async fn begin_api_key(&self, caller: &Caller, user: Option<&UserKey>) -> Result<Taken> {
        let own = match *caller.credential() {
            Credential::Session(session) => is_own(caller, user).then_some(session),
            _ if caller.is_system() => None,
            _ => return Err(needs_session()),
        };
        if let Some(session) = own {
            return Ok(Taken::Own(self.begin_own(caller, session).await?.0));
        }
        let user = user.cloned().ok_or_else(|| Error::invalid("name the user of this tenant").at("user"))?;
        let (tenant, tx) = self.begin(caller, Permit::API_KEYS_EDIT).await?;
        let LoadedState { state, is_followed, .. } = self.find_state(&tx).await?;
        let found = state.users.get(&user).ok_or_else(|| Error::not_found("user", &user).at("user"))?;
        if !caller.is_system() {
            let (stored, subject) = (Arc::clone(&tenant.policy()), subject_of(caller));
            // Rights that another program may have compiled are not compared with those that this one compiles.
            let policy = if is_followed { stored } else { Arc::new(self.compiled_policy(&stored, &state)?) };
            Grantor { policy: &policy, subject: &subject, catalogue: &self.parts.catalogue }
                .check_takes_over(&state, found)?;
        }
        Ok(Taken::Others(Box::new(tx), user))
    }

    async fn commit_api_key(&self, caller: &Caller, taken: Taken, action: &'static str) -> Result<()> {
        let (mut tx, user) = match taken {
            Taken::Own(tx) => return self.commit_own(caller, tx, action, None).await,
            Taken::Others(tx, user) => (*tx, user),
        };
        let record = ChangeContext::new(caller, &account_intent(action, &user), self.now());
        tx.audit(&record.event(None, None, None)).await?;
        tx.bump(record.change_id, false, true).await?;
        self.commit(tx, record, None, visited_from(caller)).await.map(drop)
    }
}
