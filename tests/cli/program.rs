//! The real program as a child process, in a folder and an environment of its own.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_bailiwick");
/// Maximum time that a server takes to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// A folder to run the program in. Its database is a file there, unless a setting says otherwise.
pub(super) struct Place {
    folder: TempDir,
    settings: Vec<(String, String)>,
}

/// The end of a run of the program, with all its output.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
}

impl Place {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), settings: Vec::new() }
    }

    /// Returns the place with one more setting in the environment.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Returns the place with a file in it.
    pub(super) fn with_file(self, name: &str, text: &str) -> Self {
        fs::write(self.path().join(name), text).unwrap();
        self
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments);
        self.prepared(command)
    }

    fn prepared(&self, mut command: Command) -> Command {
        command.current_dir(self.path()).env_clear();
        // No balancer is told, so none is waited for.
        command.env("BAILIWICK_DRAIN_SECONDS", "0");
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub(super) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with_input(arguments, "")
    }

    /// Runs a command that reads `input`.
    pub(super) fn run_with_input(&self, arguments: &[&str], input: &str) -> Ended {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads nothing may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap().into()
    }

    /// Starts a server on a free port and reads the address that it serves on.
    pub(super) fn serve(&self) -> Server {
        self.started(self.command(&["serve"]))
    }

    /// Starts the program in a shell that runs this line first.
    pub(super) fn serve_under(&self, line: &str) -> Server {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("{line} && exec {PROGRAM} serve")]);
        self.started(self.prepared(command))
    }

    fn started(&self, mut command: Command) -> Server {
        let log = self.path().join("log");
        command.env("BAILIWICK_LISTEN", "127.0.0.1:0").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        out.read_line(&mut said).unwrap();
        let url = said
            .split_whitespace()
            .find_map(|word| word.trim_end_matches('.').strip_suffix("/graphql"))
            .map(str::to_owned);
        let mut server = Server { child, out, said, url: String::new(), log };
        server.url = url.unwrap_or_else(|| panic!("it does not say where it serves:\n{}", server.log()));
        server
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// A running server. It is killed on drop.
pub(super) struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    said: String,
    log: std::path::PathBuf,
    /// The address that it serves on, without a slash at the end.
    pub(super) url: String,
}

impl Server {
    /// Returns the log so far.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Returns the server's memory, in MiB.
    pub(super) fn resident_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal (`-TERM`, `-INT`).
    pub(super) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Sends a signal and waits for the end.
    pub(super) fn stop(mut self, signal: &str) -> Ended {
        self.signal(signal);
        let deadline = Instant::now() + STOP_TIMEOUT;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not stop; its log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut said = std::mem::take(&mut self.said);
        self.out.read_to_string(&mut said).unwrap();
        Ended { code: status.code().expect("an exit, not the signal's end"), out: said, err: self.log() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
