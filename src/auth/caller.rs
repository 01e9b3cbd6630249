//! The caller of a use case. Only this module can make one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use uuid::Uuid;

use super::address::{ClientAddress, Network};
use crate::domain::key::{TenantId, TenantKey, UserKey};
use crate::error::{Error, ErrorCode, Result};

/// The credential by which a caller has proved their identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A session of a person, by its id.
    Session(Uuid),
    /// An API key.
    ApiKey,
    /// A link from a mail: it sets a new password, and nothing else.
    ResetLink,
    /// The command line on the machine itself.
    System,
}

/// A tenant, under the id that the database uses and the key that rules use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRef {
    /// The internal id.
    pub id: TenantId,
    /// The key: the domain of the tenant's rules.
    pub key: TenantKey,
}

/// A caller: their user, their tenant and their credential. Every use case asks for one, first.
#[derive(Debug, Clone)]
pub struct Caller {
    home: TenantRef,
    acting: TenantRef,
    user: UserKey,
    user_id: Uuid,
    name: String,
    credential: Credential,
    request: RequestInfo,
}

/// The one guess at a secret that a request can hold: a sign-in, a password, a link. However many operations a request
/// carries, and under however many aliases, they share it.
#[derive(Debug, Clone, Default)]
pub struct OneGuess(Arc<AtomicBool>);

/// A request, with what is known of its client. The transport makes one for each.
#[derive(Debug, Clone)]
pub struct RequestInfo {
    id: Option<String>,
    address: Option<ClientAddress>,
    guess: OneGuess,
}

impl RequestInfo {
    /// Makes a request of this id, from this address.
    pub fn new(id: String, address: ClientAddress, guess: OneGuess) -> Self {
        Self { id: Some(id), address: Some(address), guess }
    }

    /// Makes the request of the command line on the machine itself: no id and no address.
    fn none() -> Self {
        Self { id: None, address: None, guess: OneGuess::default() }
    }

    /// Returns the id that the caller sent or that we made.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns the address that the request came from; `None` on the command line.
    pub const fn address(&self) -> Option<ClientAddress> {
        self.address
    }

    /// Returns the network that the request counts for.
    pub fn network(&self) -> Network {
        self.address.unwrap_or(ClientAddress::UNKNOWN).network()
    }

    /// Takes the one guess of the request.
    ///
    /// # Errors
    /// `BAD_INPUT` when it is taken already.
    pub fn take_guess(&self) -> Result<()> {
        if self.guess.0.swap(true, Ordering::Relaxed) {
            let one = "one request holds one sign-in, change of a password or reset: send the others by themselves";
            return Err(Error::bad_input(one));
        }
        Ok(())
    }
}

impl Caller {
    /// Makes a caller whose credential has been checked, in their own tenant.
    pub fn authenticated(
        home: TenantRef,
        user: UserKey,
        user_id: Uuid,
        name: String,
        credential: Credential,
        request: RequestInfo,
    ) -> Self {
        Self { acting: home.clone(), home, user, user_id, name, credential, request }
    }

    /// Makes the command line on the machine itself a caller, acting in a tenant: anyone who can reach the database
    /// file or its password can do anything already.
    pub fn system(platform: TenantRef, acting: TenantRef) -> Result<Self> {
        Ok(Self {
            home: platform,
            acting,
            user: UserKey::parse("system")?,
            user_id: Uuid::nil(),
            name: "command line".to_owned(),
            credential: Credential::System,
            request: RequestInfo::none(),
        })
    }

    /// Returns the caller, acting in the tenant that they named. Only callers whose home is the platform can be
    /// operators; the platform's rules decide with each use case whether they may act there.
    pub fn acting_in(mut self, tenant: TenantRef) -> Result<Self> {
        if !self.home.key.is_platform() {
            return Err(Error::new(ErrorCode::Forbidden, "only operators name a tenant").at("X-Tenant"));
        }
        self.acting = tenant;
        Ok(self)
    }

    /// Returns the tenant in which the caller acts.
    pub const fn tenant(&self) -> &TenantRef {
        &self.acting
    }

    /// Returns the tenant in which the caller's account is.
    pub const fn home(&self) -> &TenantRef {
        &self.home
    }

    /// Returns the caller's key in their home tenant.
    pub const fn user(&self) -> &UserKey {
        &self.user
    }

    /// Returns the caller's internal id.
    pub const fn user_id(&self) -> Uuid {
        self.user_id
    }

    /// Returns the caller's name, for logs of changes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the credential by which the caller has proved their identity.
    pub const fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Returns the request that the caller makes.
    pub const fn request(&self) -> &RequestInfo {
        &self.request
    }

    /// Returns `true` if the caller is the command line.
    pub fn is_system(&self) -> bool {
        self.credential == Credential::System
    }

    /// Returns `true` if the caller acts in a tenant that is not their own.
    pub fn is_visiting(&self) -> bool {
        self.home.id != self.acting.id
    }
}
