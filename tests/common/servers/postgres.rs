//! A real `PostgreSQL`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};

use super::process;

/// The user that `PostgreSQL` runs as when the tests run as root, which it refuses.
const USER: &str = "postgres";
const ATTEMPTS: u32 = 5;

/// A `postgres` on a port of its own. It ends on drop; the shared one with the test program.
pub(crate) struct PostgresServer {
    port: u16,
    folder: PathBuf,
    child: Option<Child>,
    databases: AtomicU32,
    settings: &'static [&'static str],
}

/// The settings that make it fast: no test pulls the plug of the machine, so nothing must reach its disk.
const FOR_TESTS: &[&str] = &["fsync=off", "full_page_writes=off"];

impl PostgresServer {
    /// Returns the server that all tests share which do not hurt it. It starts with the first caller.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<PostgresServer> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts a server for a test that kills it, and waits until it answers.
    pub(crate) fn start() -> Self {
        Self::with(FOR_TESTS)
    }

    /// Starts a server with settings of its own, and waits until it answers.
    pub(crate) fn with(settings: &'static [&'static str]) -> Self {
        let folder = new_folder();
        run(as_server_user(Path::new("cp"), &["-a"]).arg(template()).arg(folder.join("data")));
        Self::over(folder, settings)
    }

    /// Starts a standby that streams from this server, and waits until it answers.
    pub(crate) fn standby(&self) -> Self {
        let folder = new_folder();
        let from = ["-h", "127.0.0.1", "-U", USER, "-R", "-X", "stream", "-c", "fast", "--no-sync"];
        // Beside the server's own, which the one in `PATH` may be a link to.
        let server = fs::canonicalize(binaries().join("postgres")).unwrap();
        let mut backup = as_server_user(&server.with_file_name("pg_basebackup"), &from);
        run(backup.args(["-p", &self.port.to_string(), "-D"]).arg(folder.join("data")));
        Self::over(folder, self.settings)
    }

    /// Starts a server over the data in a folder.
    fn over(folder: PathBuf, settings: &'static [&'static str]) -> Self {
        let mut server = Self { port: 0, folder, child: None, databases: AtomicU32::new(0), settings };
        for _ in 0..ATTEMPTS {
            // Somebody else may take the port between now and the server's start.
            server.port = process::free_port();
            if server.try_start() {
                return server;
            }
        }
        panic!("postgres ended {ATTEMPTS} times; its log:\n{}", process::read_log(&server.log()))
    }

    /// Makes an empty database that is the caller's alone, and returns its URL.
    pub(crate) async fn create_database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let connection = Database::connect(self.url("postgres")).await.unwrap();
        connection.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        connection.close().await.unwrap();
        self.url(&name)
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// Waits until it has all that is committed at `primary`, and then receives nothing more: from now on
    /// it lags.
    pub(crate) async fn falls_behind(&self, primary: &Self) {
        let (there, here) = (primary.admin().await, self.admin().await);
        let end = text(&there, "SELECT pg_current_wal_insert_lsn()::text").await;
        let has_all = format!("SELECT (pg_last_wal_replay_lsn() >= '{end}'::pg_lsn)::text");
        wait_for(&here, &has_all, "true").await;
        here.execute_unprepared("ALTER SYSTEM SET primary_conninfo = ''").await.unwrap();
        here.execute_unprepared("SELECT pg_reload_conf()").await.unwrap();
        wait_for(&here, "SELECT count(*)::text FROM pg_stat_wal_receiver", "0").await;
        for connection in [there, here] {
            connection.close().await.unwrap();
        }
    }

    /// Makes a standby the primary, and waits until it is.
    pub(crate) async fn promote(&self) {
        let here = self.admin().await;
        assert_eq!(text(&here, "SELECT pg_promote(true, 60)::text").await, "true");
        here.close().await.unwrap();
    }

    /// Returns the port that it listens on.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    async fn admin(&self) -> DatabaseConnection {
        Database::connect(self.url("postgres")).await.unwrap()
    }

    /// Ends it as a crash would (SIGKILL). Committed data is kept.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again on the same port with the same data, and waits until it answers.
    pub(crate) fn restart(&mut self) {
        self.kill();
        // The server refuses while the processes of its predecessor are still letting go.
        let is_back = process::wait_until(Duration::from_secs(10), || self.try_start());
        assert!(is_back, "postgres does not come back; its log:\n{}", process::read_log(&self.log()));
    }

    /// Stops all of it in the middle of what it does (SIGSTOP): it takes connections and answers nothing.
    pub(crate) fn freeze(&self) {
        self.signal_all("-STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal_all("-CONT");
    }

    /// Signals the server and the processes that it has for its connections.
    fn signal_all(&self, signal: &str) {
        let Some(child) = &self.child else { return };
        process::signal(child, signal);
        let children = format!("/proc/{0}/task/{0}/children", child.id());
        let children = fs::read_to_string(children).unwrap_or_default();
        let pids: Vec<&str> = children.split_whitespace().collect();
        // One may have ended since.
        let _ = Command::new("kill").arg(signal).args(pids).status().unwrap();
    }

    fn try_start(&mut self) -> bool {
        let data = self.folder.join("data");
        let mut command = as_server_user(&binaries().join("postgres"), &[]);
        command.arg("-D").arg(&data).arg("-k").arg(&self.folder);
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        for setting in self.settings.iter().chain(&["max_connections=200"]) {
            command.args(["-c", setting]);
        }
        if cfg!(target_os = "linux") {
            command.args(["-c", "recovery_init_sync_method=syncfs"]);
        }
        self.child = process::start(command, &self.log(), |pid| is_ready(&data, pid));
        self.child.is_some()
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.thaw();
        if let Some(child) = &mut self.child {
            process::signal(child, "-QUIT");
            if process::wait_until(Duration::from_secs(10), || child.try_wait().is_ok_and(|status| status.is_some())) {
                // One that was killed leaves shared memory, and the folder says which; the end of
                // the test program clears both away.
                let _ = fs::remove_dir_all(&self.folder);
            }
        }
        self.kill();
    }
}

