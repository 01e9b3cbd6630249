//! Child processes that die with the test program, the folder that goes with them, and ports.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};
use std::{io, net, process, thread};

/// Maximum time that a server takes to start, on a machine that is busy with the other tests.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// Interval at which a condition is checked while waiting for it.
const POLL: Duration = Duration::from_millis(5);

/// Looks at a condition until it holds, within a bound.
pub(super) fn wait_until(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !holds() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(POLL);
    }
    true
}

/// Starts a server and waits until it answers. None when it ended instead: its port is taken, or
/// what an earlier one left behind is still in use.
pub(super) fn start(command: Command, log: &Path, is_ready: impl Fn(u32) -> bool) -> Option<Child> {
    let mut child = spawn(command, log);
    let mut ended = false;
    let answered = wait_until(START_TIMEOUT, || {
        ended = child.try_wait().unwrap().is_some();
        ended || is_ready(child.id())
    });
    if answered {
        return (!ended).then_some(child);
    }
    let _ = child.kill();
    let _ = child.wait();
    panic!("the server does not answer after {START_TIMEOUT:?}; its log:\n{}", read_log(log))
}

/// Sends a signal to a child that has not been waited for, so that its id is still its own.
pub(super) fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success(), "kill {signal} failed");
}

pub(super) fn read_log(log: &Path) -> String {
    fs::read_to_string(log).unwrap_or_default()
}

/// Spawns on a thread that lives as long as the program: Linux kills a child that asked for
/// `pdeathsig` when the thread that forked it ends, and a test's thread ends with its test.
fn spawn(mut command: Command, log: &Path) -> Child {
    type Job = (Command, mpsc::SyncSender<io::Result<Child>>);
    static SPAWNER: OnceLock<mpsc::Sender<Job>> = OnceLock::new();

    let log = File::options().create(true).append(true).open(log).unwrap();
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        let serve = move || {
            for (mut command, reply) in jobs {
                let _ = reply.send(command.spawn());
            }
        };
        thread::Builder::new().name("spawner".to_owned()).spawn(serve).unwrap();
        sender
    });
    let (reply, answer) = mpsc::sync_channel(1);
    spawner.send((command, reply)).unwrap();
    answer.recv().unwrap().unwrap_or_else(|error| panic!("a server does not start: {error}"))
}

/// Makes the command for a server that gets `signal` when this program ends, and runs as `user` when one is named.
pub(super) fn command(program: &Path, user: Option<&str>, signal: &str) -> Command {
    let Some(setpriv) = in_path("setpriv") else {
        assert!(user.is_none(), "setpriv is not installed: apt-get install util-linux");
        return Command::new(program);
    };
    let mut command = Command::new(setpriv);
    // The user may not enter the folder that we are in.
    command.current_dir("/");
    if let Some(user) = user {
        command.args([format!("--reuid={user}"), format!("--regid={user}"), "--init-groups".to_owned()]);
    }
    command.args(["--pdeathsig", signal, "--"]).arg(program);
    command
}

/// Finds a program in the folders of `PATH`.
pub(super) fn in_path(name: &str) -> Option<PathBuf> {
    let path: OsString = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// Returns whether the tests run as root, as they do in most containers.
pub(super) fn is_root() -> bool {
    fs::metadata(folder()).unwrap().uid() == 0
}

/// Returns the folder of this test program; all that servers write is below it.
pub(super) fn folder() -> &'static Path {
    static FOLDER: OnceLock<(PathBuf, ChildStdin)> = OnceLock::new();
    let (folder, _open_while_we_live) = FOLDER.get_or_init(|| {
        let folder = tempfile::Builder::new().prefix("bailiwick-test-").tempdir().unwrap().keep();
        // A server that runs as another user must get through to its own folder.
        fs::set_permissions(&folder, Permissions::from_mode(0o711)).unwrap();
        let janitor = janitor(&folder);
        (folder, janitor)
    });
    folder
}

/// Starts a shell that waits for the end of its input, which comes with the end of this program even when it is killed.
/// Then it gives back the shared memory that killed `PostgreSQL` servers leave, and removes the folder; both can take a
/// moment, until the last server process is gone.
fn janitor(folder: &Path) -> ChildStdin {
    const SCRIPT: &str = r#"
        cat
        for pid_file in "$0"/*/data/postmaster.pid; do
            shmid=$(sed -n '7s/.* //p' "$pid_file") && [ -n "$shmid" ] && ipcrm -m "$shmid"
        done
        for attempt in 1 2 3 4 5 6 7 8 9 10; do
            rm -rf "$0" && break
            sleep 0.2
        done
    "#;
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT]).arg(folder).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Out of our process group: an interrupt from the keyboard is for the tests, not for it.
    shell.process_group(0).spawn().unwrap().stdin.take().unwrap()
}

/// Returns a port that no process listens on right now. It is below the range from which systems give ports to clients,
/// so that no client has it when a server comes back to it, and so that a client that keeps trying cannot connect to
/// itself.
pub(super) fn free_port() -> u16 {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 20_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let ours = process::id().wrapping_mul(7_919); // programs side by side begin far apart
    (0..COUNT)
        .map(|_| u32::from(NEXT.fetch_add(1, Ordering::Relaxed)).wrapping_add(ours) % u32::from(COUNT))
        .map(|offset| FIRST + u16::try_from(offset).unwrap())
        .find(|port| net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port on loopback")
}
