//! A policy of many domains, each brought into the tenant of its name.

use std::collections::BTreeSet;
use std::process::ExitCode;

use crate::domain::key::{ModuleKey, TenantKey};
use crate::domain::user::{Email, Username};
use crate::error::{Error, ErrorCode, Result};
use crate::service::policy::import::{BadLine, Reading, Refused};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::super::client::typed;
use super::super::super::output::{BAD, password_from_stdin, print, print_json, say, styled};
use super::super::super::parsed;
use super::super::super::tenant::{CREATE, TENANTS, platform};
use super::{Policy, told};

/// The admin and the licence of the tenants that the import makes.
#[derive(clap::Args)]
pub(in crate::cli) struct NewTenants {
    /// The username of the default admin of each tenant that is made. The password is read from standard input.
    #[arg(long, requires = "all_domains", requires = "email", value_parser = parsed(Username::parse))]
    admin: Option<Username>,
    /// The admin's email address.
    #[arg(long, requires = "admin", value_parser = parsed(Email::parse))]
    email: Option<Email>,
    /// The modules of its licence, separated by commas.
    #[arg(long, requires = "admin", value_delimiter = ',', value_parser = parsed(ModuleKey::parse))]
    modules: Vec<ModuleKey>,
}

#[derive(Deserialize)]
struct Tenant {
    key: String,
}

impl Policy<'_> {
    /// Brings in each domain. All of them are tried first, as far as their tenants are there.
    pub(super) async fn bring_all(&self) -> Result<ExitCode> {
        let domains = self.domains()?;
        let mut missing = BTreeSet::new();
        for domain in &domains {
            if !self.is_there(domain).await? {
                missing.insert(domain);
            }
        }
        let make = self.maker(&missing)?;
        let mut answers = Vec::new();
        for domain in domains.iter().filter(|domain| !missing.contains(domain)) {
            answers.push((domain, self.bring(Some(domain), Some(domain.as_str()), true).await?));
        }
        let dry_run = self.args.dry_run;
        if !dry_run {
            answers.clear();
            for domain in &domains {
                if missing.contains(domain) {
                    self.client.change(platform(self.client)?.as_ref(), CREATE, make(domain)).await?;
                }
                answers.push((domain, self.bring(Some(domain), Some(domain.as_str()), false).await?));
            }
        }
        if self.args.place.json {
            let one = |(domain, answer): (&TenantKey, Value)| json!({ "tenant": domain.as_str(), "import": answer });
            return print_json(&answers.into_iter().map(one).collect());
        }
        for (domain, answer) in answers {
            print(&format!("{domain}: {}", told(answer, dry_run)?))?;
        }
        let made = missing.iter().filter(|_| dry_run).map(|domain| format!("{domain}: the tenant would be made\n"));
        print(&made.collect::<String>())
    }

    /// The tenants that the lines name.
    fn domains(&self) -> Result<Vec<TenantKey>> {
        let reading = Reading {
            model: self.model.clone(),
            under: self.args.under.clone(),
            policy_type: self.args.policy_type.clone(),
            ..Reading::default()
        };
        let domains = match reading.domains(&self.csv) {
            Ok(domains) => domains,
            Err(Refused::Whole(error)) => return Err(error),
            Err(Refused::Lines(bad)) => {
                self.bar.finish_and_clear();
                for BadLine { number, column, error } in &bad.told {
                    say(&styled(BAD, &format!("line {number}, column {column}: {}", error.message)));
                }
                return Err(Error::invalid(format!("bad lines: {}; nothing was imported", bad.count)).at("file"));
            }
        };
        let key = |domain: &String| match TenantKey::parse(domain) {
            Ok(key) if !key.is_platform() => Ok(key),
            _ => {
                let message = format!(
                    "the domain `{domain}` cannot be a tenant's key: bring it in by itself, with `--tenant KEY --domain`"
                );
                Err(Error::invalid(message).at("file"))
            }
        };
        domains.iter().map(key).collect()
    }

    async fn is_there(&self, domain: &TenantKey) -> Result<bool> {
        let variables = Map::from_iter([("search".to_owned(), domain.as_str().into())]);
        let (nodes, _) = self.client.list(platform(self.client)?.as_ref(), TENANTS, variables, None).await?;
        let tenants: Vec<Tenant> = typed(nodes.into())?;
        Ok(tenants.iter().any(|tenant| tenant.key == domain.as_str()))
    }

    /// Returns a function that makes the input for a missing tenant.
    fn maker(&self, missing: &BTreeSet<&TenantKey>) -> Result<impl Fn(&TenantKey) -> Value + use<>> {
        let new = &self.args.new;
        let (mut admin, mut password) = (Value::Null, None);
        if let Some(first) = missing.first() {
            let (Some(username), Some(email)) = (&new.admin, &new.email) else {
                let message = format!(
                    "there is no tenant `{first}`: name the default admin of those that are to be made, `--admin NAME --email ADDRESS`"
                );
                return Err(Error::new(ErrorCode::NotFound, message).at("admin"));
            };
            if self.args.file.as_os_str() == "-" {
                return Err(Error::invalid("the password is read from standard input: name a file").at("file"));
            }
            if !self.args.dry_run {
                password = Some(password_from_stdin()?);
            }
            let password = password.as_ref().map(|password| password.expose_secret().to_owned());
            admin = json!({
                "username": username.as_str(), "fullName": username.as_str(), "email": email.as_str(), "password": password,
            });
        }
        let modules: Vec<String> = new.modules.iter().map(ToString::to_string).collect();
        Ok(
            move |key: &TenantKey| json!({ "key": key.as_str(), "name": key.as_str(), "modules": modules, "admin": admin }),
        )
    }
}
