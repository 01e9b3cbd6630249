//! Authentication at the door: the credentials that a request carries, and the gate that turns them into the data its
//! operation runs with. The gate itself is made where authentication is.

use std::any::TypeId;
use std::fmt;

use async_graphql::Data;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName};
use uuid::Uuid;

use super::RequestContext;
use crate::error::{Error, ErrorCode, Result};

/// The header by which an operator names a tenant.
const TENANT: HeaderName = HeaderName::from_static("x-tenant");

/// Lets operations in, or refuses them.
pub trait Gate: Clone + Send + Sync + 'static {
    /// Returns the data that the operation of a caller with these `credentials` runs with: its caller, its loaders.
    /// No credentials are not yet a refusal; some operations need none.
    ///
    /// It is asked once for each operation, also for each of a batch, and on a WebSocket again
    /// before each event of a subscription, whenever [`Gate::changed`] says so and now and then, so
    /// that a removed key ends them. So it must be cheap, and leave no trace.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `FORBIDDEN`, `BAD_INPUT`, `RATE_LIMITED`, `UNAVAILABLE` or
    /// `INTERNAL`; the transport answers with the status of the code.
    fn admit(&self, credentials: &Credentials, context: &RequestContext) -> impl Future<Output = Result<Data>> + Send;

    /// Waits until the gate may no longer admit these `credentials`, which it has just admitted.
    fn changed(&self, credentials: &Credentials) -> impl Future<Output = ()> + Send;
}

/// The tenant in which an admitted caller acts. A gate puts it into the data of a caller who has signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActingIn(pub Uuid);

impl ActingIn {
    /// Returns the tenant out of the data of an admitted operation; none for a caller who has not signed in.
    pub(super) fn of(data: &Data) -> Option<Self> {
        data.get(&TypeId::of::<Self>())?.downcast_ref().copied()
    }
}

/// Credentials of a request, unchecked.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The token of `Authorization: Bearer TOKEN`.
    pub bearer: Option<String>,
    /// The tenant's key in `X-Tenant`.
    pub tenant_header: Option<String>,
}

/// Never shows the token.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("bearer", &self.bearer.as_ref().map(|_| "…"))
            .field("tenant_header", &self.tenant_header)
            .finish()
    }
}

impl Credentials {
    /// Reads the credentials in a request's headers.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for an `Authorization` of another kind, `BAD_INPUT` for an unreadable
    /// `X-Tenant`: what cannot be understood is refused, never passed over.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self> {
        let authorization = only(headers, &AUTHORIZATION).map_err(|()| not_bearer())?;
        let tenant = only(headers, &TENANT).map_err(|()| bad_tenant())?;
        Self::parse(authorization, tenant)
    }

    /// Reads the credentials from the values of the two headers.
    ///
    /// # Errors
    /// As [`Credentials::from_headers`].
    pub fn parse(authorization: Option<&str>, tenant: Option<&str>) -> Result<Self> {
        let bearer = authorization.map(|value| token(value).ok_or_else(not_bearer)).transpose()?;
        if tenant.is_some_and(str::is_empty) {
            return Err(bad_tenant());
        }
        Ok(Self { bearer: bearer.map(str::to_owned), tenant_header: tenant.map(str::to_owned) })
    }

    /// Checks that there is a bearer token. Whether it holds, the gate says.
    pub(super) fn require(&self) -> Result<()> {
        self.require_for("")
    }

    /// Checks that there is a bearer token, for something (`what`) that only signed-in callers may do.
    pub(super) fn require_for(&self, what: &str) -> Result<()> {
        let missing = || {
            let message = format!("sign in first{what}: send `Authorization: Bearer TOKEN`");
            Error::new(ErrorCode::Unauthenticated, message)
        };
        self.bearer.as_ref().map(drop).ok_or_else(missing)
    }
}

/// Returns the one text value of a header: none when it is absent, an error when there are several.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

/// Returns the token of a `Bearer` credential, in the alphabet that RFC 6750 gives it.
fn token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    let token = token.trim_matches(' ');
    let well_formed = scheme.eq_ignore_ascii_case("bearer")
        && !token.is_empty()
        && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
    well_formed.then_some(token)
}

fn not_bearer() -> Error {
    Error::new(ErrorCode::Unauthenticated, "the `Authorization` header must be `Bearer TOKEN`")
}

fn bad_tenant() -> Error {
    Error::bad_input("the `X-Tenant` header must be the key of one tenant")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_bearer_token_is_read_whatever_the_case_of_its_scheme() {
        for value in ["Bearer abc.DEF-1", "bearer abc.DEF-1", "BEARER  abc.DEF-1"] {
            let credentials = Credentials::parse(Some(value), None).unwrap();
            assert_eq!(credentials.bearer.as_deref(), Some("abc.DEF-1"), "{value}");
        }
    }

    #[test]
    fn any_other_authorization_is_refused() {
        for value in ["", "Bearer", "Bearer ", "Basic dTpw", "abc", "Bearer a b", "Bearer é"] {
            let refused = Credentials::parse(Some(value), None).unwrap_err();
            assert_eq!(refused.code, ErrorCode::Unauthenticated, "{value}");
        }
    }

    #[test]
    fn a_header_that_comes_twice_is_refused() {
        let mut headers = HeaderMap::new();
        headers.append(TENANT, HeaderValue::from_static("acme"));
        assert_eq!(Credentials::from_headers(&headers).unwrap().tenant_header.as_deref(), Some("acme"));
        headers.append(TENANT, HeaderValue::from_static("globex"));
        assert_eq!(Credentials::from_headers(&headers).unwrap_err().code, ErrorCode::BadInput);
    }

    #[test]
    fn a_token_is_never_printed() {
        let credentials = Credentials::parse(Some("Bearer hush"), None).unwrap();
        assert!(!format!("{credentials:?}").contains("hush"));
    }
}
