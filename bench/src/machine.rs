//! The machine that a run was made on, and the program that was built there.

use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The place and the time of a measurement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// Time of the measurement, in UTC.
    pub(crate) at: String,
    /// The model of the processor.
    pub(crate) processor: String,
    /// Number of cores.
    pub(crate) cores: usize,
    /// Memory in GiB.
    pub(crate) memory: usize,
    /// The kernel.
    pub(crate) kernel: String,
    /// The compiler.
    pub(crate) rustc: String,
    /// The product's commit, with `+` when something is not committed.
    pub(crate) commit: String,
    /// The versions of the servers and of the peers, by name.
    pub(crate) versions: Vec<(String, String)>,
}

/// The libraries whose versions matter to the numbers.
const LIBRARIES: [&str; 7] = ["casbin", "cedar-policy", "regorus", "axum", "async-graphql", "sea-orm", "tokio"];

impl Machine {
    /// Describes this machine, now.
    pub(crate) fn here() -> Self {
        let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
        let memory = field("/proc/meminfo", "MemTotal").and_then(|text| text.split(' ').next()?.parse::<usize>().ok());
        let clean = said("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty();
        let commit = said("git", &["rev-parse", "--short", "HEAD"]);
        Self {
            at: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default().chars().take(16).collect(),
            processor: cpu,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: memory.unwrap_or_default() / (1 << 20),
            kernel: said("uname", &["-sr"]),
            rustc: said("rustc", &["--version"]).split(' ').nth(1).unwrap_or_default().to_owned(),
            commit: if clean { commit } else { format!("{commit}+") },
            versions: versions(),
        }
    }
}

/// Returns the value of `name: value` in a file of the kernel's.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Returns the first line that a program prints; empty when the program does not exist.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().ok().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or_default().to_owned()
}

fn versions() -> Vec<(String, String)> {
    let lock = include_str!("../../Cargo.lock");
    let of = |name: &str| {
        let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        Some((name.to_owned(), after.split('"').next()?.to_owned()))
    };
    LIBRARIES.iter().filter_map(|name| of(name)).collect()
}
