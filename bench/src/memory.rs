//! The memory that rules take: the growth of a process that reads them tenant by tenant and lays them out, as an
//! instance does when it loads them.

use std::fs;
use std::io::{BufRead as _, BufWriter, Write as _};

use bailiwick::domain::catalogue::Catalogue;
use bailiwick::domain::key::TenantKey;
use bailiwick::policy::rule::Rule;
use serde::{Deserialize, Serialize};

use crate::child::{Child, say};
use crate::engine::ours::{self, snapshot};
use crate::random::as_f64;
use crate::result::{Findings, Result, Unit};
use crate::world::{World, built_in, fleet};
use crate::{Options, progress};

/// The size of a page of memory, the unit in which the kernel counts.
const PAGE: usize = 4096;

/// The contents of a process.
#[derive(Debug, Serialize, Deserialize)]
struct Held {
    /// Number of bytes by which it has grown.
    bytes: usize,
    /// Number of rules that it holds.
    rules: usize,
}

/// Measures one tenant of 1M p + 1M g rules, and a thousand tenants with as many together.
pub(crate) fn run(options: &Options) -> Result<Findings> {
    let rules = if options.quick { 20_000 } else { 2_000_000 };
    let (catalogue, mut findings) = (built_in()?, Findings::new());
    for tenants in [1, if options.quick { 50 } else { 1_000 }] {
        progress(&format!("memory: {rules} rules over {tenants} tenants"));
        let sizes = if tenants == 1 { vec![rules] } else { fleet(tenants, rules) };
        let held = hold(&catalogue, &sizes)?;
        findings.notes.push(format!("{tenants} tenants: {} rules", held.rules));
        findings.add("memory", ours::NAME, tenants, Unit::Bytes, vec![as_f64(held.bytes)]);
    }
    Ok(findings)
}

/// Makes tenants of these sizes and hands their rules to a process that holds them.
fn hold(catalogue: &Catalogue, sizes: &[usize]) -> Result<Held> {
    let mut child = Child::Hold.start()?;
    let mut output = BufWriter::new(child.input()?);
    for (n, size) in sizes.iter().enumerate() {
        let world = World::of_size(catalogue, &format!("tenant-{n:03}"), *size)?;
        for rule in world.compiled.keys() {
            serde_json::to_writer(&mut output, rule)?;
            output.write_all(b"\n")?;
        }
        writeln!(output, "{}", world.state.key)?;
    }
    output.flush()?;
    drop(output);
    child.end_input();
    child.says()
}

/// Reads rules, a line for each and the tenant's key after its last one, lays them out, and reports the growth of the
/// process.
pub(crate) fn child() -> Result<()> {
    let (before, mut snapshots, mut rules) = (resident()?, Vec::new(), Vec::<Rule>::new());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.starts_with('[') {
            rules.push(serde_json::from_str(&line)?);
        } else {
            snapshots.push(snapshot(&TenantKey::parse(&line)?, &rules)?);
            rules = Vec::new();
        }
    }
    let held = snapshots.iter().map(bailiwick::engine::Snapshot::len).sum();
    say(&Held { bytes: resident()?.saturating_sub(before), rules: held })
}

/// Returns the memory of this process, in bytes.
fn resident() -> Result<usize> {
    let text = fs::read_to_string("/proc/self/statm")?;
    let pages = text.split(' ').nth(1).ok_or("a kernel that does not count pages")?;
    Ok(pages.parse::<usize>()? * PAGE)
}
