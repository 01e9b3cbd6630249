//! The configuration of an instance: its settings, and the catalogue.
//!
//! Settings come in three layers, each over the one before: the built-in defaults
//! (`defaults.toml`, which explains them all), a file, and the environment.

pub mod catalogue;
mod fault;
pub mod kubernetes;
mod layer;
#[cfg(test)]
mod tests;
mod value;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use lettre::message::Mailbox;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use layer::Layers;
pub use value::{Count, LogFormat, Seconds, SecretUrl};

const DEFAULTS: &str = include_str!("config/defaults.toml");
/// The file that is read when no other is named, if it exists.
const DEFAULT_FILE: &str = "bailiwick.toml";

/// The settings of an instance, checked. `config/defaults.toml` explains each.
///
/// Secrets are wrapped, and so are the URLs that can hold one: `Debug` shows `[redacted]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The address and port to listen on.
    pub listen: SocketAddr,
    /// The database: `sqlite:` or `postgres:`.
    #[serde(deserialize_with = "value::database_url")]
    pub database_url: SecretUrl,
    /// Maximum number of connections to the database.
    pub database_connections: Count<2>,
    /// Maximum time of a statement.
    pub database_statement_seconds: Seconds<3600>,
    /// Maximum time that a change can hold its tenant without asking the database for anything.
    pub database_idle_seconds: Seconds<3600>,
    /// Maximum time of a change as a whole.
    pub database_transaction_seconds: Seconds<86400>,
    /// Number of statements that a connection keeps prepared; 0 for a pooler that assigns connections per transaction.
    pub database_statement_cache: Count<0>,
    /// Number of seconds that a start waits for a database that is away.
    pub start_wait_seconds: Count<0>,
    /// Redis; if unset, the bus is in the process.
    #[serde(default, deserialize_with = "value::redis_url")]
    pub redis_url: Option<SecretUrl>,
    /// The address for links and metadata; if unset, it follows from `listen`.
    #[serde(default, deserialize_with = "value::public_url")]
    pub public_url: Option<Url>,
    /// The networks of the proxies that are trusted to name a request's client; none if unset.
    #[serde(default, deserialize_with = "value::networks")]
    pub trusted_proxies: Option<Vec<IpNet>>,
    /// The types of `AuthZEN` subjects that stand for users, beside `user`; none without it.
    #[serde(default, deserialize_with = "value::names")]
    pub authzen_subject_types: Option<Vec<String>>,
    /// A catalogue file instead of the built-in one.
    pub catalogue: Option<PathBuf>,
    /// A model file instead of the built-in one.
    pub model: Option<PathBuf>,
    /// The operator's first password; if unset, one is made and printed once.
    pub operator_password: Option<SecretString>,
    /// The mail server; if unset, mails are files in `mail_dir`.
    #[serde(default, deserialize_with = "value::smtp_url")]
    pub smtp_url: Option<SecretUrl>,
    /// The folder for mails while there is no mail server.
    pub mail_dir: PathBuf,
    /// The sender of mails.
    #[serde(deserialize_with = "value::mailbox")]
    pub mail_from: Mailbox,
    /// Interval at which counters are compared with the database's.
    pub sweep_seconds: Seconds<3600>,
    /// Maximum age of a snapshot while the database is away; if unset, no age is too old.
    pub max_staleness_seconds: Option<Seconds<{ u32::MAX }>>,
    /// Maximum difference between the clock and the database's.
    pub clock_skew_max_seconds: Seconds<86400>,
    /// Maximum number of tenants in memory.
    pub tenants_in_memory: Count<1>,
    /// Maximum number of rules that the tenants in memory have together.
    pub rules_in_memory: Count<1>,
    /// Maximum number of users, profiles, custom roles, groups and resources that are in memory for changes.
    pub state_in_memory: Count<0>,
    /// Number of days for which revisions are kept; for good if unset.
    pub revisions_kept_days: Option<Count<1>>,
    /// Number of decisions of which casbin's Enforcer makes one again; 0 for none.
    pub shadow_one_in: Count<0>,
    /// `true` if a browser that opens `/graphql` gets the `GraphiQL` page.
    pub graphiql: bool,
    /// `true` if clients can ask for the GraphQL schema.
    pub introspection: bool,
    /// Maximum number of open connections.
    pub connections_max: Count<1>,
    /// Maximum number of them from one address.
    pub connections_per_address: Count<1>,
    /// Maximum time that the head of a request takes to arrive.
    pub header_seconds: Seconds<3600>,
    /// Maximum time that a connection stays open without a request.
    pub idle_seconds: Seconds<3600>,
    /// Maximum time for which a reader takes nothing of an answer.
    pub write_seconds: Seconds<3600>,
    /// Number of seconds for which an instance that is told to stop goes on serving, and reports that it is not ready.
    pub drain_seconds: Count<0>,
    /// The address and port at which metrics are served; nowhere if unset.
    pub metrics_listen: Option<SocketAddr>,
    /// The filter of the log, in the form of tracing's `EnvFilter`, which has accepted it.
    #[serde(deserialize_with = "value::log")]
    pub log: String,
    /// The form of the log.
    pub log_format: LogFormat,
}

/// Reasons to refuse the settings. No message holds a setting's value: it can be a secret.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The settings file cannot be read.
    #[error("the settings file {} cannot be read: {cause}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The cause.
        cause: std::io::Error,
    },
    /// The settings file is not TOML.
    #[error("{file}:{line}: {fault}")]
    Syntax {
        /// The file.
        file: String,
        /// The line of the fault, from 1.
        line: usize,
        /// The fault in the line.
        fault: String,
    },
    /// There is no such setting.
    #[error("unknown setting {setting}: the settings are {known}")]
    Unknown {
        /// The setting, under its name in the place where it was set.
        setting: String,
        /// All settings that exist.
        known: String,
    },
    /// A setting has a wrong value.
    #[error("wrong setting {setting}: {fault}")]
    Wrong {
        /// The setting, under its name in the place where it was set.
        setting: String,
        /// The fault in the value.
        fault: String,
    },
}

impl Settings {
    /// Returns the address by which people reach the installation: `public_url`, or the address that it listens on.
    pub fn installation(&self) -> Result<Url, SettingsError> {
        let listens = || Url::parse(&format!("http://{}", self.listen));
        self.public_url.clone().map_or_else(listens, Ok).map_err(|_| SettingsError::Wrong {
            setting: "listen".to_owned(),
            fault: "no link can be made from it: set `public_url`".to_owned(),
        })
    }

    /// Reads the settings: the defaults, then `file` (or `bailiwick.toml` in the working folder, if it exists), then
    /// the variables of `env` whose names begin with `BAILIWICK_`.
    pub fn load(file: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let mut layers = Layers::default();
        layers.add_toml("the built-in defaults", DEFAULTS)?;
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        match std::fs::read_to_string(path) {
            Ok(text) => layers.add_toml(&path.display().to_string(), &text)?,
            Err(cause) if file.is_none() && cause.kind() == std::io::ErrorKind::NotFound => {}
            Err(cause) => return Err(SettingsError::Unreadable { file: path.to_owned(), cause }),
        }
        layers.add_environment(env);
        layers.extract()
    }
}
