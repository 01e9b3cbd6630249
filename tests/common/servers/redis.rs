//! A real Redis.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;
use std::{fs, io};

use super::process;

const ATTEMPTS: u32 = 5;

/// A `redis-server` on a port of its own that keeps nothing on disk. It is killed on drop.
pub(crate) struct RedisServer {
    port: u16,
    folder: PathBuf,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts one and waits until it answers.
    pub(crate) fn start() -> Self {
        for _ in 0..ATTEMPTS {
            // Somebody else may take the port between now and the server's start.
            let mut server = Self::reserve();
            if server.try_start() {
                return server;
            }
        }
        panic!("redis-server ended {ATTEMPTS} times; its logs are in {}", process::folder().display())
    }

    /// Reserves a port for a server that does not run yet; `restart` starts it.
    pub(crate) fn reserve() -> Self {
        let port = process::free_port();
        let folder = process::folder().join(format!("redis-{port}"));
        fs::create_dir_all(&folder).unwrap();
        Self { port, folder, child: None }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Ends it as a crash would (SIGKILL).
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again on the same port, and waits until it answers.
    pub(crate) fn restart(&mut self) {
        self.kill();
        assert!(self.try_start(), "redis-server ended; its log:\n{}", process::read_log(&self.log()));
    }

    /// Makes it like a machine that hangs: connections stand, and nothing answers.
    pub(crate) fn freeze(&self) {
        process::signal(self.child.as_ref().unwrap(), "-STOP");
    }

    /// Lets a frozen one go on.
    pub(crate) fn thaw(&self) {
        process::signal(self.child.as_ref().unwrap(), "-CONT");
    }

    fn try_start(&mut self) -> bool {
        let port = self.port;
        self.child = process::start(self.command(), &self.log(), |pid| answers_as(pid, port).unwrap_or(false));
        self.child.is_some()
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn command(&self) -> Command {
        let program = process::in_path("redis-server").expect("redis-server: apt-get install redis-server");
        let mut command = process::command(&program, None, "KILL");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"]);
        command.args(["--save", "", "--appendonly", "no", "--dir"]).arg(&self.folder);
        command
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns whether the server on this port answers and is the one that was started, not a stranger that took the port
/// first.
fn answers_as(pid: u32, port: u16) -> io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"INFO server\r\nQUIT\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.contains(&format!("process_id:{pid}\r\n")))
}
