//! The section on decisions inside a process: tables and plots of ours, the floors and the peers.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::plot::{self, Line};
use super::words::count;
use super::{notes, spread};
use crate::engine::{cedar, enforcer, floor, ours, rego};
use crate::random::as_f64;
use crate::result::{Findings, Result};

/// The engines in the plots and tables, ours first.
const DECIDERS: [&str; 7] =
    [ours::NAME, floor::HASH, floor::MEMORY, enforcer::NAME, enforcer::CACHED, cedar::NAME, rego::NAME];

const PLOTS: [(&str, &str, &str); 2] = [
    ("core.random", "One decision, requests from all over the tenant", "random.svg"),
    ("core.last", "One decision, the same request again, allowed by the last rule", "last.svg"),
];

const TABLES: [(&str, &str); 4] = [
    ("core.random", "Requests from all over the tenant"),
    ("core.first", "The same request again, allowed by the first rule"),
    ("core.last", "The same request again, allowed by the last rule"),
    ("core.deny", "The same request again, allowed by no rule"),
];

const ABOUT: &str = "
## A decision in process

Tenants are made from a seed through the product's own domain and compiler: profiles with sections and
lists of resources, custom roles, groups and users, about half `p` and half `g` rules. Every engine has
the same rules and the same requests, and its answers were found equal to ours before it was timed. The
requests from all over a tenant are 65\u{2009}536 different ones: half ask what some rule allows by one who
holds it, half the same by any user.

- **hash look-up**: the request itself, in a hash table that knows all answers beforehand
- **memory read**: one read from anywhere in as much memory as the rules take, each after the other
- **casbin**: `Enforcer` and `CachedEnforcer` (its cache has 200 places) with the product's `model.conf`
- **Cedar**: a policy for each `p` rule; roles and the prefixes of objects are parents of entities
- **Rego**: the roles of each user, closed over groups, and the grants of each role, which the policy
  goes through as in Open Policy Agent's documentation of role-based access
";

/// Writes the plots; returns the section.
pub(super) fn section(core: &Findings, plots: &Path) -> Result<String> {
    let mut text = String::from(ABOUT);
    let sizes = sizes(core);
    for (case, title, file) in PLOTS {
        let point = |name: &str, size: usize| Some((as_f64(size), core.get(case, name, size)?.median));
        let line = |name: &str| Line {
            name: name.to_owned(),
            points: sizes.iter().filter_map(|size| point(name, *size)).collect(),
        };
        fs::write(plots.join(file), plot::log_log(title, "rules of the tenant", &DECIDERS.map(line)))?;
        let _ = writeln!(text, "\n![{title}](benchmarks/{file})");
    }
    for (case, title) in TABLES {
        let columns = DECIDERS.join(" | ");
        let _ = writeln!(text, "\n**{title}**\n\n| rules | {columns} |\n|{}", "---|".repeat(DECIDERS.len() + 1));
        for size in &sizes {
            let cells = DECIDERS.map(|name| core.get(case, name, *size).map_or_else(|| "–".to_owned(), spread));
            let _ = writeln!(text, "| {} | {} |", count(*size), cells.join(" | "));
        }
    }
    text.push_str("\n**Many tenants, and organisations as role mining data have them**\n");
    text.push_str("\n| | tenants or rules | who | one decision |\n|---|---|---|---|\n");
    for row in core.rows.iter().filter(|row| !row.case.starts_with("core.")) {
        let _ = writeln!(text, "| {} | {} | {} | {} |", row.case, count(row.scale), row.of, spread(row));
    }
    text.push_str(&notes(core));
    Ok(text)
}

fn sizes(core: &Findings) -> Vec<usize> {
    let mut sizes: Vec<usize> = core.rows.iter().filter(|row| row.case == "core.random").map(|row| row.scale).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}
