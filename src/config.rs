//! What an instance is told from outside: its settings, and the catalogue.
//!
//! Settings come in three layers, each over the one before: the built-in defaults
//! (`defaults.toml`, which explains them all), a file, and the environment.

pub mod catalogue;
pub mod kubernetes;
mod layer;
#[cfg(test)]
mod tests;
mod value;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::Figment;
use ipnet::IpNet;
use lettre::message::Mailbox;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use layer::Layer;
pub use value::{Count, LogFormat, Seconds, SecretUrl};

const DEFAULTS: &str = include_str!("config/defaults.toml");
/// The file that is read when no other is named, if it is there.
const DEFAULT_FILE: &str = "bailiwick.toml";

/// The settings of an instance, checked. `config/defaults.toml` explains each.
///
/// Secrets are wrapped, and so are the URLs that may hold one: `Debug` shows `[redacted]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The database: `sqlite:` or `postgres:`.
    #[serde(deserialize_with = "value::database_url")]
    pub database_url: SecretUrl,
    /// How many connections to the database there are at the most.
    pub database_connections: Count<2>,
    /// How long a statement may take.
    pub database_statement_seconds: Seconds<3600>,
    /// How long a change may hold its tenant without asking the database for anything.
    pub database_idle_seconds: Seconds<3600>,
    /// How long a change may take as a whole.
    pub database_transaction_seconds: Seconds<86400>,
    /// How many statements a connection keeps prepared; with 0, a pooler may give connections by the
    /// transaction.
    pub database_statement_cache: Count<0>,
    /// For how many seconds a start waits for a database that is away.
    pub start_wait_seconds: Count<0>,
    /// Redis; without it, the bus is in the process.
    #[serde(default, deserialize_with = "value::redis_url")]
    pub redis_url: Option<SecretUrl>,
    /// The address for links and metadata; without it, it follows from `listen`.
    #[serde(default, deserialize_with = "value::public_url")]
    pub public_url: Option<Url>,
    /// The networks of proxies that are believed when they say whose a request is; none without it.
    #[serde(default, deserialize_with = "value::networks")]
    pub trusted_proxies: Option<Vec<IpNet>>,
    /// The types of `AuthZEN` subjects that stand for users, beside `user`; none without it.
    #[serde(default, deserialize_with = "value::names")]
    pub authzen_subject_types: Option<Vec<String>>,
    /// A catalogue file instead of the built-in one.
    pub catalogue: Option<PathBuf>,
    /// A model file instead of the built-in one.
    pub model: Option<PathBuf>,
    /// The operator's first password; without it, one is made and printed once.
    pub operator_password: Option<SecretString>,
    /// The mail server; without it, mails are files in `mail_dir`.
    #[serde(default, deserialize_with = "value::smtp_url")]
    pub smtp_url: Option<SecretUrl>,
    /// The folder for mails while there is no mail server.
    pub mail_dir: PathBuf,
    /// Whom mails are from.
    #[serde(deserialize_with = "value::mailbox")]
    pub mail_from: Mailbox,
    /// How often counters are compared with the database's.
    pub sweep_seconds: Seconds<3600>,
    /// How old a snapshot may grow while the database is away; without it, as old as it gets.
    pub max_staleness_seconds: Option<Seconds<{ u32::MAX }>>,
    /// How far the clock may be from the database's.
    pub clock_skew_max_seconds: Seconds<86400>,
    /// How many tenants are in memory at the most.
    pub tenants_in_memory: Count<1>,
    /// How many rules they may have together.
    pub rules_in_memory: Count<1>,
    /// How many users, profiles, custom roles, groups and resources are in memory to be changed.
    pub state_in_memory: Count<0>,
    /// For how many days revisions are kept; for good without it.
    pub revisions_kept_days: Option<Count<1>>,
    /// One decision in how many casbin's Enforcer is asked again; none with 0.
    pub shadow_one_in: Count<0>,
    /// Whether a browser that opens `/graphql` gets the `GraphiQL` page.
    pub graphiql: bool,
    /// Whether the GraphQL schema can be asked for.
    pub introspection: bool,
    /// How many connections may be open.
    pub connections_max: Count<1>,
    /// How many of them one address may have.
    pub connections_per_address: Count<1>,
    /// How long the head of a request may take.
    pub header_seconds: Seconds<3600>,
    /// How long a connection may stay open without a request.
    pub idle_seconds: Seconds<3600>,
    /// How long a reader may take nothing of an answer.
    pub write_seconds: Seconds<3600>,
    /// For how long an instance that is told to stop goes on serving, and says that it is not ready.
    pub drain_seconds: Count<0>,
    /// Where metrics are served; nowhere without it.
    pub metrics_listen: Option<SocketAddr>,
    /// What is logged, in the form of tracing's `EnvFilter`, which has accepted it.
    #[serde(deserialize_with = "value::log")]
    pub log: String,
    /// How it is logged.
    pub log_format: LogFormat,
}

/// Why the settings were refused. No message holds a setting's value: it may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The settings file cannot be read.
    #[error("the settings file {} cannot be read: {cause}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// The settings file is not TOML.
    #[error("{file}:{line}: {fault}")]
    Syntax {
        /// The file.
        file: String,
        /// The line of the fault, from 1.
        line: usize,
        /// What is wrong there.
        fault: String,
    },
    /// There is no such setting.
    #[error("unknown setting {setting}: the settings are {known}")]
    Unknown {
        /// The setting, as it is called where it was set.
        setting: String,
        /// The settings that there are.
        known: String,
    },
    /// A setting has a wrong value.
    #[error("wrong setting {setting}: {fault}")]
    Wrong {
        /// The setting, as it is called where it was set.
        setting: String,
        /// What is wrong with it.
        fault: String,
    },
}

impl Settings {
    /// Where people reach the installation: `public_url`, or the address it listens on.
    pub fn installation(&self) -> Result<Url, SettingsError> {
        let listens = || Url::parse(&format!("http://{}", self.listen));
        self.public_url.clone().map_or_else(listens, Ok).map_err(|_| SettingsError::Wrong {
            setting: "listen".to_owned(),
            fault: "no link can be made from it: set `public_url`".to_owned(),
        })
    }

    /// Reads the settings: the defaults, then `file` (or `bailiwick.toml` in the working folder,
    /// if it is there), then those of `env` whose names begin with `BAILIWICK_`.
    pub fn load(file: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let mut layers = Figment::from(Layer::toml("the built-in defaults", DEFAULTS)?);
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        match std::fs::read_to_string(path) {
            Ok(text) => layers = layers.merge(Layer::toml(&path.display().to_string(), &text)?),
            Err(cause) if file.is_none() && cause.kind() == std::io::ErrorKind::NotFound => {}
            Err(cause) => return Err(SettingsError::Unreadable { file: path.to_owned(), cause }),
        }
        layers.merge(Layer::environment(env)).extract_lossy().map_err(layer::explain)
    }
}
