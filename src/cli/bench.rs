//! `bailiwick bench`: measures decisions of a tenant on this machine, with its own rules.

use std::process::ExitCode;
use std::time::Duration;

use crate::domain::key::TenantKey;
use crate::error::{Error, Result};
use serde_json::json;

use super::client::Client;
use super::output::{FAINT, STRONG, print, print_json, styled};
use super::{caller_in, parsed};

#[derive(clap::Args)]
#[command(after_help = "Example:\n  bailiwick bench --tenant demo")]
pub(super) struct Args {
    /// The tenant's key.
    #[arg(long, value_parser = parsed(TenantKey::parse))]
    tenant: TenantKey,
    /// Answer in JSON, in nanoseconds.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(client: &Client, args: &Args) -> Result<ExitCode> {
    let app = client.app("bench")?;
    let system = caller_in(app, &TenantKey::parse(TenantKey::PLATFORM)?).await?;
    let nothing = || Error::not_found("tenant with rules", &args.tenant).at("tenant");
    let measured = app.platform().benchmark(&system, &args.tenant).await?.ok_or_else(nothing)?;
    if args.json {
        return print_json(&json!({
            "tenant": args.tenant.as_str(),
            "revision": measured.revision,
            "rules": measured.rules,
            "requests": measured.requests,
            "allowed": measured.allowed,
            "decision": nanos(measured.decision),
            "enforcer": measured.enforcer.map(nanos),
        }));
    }
    let head = format!("{} at revision {}", args.tenant, measured.revision);
    let over =
        format!("{} rules, {} requests, {} of them allowed", measured.rules, measured.requests, measured.allowed);
    let enforcer = measured.enforcer.map_or_else(String::new, |enforcer| {
        let times = nanos(enforcer) / nanos(measured.decision).max(1);
        format!("casbin's Enforcer  {enforcer:.1?}, {times} times as long\n")
    });
    let beside = styled(FAINT, &format!("({over})"));
    print(&format!("{} {beside}\na decision         {:.1?}\n{enforcer}", styled(STRONG, &head), measured.decision))
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
