//! The messages of `graphql-transport-ws`, as they are written.

use async_graphql::ServerError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::http::Credentials;
use crate::http::errors::Body;
use crate::http::operation::Parameters;

/// Message of a client.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", expecting = "an object with `type`")]
pub(super) enum FromClient {
    ConnectionInit { payload: Option<Map<String, Value>> },
    Subscribe { id: String, payload: Parameters },
    Complete { id: String },
    Ping { payload: Option<Map<String, Value>> },
    Pong {},
}

/// Message of the server.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ToClient<'a> {
    ConnectionAck,
    Next {
        id: &'a str,
        payload: Body<'a>,
    },
    Error {
        id: &'a str,
        payload: &'a [ServerError],
    },
    Complete {
        id: &'a str,
    },
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Map<String, Value>>,
    },
}

/// Returns the credentials in the payload of `connection_init`, under the names of the headers, for browsers, which
/// cannot set headers; those of the upgrade request where it has none.
pub(super) fn credentials(payload: &Map<String, Value>, upgrade: &Credentials) -> Result<Credentials> {
    let said = Credentials::parse(field(payload, "Authorization")?, field(payload, "X-Tenant")?)?;
    Ok(Credentials {
        bearer: said.bearer.or_else(|| upgrade.bearer.clone()),
        tenant_header: said.tenant_header.or_else(|| upgrade.tenant_header.clone()),
    })
}

fn field<'a>(payload: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>> {
    match payload.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::bad_input(format!("`{name}` in `connection_init` must be text"))),
    }
}
