//! Measures Bailiwick beside what it cannot be faster than (its floors) and beside other policy engines (its peers),
//! and writes `docs/BENCHMARKS.md`. `make bench` runs all of it.
//!
//! - [`core`]: a decision inside a process; [`memory`]: the memory that rules take there
//! - [`http`]: a decision over HTTP
//! - [`change`]: the time until another instance decides by a change, and the cost of a small one
//! - [`start`]: the start of an instance
//! - [`attack`]: the decisions of others during an attack
//! - [`report`]: the document and its plots, from the findings of the parts
//! - [`world`], [`engine`]: the tenants and the engines that are measured
//! - [`child`]: processes that the parts start; [`instance`], [`database`], [`servers`]: the programs that they run
//!
//! Machines are noisy: floors and ours take turns, medians are compared, and only ratios of one
//! run mean anything.

mod attack;
mod change;
mod child;
mod core;
mod database;
mod engine;
mod http;
mod instance;
mod machine;
mod measure;
mod memory;
mod random;
mod report;
mod result;
mod search;
mod start;
mod world;

/// The way in which the project's tests start servers.
#[path = "../../tests/common"]
mod common {
    #[expect(
        dead_code,
        unused_imports,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "the tests also kill and restart servers, and stop at the first fault"
    )]
    pub(crate) mod servers;
}

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Instant;

use clap::{Parser, ValueEnum};

use child::Child;
use common::servers;
use result::Result;

/// Measures Bailiwick, and writes docs/BENCHMARKS.md.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// The parts to measure; all when none is named. `report` alone draws the last results again.
    parts: Vec<Part>,
    /// Run small and short, into target/bench-quick: shows that it works, not how fast it is.
    #[arg(long)]
    quick: bool,
    /// Another build of this program, to attack in turns with this one.
    #[arg(long, value_name = "PROGRAM")]
    beside: Option<PathBuf>,
    /// The task of a process that a part has started.
    #[arg(long, hide = true)]
    child: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  make bench
  make bench ARGS='core --quick'
  make bench ARGS='attack --beside PROGRAM'
  make bench ARGS=report";

/// A part of the measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// A decision inside a process, beside floors and peers.
    Core,
    /// The memory of 1M p and 1M g rules.
    Memory,
    /// A decision over HTTP, by each API.
    Http,
    /// A change: the time until another instance decides by it, and the cost of a single rule.
    Change,
    /// The start of an instance, and the first load of a tenant.
    Start,
    /// Decisions of others while strangers and users of another tenant attack.
    Attack,
    /// The document alone, from the results of earlier runs.
    Report,
}

impl Part {
    /// All parts that measure, in order.
    const MEASURED: [Self; 6] = [Self::Core, Self::Memory, Self::Http, Self::Change, Self::Start, Self::Attack];

    /// Returns the name of the part's results.
    const fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Memory => "memory",
            Self::Http => "http",
            Self::Change => "change",
            Self::Start => "start",
            Self::Attack => "attack",
            Self::Report => "report",
        }
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    if let Some(child) = &options.child {
        return serde_json::from_str::<Child>(child)?.run();
    }
    let parts = if options.parts.is_empty() { Part::MEASURED.to_vec() } else { options.parts.clone() };
    let place = Place::of(options);
    for part in parts {
        let from = Instant::now();
        let findings = match part {
            Part::Core => core::run(options)?,
            Part::Memory => memory::run(options)?,
            Part::Http => http::run(options)?,
            Part::Change => change::run(options)?,
            Part::Start => start::run(options)?,
            Part::Attack => attack::run(options)?,
            Part::Report => continue,
        };
        findings.write(&place.results, part.name())?;
        progress(&format!("{} took {:.0} s", part.name(), from.elapsed().as_secs_f64()));
    }
    report::write(&place)
}

/// The places of the results and of the document.
pub(crate) struct Place {
    /// The numbers, one file for each part.
    pub(crate) results: PathBuf,
    /// The document.
    pub(crate) document: PathBuf,
    /// The plots beside it.
    pub(crate) plots: PathBuf,
    /// The README whose table of goals is replaced; `None` in a quick run.
    pub(crate) readme: Option<PathBuf>,
}

impl Place {
    fn of(options: &Options) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.parent().unwrap_or(here);
        if options.quick {
            let quick = root.join("target/bench-quick");
            return Self {
                results: quick.join("results"),
                document: quick.join("BENCHMARKS.md"),
                plots: quick.join("benchmarks"),
                readme: None,
            };
        }
        Self {
            results: here.join("results"),
            document: root.join("docs/BENCHMARKS.md"),
            plots: root.join("docs/benchmarks"),
            readme: Some(root.join("README.md")),
        }
    }
}

/// Prints on standard error what is being done, and for how long this process has been running.
pub(crate) fn progress(what: &str) {
    static STARTED: OnceLock<Instant> = OnceLock::new();
    eprintln!("bench: {:>4.0} s  {what}", STARTED.get_or_init(Instant::now).elapsed().as_secs_f64());
}
