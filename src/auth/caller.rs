//! The caller of a use case. Only this module can make one.

use uuid::Uuid;

use crate::domain::key::{TenantId, TenantKey, UserKey};
use crate::error::{Error, ErrorCode, Result};

/// By what a caller has proved who it is.
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

/// A tenant, by what the database knows it by and by what rules do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRef {
    /// Internal id.
    pub id: TenantId,
    /// The key: the domain of its rules.
    pub key: TenantKey,
}

/// Who calls, in which tenant, by what credential. Every use case asks for one, first.
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

/// What the audit log keeps of the request.
#[derive(Debug, Clone, Default)]
pub struct RequestInfo {
    /// The id that the caller gave or that we made.
    pub id: Option<String>,
    /// The address that the request came from.
    pub address: Option<String>,
}

impl Caller {
    /// A caller whose credential has been checked, in its own tenant.
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

    /// The command line on the machine itself, acting in a tenant: whoever can reach the
    /// database file or its password can do anything already.
    pub fn system(platform: TenantRef, acting: TenantRef) -> Result<Self> {
        Ok(Self {
            home: platform,
            acting,
            user: UserKey::parse("system")?,
            user_id: Uuid::nil(),
            name: "command line".to_owned(),
            credential: Credential::System,
            request: RequestInfo::default(),
        })
    }

    /// The same caller, acting in the tenant that it named. Only a caller whose home is the
    /// platform can be an operator; whether it may act there is a question to the platform's
    /// rules, asked with each use case.
    pub fn acting_in(mut self, tenant: TenantRef) -> Result<Self> {
        if !self.home.key.is_platform() {
            return Err(Error::new(ErrorCode::Forbidden, "only operators name a tenant").at("X-Tenant"));
        }
        self.acting = tenant;
        Ok(self)
    }

    /// The tenant in which the caller acts.
    pub const fn tenant(&self) -> &TenantRef {
        &self.acting
    }

    /// The tenant in which the caller's account is.
    pub const fn home(&self) -> &TenantRef {
        &self.home
    }

    /// The caller's key in its home tenant.
    pub const fn user(&self) -> &UserKey {
        &self.user
    }

    /// The caller's internal id.
    pub const fn user_id(&self) -> Uuid {
        self.user_id
    }

    /// The caller's name, for logs of changes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// By what the caller has proved who it is.
    pub const fn credential(&self) -> &Credential {
        &self.credential
    }

    /// What the audit log keeps of the request.
    pub const fn request(&self) -> &RequestInfo {
        &self.request
    }

    /// Whether this is the command line.
    pub fn is_system(&self) -> bool {
        self.credential == Credential::System
    }

    /// Whether the caller acts in a tenant that is not its own.
    pub fn is_visiting(&self) -> bool {
        self.home.id != self.acting.id
    }
}
