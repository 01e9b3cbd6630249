//! A real `PgBouncer`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;

use super::process;

/// The user that it runs as when the tests run as root, which it refuses.
const USER: &str = "postgres";
const ATTEMPTS: u32 = 5;

/// A `pgbouncer` in front of a database, on a port of its own. It is killed on drop.
pub(crate) struct PgBouncer {
    port: u16,
    upstream: url::Url,
    child: Option<Child>,
}

impl PgBouncer {
    /// Starts one with this `pool_mode` and so many connections to the database, and otherwise as it
    /// comes; waits until it answers.
    pub(crate) fn before(database: &str, mode: &str, size: u32) -> Self {
        for _ in 0..ATTEMPTS {
            // Somebody else may take the port between now and its start.
            let mut pooler =
                Self { port: process::free_port(), upstream: url::Url::parse(database).unwrap(), child: None };
            if pooler.try_start(mode, size) {
                return pooler;
            }
        }
        panic!("pgbouncer ended {ATTEMPTS} times")
    }

    /// Returns the URL of the database through the pooler.
    pub(crate) fn url(&self) -> String {
        let mut url = self.upstream.clone();
        url.set_port(Some(self.port)).unwrap();
        url.into()
    }

    fn try_start(&mut self, mode: &str, size: u32) -> bool {
        let folder = process::folder().join(format!("pgbouncer-{}", self.port));
        fs::create_dir_all(&folder).unwrap();
        let (settings, log) = (folder.join("pgbouncer.ini"), folder.join("log"));
        fs::write(folder.join("users.txt"), format!("\"{USER}\" \"\"\n")).unwrap();
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}/users.txt\npool_mode = {mode}\n\
             default_pool_size = {size}\n",
            self.upstream.port().unwrap(),
            self.port,
            folder.display(),
        );
        fs::write(&settings, text).unwrap();
        let program = process::in_path("pgbouncer").unwrap_or_else(|| PathBuf::from("/usr/sbin/pgbouncer"));
        assert!(program.is_file(), "pgbouncer is not installed: apt-get install pgbouncer");
        let mut command = process::command(Path::new(&program), process::is_root().then_some(USER), "KILL");
        command.arg(&settings);
        let port = self.port;
        self.child = process::start(command, &log, |_| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        self.child.is_some()
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
