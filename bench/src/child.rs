//! Processes of this same program that do one thing for a part: serve on a core of their own, follow the changes of
//! another instance, start, or hold tenants in memory.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::result::Result;
use crate::{change, http, memory, start};

/// The task of a process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Child {
    /// [`http::server`]
    Serve(http::server::Settings),
    /// [`change::follower`]
    Follow(change::follower::Settings),
    /// [`start`]
    Start(start::Settings),
    /// [`memory`]
    Hold,
}

impl Child {
    /// Does the task, in the process that was started for it.
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::Serve(settings) => http::server::run(&settings),
            Self::Follow(settings) => change::follower::run(&settings),
            Self::Start(settings) => start::child(&settings),
            Self::Hold => memory::child(),
        }
    }

    /// Starts a process for the task.
    pub(crate) fn start(&self) -> Result<Running> {
        self.start_in(&std::env::current_exe()?)
    }

    /// Starts a process of another build of this program for the task.
    pub(crate) fn start_in(&self, program: &Path) -> Result<Running> {
        let mut command = Command::new(program);
        command.arg("--child").arg(serde_json::to_string(self)?).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let output = process.stdout.take().ok_or("a child without output")?;
        Ok(Running { input: process.stdin.take(), output: BufReader::new(output).lines(), process })
    }
}

/// A running process. It ends when this is dropped.
pub(crate) struct Running {
    process: Process,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// Returns the process's id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for the next message of the process.
    pub(crate) fn says<T: DeserializeOwned>(&mut self) -> Result<T> {
        let line = self.output.next().ok_or("a child ended before its time")??;
        Ok(serde_json::from_str(&line)?)
    }

    /// Returns the input of the process.
    pub(crate) fn input(&mut self) -> Result<&mut ChildStdin> {
        self.input.as_mut().ok_or_else(|| "a child whose input has ended".into())
    }

    /// Tells the process that nothing more comes.
    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends a message to the process that started this one.
pub(crate) fn say(what: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_string(what)?;
    line.push('\n');
    let mut output = std::io::stdout().lock();
    output.write_all(line.as_bytes())?;
    Ok(output.flush()?)
}

/// Waits for the end of the process that started this one, so that none outlives it.
pub(crate) fn until_alone() {
    for line in std::io::stdin().lines() {
        if line.is_err() {
            break;
        }
    }
}