async fn text(connection: &DatabaseConnection, query: &str) -> String {
    let query = Statement::from_string(connection.get_database_backend(), query);
    connection.query_one_raw(query).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

async fn wait_for(connection: &DatabaseConnection, query: &str, expected: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    while text(connection, query).await != expected {
        assert!(Instant::now() < end, "never {expected}: {query}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Returns whether the server with this process id takes connections: the eighth line of its pid file says so, and the
/// first line distinguishes it from a predecessor that was killed.
fn is_ready(data: &Path, pid: u32) -> bool {
    let Ok(file) = fs::read_to_string(data.join("postmaster.pid")) else { return false };
    let mut lines = file.lines();
    lines.next() == Some(&pid.to_string()) && lines.nth(6).is_some_and(|status| status.trim() == "ready")
}

/// Returns an empty cluster, made once; each server's data is a copy of it.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let data = new_folder().join("template");
        let mut initdb = as_server_user(&binaries().join("initdb"), &["-U", USER, "-A", "trust", "-E", "UTF8"]);
        run(initdb.args(["--locale=C", "--no-sync", "-D"]).arg(&data));
        data
    })
}

/// Makes a folder that belongs to the server's user.
fn new_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let folder = process::folder().join(format!("postgres-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir(&folder).unwrap();
    if process::is_root() {
        run(Command::new("chown").arg(format!("{USER}:{USER}")).arg(&folder));
    }
    folder
}

fn as_server_user(program: &Path, arguments: &[&str]) -> Command {
    // SIGQUIT is an immediate shutdown: unlike after SIGKILL, the server takes its processes with
    // it and gives its shared memory back.
    let mut command = process::command(program, process::is_root().then_some(USER), "QUIT");
    command.args(arguments);
    command
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Returns the folder of `postgres` and `initdb`: from `PATH`, or where Debian keeps the newest ones.
fn binaries() -> &'static Path {
    static BINARIES: OnceLock<PathBuf> = OnceLock::new();
    BINARIES.get_or_init(|| {
        let is_complete = |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("postgres").is_file();
        let in_path = process::in_path("initdb").and_then(|program| Some(program.parent()?.to_owned()));
        in_path
            .filter(is_complete)
            .or_else(|| newest_of_debian().filter(is_complete))
            .expect("initdb and postgres: apt-get install postgresql")
    })
}

fn newest_of_debian() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let numbered =
        versions.flatten().filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry)));
    numbered.max_by_key(|(version, _)| *version).map(|(_, entry)| entry.path().join("bin"))
}
