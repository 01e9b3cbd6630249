//! The way from a command to its answers: as a client of a server, or directly on the database, as the program itself.
//! Both run the same GraphQL documents through the same schema, so a command is written once and says the same either
//! way.

use crate::app::App;
use crate::domain::key::TenantKey;
use crate::error::{Error, ErrorCode, Result};
use crate::graphql::{self, Schema};
use async_graphql::{Request, Variables};
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use url::Url;

use super::remote::Server;

/// Number of things of a list that are asked for at once: as many as the contract allows.
const PAGE: usize = 100;

/// The side that a command asks.
pub(super) enum Client {
    /// A server, with the rights of the caller.
    Server(Server),
    /// The database, with all rights of the command line.
    Database(Box<Database>),
}

/// The use cases in this process.
pub(super) struct Database {
    /// The instance.
    pub(super) app: App,
    schema: Schema,
}

impl Client {
    /// Makes a client of a server.
    pub(super) fn server(url: &Url, key: Option<SecretString>) -> Result<Self> {
        let unset = || Error::invalid("set BAILIWICK_API_KEY to an API key, or to the token of a session");
        Ok(Self::Server(Server::new(url, key.ok_or_else(unset)?)?))
    }

    /// Makes a client on the database of this instance.
    pub(super) fn database(app: App) -> Self {
        let schema = graphql::build(app.platform().clone()).finish();
        Self::Database(Box::new(Database { app, schema }))
    }

    /// Returns the instance, for a command that needs the database itself.
    pub(super) fn app(&self, command: &str) -> Result<&App> {
        match self {
            Self::Database(database) => Ok(&database.app),
            Self::Server(_) => {
                let message = format!("`{command}` works on the database itself: run it without `--server`");
                Err(Error::invalid(message).at("server"))
            }
        }
    }

    /// Runs a document and returns the value of its one field.
    pub(super) async fn ask(&self, tenant: Option<&TenantKey>, document: &str, variables: Value) -> Result<Value> {
        let data = match self {
            Self::Server(server) => server.run(tenant, document, variables).await?,
            Self::Database(database) => database.run(tenant, document, variables).await?,
        };
        only_field(data)
    }

    /// Runs a document and returns the payload of its one mutation, or the first of its user errors.
    pub(super) async fn change(&self, tenant: Option<&TenantKey>, document: &str, input: Value) -> Result<Value> {
        let payload = self.ask(tenant, document, json!({ "input": input })).await?;
        typed::<Payload>(payload.clone())?.accepted().map(|()| payload)
    }

    /// Returns the first `limit` things of a list, or all, and `true` if there are more. The document takes `$first`
    /// and `$after`, and its one field is a connection with `nodes` and `pageInfo`, or holds nothing else.
    pub(super) async fn list(
        &self,
        tenant: Option<&TenantKey>,
        document: &str,
        mut variables: Map<String, Value>,
        limit: Option<usize>,
    ) -> Result<(Vec<Value>, bool)> {
        let mut nodes = Vec::new();
        loop {
            let wanted = limit.map_or(PAGE, |limit| PAGE.min(limit.saturating_sub(nodes.len())));
            variables.insert("first".to_owned(), wanted.into());
            let answer = self.ask(tenant, document, Value::Object(variables.clone())).await?;
            let page: Connection = typed(connection(answer)?)?;
            nodes.extend(page.nodes);
            let has_more = page.page_info.has_next_page;
            if !has_more || limit.is_some_and(|limit| nodes.len() >= limit) {
                return Ok((nodes, has_more));
            }
            variables.insert("after".to_owned(), page.page_info.end_cursor.into());
        }
    }
}

impl Database {
    async fn run(&self, tenant: Option<&TenantKey>, document: &str, variables: Value) -> Result<Map<String, Value>> {
        let caller = super::caller_in(&self.app, &super::named(tenant)?).await?;
        let mut request = Request::new(document).variables(Variables::from_json(variables));
        request.data = graphql::request_data(self.app.platform(), Some(caller));
        let answer = self.schema.execute(request).await;
        if let Some(first) = answer.errors.first() {
            let own = first.source::<Error>().cloned();
            return Err(without_input(own.unwrap_or_else(|| Error::bad_input(first.message.clone()))));
        }
        match answer.data.into_json().map_err(Error::internal)? {
            Value::Object(data) => Ok(data),
            other => Err(Error::internal(format!("an answer that is no object: {other}"))),
        }
    }
}

/// The part that all payloads of the contract have.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload {
    pub(super) user_errors: Vec<UserError>,
}

impl Payload {
    /// Returns the first of its errors, if it has any.
    pub(super) fn accepted(self) -> Result<()> {
        self.user_errors.into_iter().next().map_or(Ok(()), |first| Err(first.into()))
    }
}

/// A connection of the contract.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    nodes: Vec<Value>,
    page_info: PageInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

/// A fault in the input of a mutation.
#[derive(Deserialize)]
pub(super) struct UserError {
    code: ErrorCode,
    pub(super) message: String,
    field: Option<Vec<String>>,
    pub(super) count: Option<u64>,
}

impl From<UserError> for Error {
    fn from(UserError { code, message, field, .. }: UserError) -> Self {
        without_input(field.into_iter().flatten().rev().fold(Self::new(code, message), Self::at))
    }
}

/// Returns the error with the field as people know it: on a command line there is no `input`.
pub(super) fn without_input(mut error: Error) -> Error {
    if error.field.first().is_some_and(|first| first == "input") {
        error.field.remove(0);
    }
    error
}

/// Reads an answer as the command's own type.
pub(super) fn typed<T: DeserializeOwned>(answer: Value) -> Result<T> {
    serde_json::from_value(answer).map_err(|error| Error::unavailable("the answer is not understood").because(error))
}

/// Finds the connection in an answer: the answer itself, or the one field of the object around it.
fn connection(answer: Value) -> Result<Value> {
    match answer {
        Value::Object(fields) if !fields.contains_key("nodes") => only_field(fields).and_then(connection),
        other => Ok(other),
    }
}

fn only_field(data: Map<String, Value>) -> Result<Value> {
    data.into_iter().next().map(|(_, value)| value).ok_or_else(|| Error::unavailable("the answer is empty"))
}
