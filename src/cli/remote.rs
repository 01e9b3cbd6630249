//! A server as the command line reaches it: GraphQL over HTTP with a bearer token.
//!
//! The client is `ureq`, and not the `reqwest` of the tests: that one would bring a second library of cryptography, or
//! ask each of its users to name the one that is there.

use std::io::ErrorKind;
use std::process::ExitCode;
use std::time::Duration;

use crate::domain::key::TenantKey;
use crate::error::{Error, ErrorCode, Result};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use ureq::http::StatusCode;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, RequestBuilder};
use url::Url;

use super::client::without_input;

/// Maximum time of an answer.
const TIMEOUT: Duration = Duration::from_mins(5);
/// Maximum size of an answer, in bytes.
const ANSWER_MAX: u64 = 512 << 20;

/// A server and the credential for it.
pub(super) struct Server {
    agent: Agent,
    url: Url,
    key: SecretString,
}

impl Server {
    /// Makes a client of the server at this address, the installation's own: `https://desk.example`.
    pub(super) fn new(url: &Url, key: SecretString) -> Result<Self> {
        if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
            return Err(Error::invalid(format!("`{url}` is no address of a server")).at("server"));
        }
        let mut url = url.clone();
        let base = format!("{}/", url.path().trim_end_matches('/'));
        url.set_path(&base);
        // The machine's own authorities: a company's server may have a certificate of its own.
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).tls_config(tls);
        Ok(Self { agent: config.build().new_agent(), url, key })
    }

    /// Runs a document, and returns its data.
    pub(super) async fn run(
        &self,
        tenant: Option<&TenantKey>,
        document: &str,
        variables: Value,
    ) -> Result<Map<String, Value>> {
        let url = self.at("graphql")?;
        let request = self.signed(self.agent.post(url.as_str()), tenant).header("Accept", "application/json");
        let body = json!({ "query": document, "variables": variables });
        let answer = blocking(move || {
            let mut response = request.send_json(&body)?;
            Ok((response.status(), response.body_mut().with_config().limit(ANSWER_MAX).read_to_vec()?))
        });
        let (status, body) = answer.await.map_err(|error| self.unreachable(error))?;
        let answer = self.answer(status, &body)?;
        match (answer.errors.into_iter().next(), answer.data) {
            (Some(first), _) => Err(first.into()),
            (None, Some(data)) => Ok(data),
            (None, None) => Err(Error::unavailable("the answer is empty")),
        }
    }

    /// Copies a file of the server to standard output, as it comes.
    pub(super) async fn copy(
        &self,
        tenant: Option<&TenantKey>,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<ExitCode> {
        let mut url = self.at(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.signed(self.agent.get(url.as_str()), tenant);
        let copied = blocking(move || {
            let mut response = request.call()?;
            if response.status() != StatusCode::OK {
                return Ok(Some((
                    response.status(),
                    response.body_mut().with_config().limit(ANSWER_MAX).read_to_vec()?,
                )));
            }
            match std::io::copy(&mut response.body_mut().as_reader(), &mut std::io::stdout().lock()) {
                // The reader has seen enough (`| head`).
                Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
                _ => Ok(None),
            }
        });
        let Some((status, body)) = copied.await.map_err(|error| self.unreachable(error))? else {
            return Ok(ExitCode::SUCCESS);
        };
        let refused = self.answer(status, &body)?.errors.into_iter().next();
        Err(refused.map_or_else(|| Error::unavailable(format!("{} answers {status}", self.url)), Into::into))
    }

    /// Reads an answer of ours, whatever its status.
    fn answer(&self, status: StatusCode, body: &[u8]) -> Result<Answer> {
        serde_json::from_slice(body).map_err(|_| {
            let message = format!("{} answers {status}, and not as we do: is it the server's address?", self.url);
            Error::unavailable(message).at("server")
        })
    }

    /// Returns the request with the caller's credential and their tenant.
    fn signed<B>(&self, request: RequestBuilder<B>, tenant: Option<&TenantKey>) -> RequestBuilder<B> {
        let request = request.header("Authorization", format!("Bearer {}", self.key.expose_secret()));
        match tenant {
            Some(tenant) => request.header("X-Tenant", tenant.as_str()),
            None => request,
        }
    }

    fn at(&self, path: &str) -> Result<Url> {
        self.url.join(path).map_err(Error::internal)
    }

    fn unreachable(&self, error: ureq::Error) -> Error {
        Error::unavailable(format!("{} cannot be reached", self.url)).because(error).at("server")
    }
}

/// Waits for the network off the threads that other work runs on.
async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, ureq::Error> + Send + 'static,
) -> Result<T, ureq::Error> {
    let done = tokio::task::spawn_blocking(call).await;
    done.unwrap_or_else(|error| Err(ureq::Error::Io(std::io::Error::other(error))))
}

/// An answer of GraphQL.
#[derive(Deserialize)]
struct Answer {
    data: Option<Map<String, Value>>,
    #[serde(default)]
    errors: Vec<Refused>,
}

#[derive(Deserialize)]
struct Refused {
    message: String,
    extensions: Extensions,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extensions {
    code: ErrorCode,
    #[serde(default)]
    field: Vec<String>,
    request_id: Option<String>,
}

impl From<Refused> for Error {
    fn from(Refused { message, extensions }: Refused) -> Self {
        let Extensions { code, field, request_id } = extensions;
        let error = without_input(field.into_iter().rev().fold(Self::new(code, message), Self::at));
        match request_id {
            // Only the server's log says more.
            Some(id) if code == ErrorCode::Internal => error.because(format!("the server's log has it under `{id}`")),
            _ => error,
        }
    }
}
