//! A PostgreSQL server of this test process, in a temporary folder. The tests of the program use this file too.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The longest time for starts and stops.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs PostgreSQL until its standard input is closed, also if the test process is killed, and leaves nothing behind.
const GUARD: &str = r#"
exec 3<&0
"$1/postgres" -D "$2/data" -c listen_addresses= -c unix_socket_directories="$2" -c "$3" \
    -c max_connections=200 -c full_page_writes=off -c deadlock_timeout=100ms >"$2/log" 2>&1 &
server=$!
(cat <&3 >/dev/null; kill -CONT $server; kill -QUIT $server) 2>/dev/null &
stopper=$!
wait $server
kill $stopper 2>/dev/null
[ -e "$2/keep" ] || rm -rf "$2"
"#;

/// The folder with PostgreSQL's programs, and the user that they may run as.
struct Installed {
    programs: PathBuf,
    /// PostgreSQL refuses to run as root.
    ids: Option<(u32, u32)>,
}

/// The installed PostgreSQL, if there is one.
fn installed() -> Option<&'static Installed> {
    static INSTALLED: OnceLock<Option<Installed>> = OnceLock::new();
    let found = INSTALLED.get_or_init(|| {
        let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
            .map(|folders| folders.flatten().map(|folder| folder.path().join("bin")).collect())
            .unwrap_or_default();
        versions.extend(std::env::var_os("QCHAT_POSTGRES").map(PathBuf::from));
        versions.retain(|programs| programs.join("initdb").exists());
        versions.sort();
        let programs = versions.pop()?;
        let ids = rustix::process::getuid().is_root().then(ids_of_postgres).transpose();
        Some(Installed { programs, ids: ids.ok()? })
    });
    if found.is_none() {
        eprintln!("skipped: PostgreSQL is not installed");
    }
    found.as_ref()
}

/// The ids of the user `postgres`.
fn ids_of_postgres() -> Result<(u32, u32), ()> {
    let users = std::fs::read_to_string("/etc/passwd").map_err(drop)?;
    let line = users.lines().find(|line| line.starts_with("postgres:")).ok_or(())?;
    let mut ids = line.split(':').skip(2).map(|id| id.parse().map_err(drop));
    Ok((ids.next().ok_or(())??, ids.next().ok_or(())??))
}

/// A running server.
pub(crate) struct LocalServer {
    /// The folder of the data and of the socket.
    pub(crate) folder: PathBuf,
    settings: &'static str,
    guard: Option<Child>,
    databases: AtomicU32,
}

/// The server that most tests share, if PostgreSQL is installed. It does not wait for the disk.
pub(crate) fn shared() -> Option<&'static LocalServer> {
    static SHARED: OnceLock<Option<LocalServer>> = OnceLock::new();
    SHARED.get_or_init(|| LocalServer::start("fsync=off")).as_ref()
}

impl LocalServer {
    /// Starts a server with a setting such as `fsync=on`, if PostgreSQL is installed.
    pub(crate) fn start(settings: &'static str) -> Option<Self> {
        let installed = installed()?;
        let folder = tempfile::Builder::new().prefix("qchat-pg-").tempdir().unwrap().keep();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        if let Some((user, group)) = installed.ids {
            std::os::unix::fs::chown(&folder, Some(user), Some(group)).unwrap();
        }
        let mut initdb = command(installed, &installed.programs.join("initdb"));
        initdb.args(["--no-sync", "--username=postgres", "--auth=trust", "--locale=C", "-D"]);
        let made = initdb.arg(folder.join("data")).stdout(Stdio::null()).status().unwrap();
        assert!(made.success(), "initdb failed");
        let mut server = Self { folder, settings, guard: None, databases: AtomicU32::new(0) };
        server.run();
        Some(server)
    }

    /// Starts the processes of the server, and waits until they let clients in.
    pub(crate) fn run(&mut self) {
        let installed = installed().unwrap();
        let deadline = Instant::now() + PATIENCE;
        let keep = self.folder.join("keep");
        std::fs::write(&keep, "").unwrap();
        while !self.is_ready() {
            assert!(Instant::now() < deadline, "{}", self.log());
            // The processes of a killed server hold its memory a while longer, so one start may fail.
            if self.guard.as_mut().is_none_or(|guard| guard.try_wait().unwrap().is_some()) {
                let mut guard = command(installed, Path::new("/bin/sh"));
                guard.arg("-c").arg(GUARD).arg("sh").arg(&installed.programs);
                guard.arg(&self.folder).arg(self.settings);
                self.guard = Some(guard.stdin(Stdio::piped()).spawn().unwrap());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        std::fs::remove_file(keep).unwrap();
    }

    /// Waits until the killed server is gone, and starts it again.
    pub(crate) fn run_again(&mut self) {
        std::fs::write(self.folder.join("keep"), "").unwrap();
        self.guard.take().unwrap().wait().unwrap();
        self.run();
    }

    fn is_ready(&self) -> bool {
        let installed = installed().unwrap();
        let mut look = command(installed, &installed.programs.join("pg_isready"));
        look.arg("-q").arg("-h").arg(&self.folder);
        self.guard.is_some() && look.status().unwrap().success()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Stops the server in order.
    fn stop(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            guard.wait().unwrap();
        }
    }

    /// Sends a signal to the server's main process. A server that was killed can be [run again](Self::run_again).
    pub(crate) fn signal(&self, name: &str) {
        std::fs::write(self.folder.join("keep"), "").unwrap();
        let pid = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        signal(name, pid.lines().next().unwrap());
    }

    /// A new, empty database: its URL and its name.
    pub(crate) fn database(&self) -> (String, String) {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        let installed = installed().unwrap();
        let mut create = command(installed, &installed.programs.join("createdb"));
        create.arg("-h").arg(&self.folder).args(["-U", "postgres", &name]);
        assert!(create.status().unwrap().success());
        (self.url(&name), name)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        let folder = self.folder.to_str().unwrap().replace('/', "%2F");
        format!("postgres://postgres@{folder}/{database}")
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn command(installed: &Installed, program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = installed.ids {
        command.uid(user).gid(group);
    }
    command.current_dir("/");
    command
}

pub(crate) fn signal(name: &str, pid: &str) {
    let _ = Command::new("kill").arg(format!("-{name}")).arg(pid).status();
}
