//! Files with a secret: only their owner can read them, and they are refused if other users can.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Client, PASSWORD, PROGRAM, Running, Server, ServerFolder, files_below};
use crate::server::start::{check_refused, used_folder};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// The files below a folder that other users can read or write.
fn exposed(folder: &Path) -> Vec<PathBuf> {
    files_below(folder).into_iter().filter(|file| mode(file) & 0o077 != 0).collect()
}

#[test]
fn a_server_does_not_start_with_a_key_that_other_users_can_read() {
    let folder = used_folder();
    for name in ["cert/key.pem", "cert/next-key.pem"] {
        folder.cert(&["--next"]);
        for mode in [0o640, 0o604, 0o620, 0o644] {
            folder.set_mode(name, mode);
            let says = [format!("{name} can be read by others"), format!("chmod 600 {name}")];
            check_refused(&folder, &[], &says.each_ref().map(String::as_str));
        }
        folder.set_mode(name, 0o600);
    }
    Server::in_folder(folder, &[]);
}

#[test]
fn a_certificate_is_not_renewed_with_a_key_that_other_users_can_read() {
    let folder = used_folder();
    folder.set_mode("cert/key.pem", 0o644);
    for arguments in [&["cert"][..], &["cert", "--next"], &["cert", "--rotate"]] {
        let ended =
            Running::start(Command::new(PROGRAM).args(arguments).current_dir(folder.path()))
                .finish();
        assert_eq!(ended.status, Some(1), "{ended:?}");
        assert!(ended.error.contains("chmod 600 cert/key.pem"), "{}", ended.error);
    }
}

/// The file of a saved session.
fn session_file(client: &Client) -> PathBuf {
    let is_session =
        |path: &PathBuf| path.iter().any(|part| part == "sessions") && path.ends_with("alice");
    files_below(client.home()).into_iter().find(is_session).expect("a saved session")
}

#[test]
fn a_saved_session_that_other_users_can_read_is_refused_with_the_remedy() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("ls");
    let file = session_file(&alice);
    assert_eq!(mode(&file), 0o600);
    for exposed in [0o640, 0o604] {
        set_mode(&file, exposed);
        let ended = alice.run(&["ls"]);
        assert_eq!(ended.status, Some(1), "{ended:?}");
        let remedy = format!("chmod 600 {}", file.display());
        assert!(ended.error.contains(&remedy), "{}", ended.error);
    }
    set_mode(&file, 0o600);
    alice.ok("ls");
}

#[test]
fn a_password_file_that_other_users_can_read_is_refused_with_the_remedy() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.write_secret("password", PASSWORD.as_bytes());
    let run = || {
        let mut command = alice.command();
        command.env_remove("QCHAT_PASSWORD").args(["--password-file", "password", "ls"]);
        Running::start(&mut command).finish()
    };
    for exposed in [0o640, 0o604] {
        set_mode(&alice.path("password"), exposed);
        let ended = run();
        assert_eq!(ended.status, Some(2), "{ended:?}");
        assert!(ended.error.contains("chmod 600 password"), "{}", ended.error);
    }
    set_mode(&alice.path("password"), 0o600);
    assert_eq!(run().status, Some(0));
}

/// The same program with a umask of zero.
fn careless(command: &Command) -> Command {
    let mut careless = Command::new("sh");
    careless.args(["-c", "umask 0; exec \"$0\" \"$@\""]).arg(command.get_program());
    careless.args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        careless.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => careless.env(name, value),
            None => careless.env_remove(name),
        };
    }
    careless
}

#[test]
fn without_a_umask_only_the_owner_can_read_files_with_secrets() {
    let folder = ServerFolder::new();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).current_dir(folder.path());
        Running::start(&mut careless(&command))
    };
    let mut first = run(&["server", "--listen", "127.0.0.1:0"]);
    while !first.error_line().expect("a server").starts_with("connect with") {}
    first.signal(rustix::process::Signal::TERM);
    assert_eq!(first.finish().status, Some(0));
    assert_eq!(run(&["cert", "--next"]).finish().status, Some(0));
    for private in ["data", "upload"] {
        assert_eq!(mode(&folder.path().join(private)), 0o700, "{private}");
    }
    let server = Server::in_folder(folder, &[]);
    let alice = server.user("alice");
    let mut command = alice.command();
    command.args(["send", "alice", "hi"]);
    let ended = Running::start(&mut careless(&command)).finish();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(exposed(alice.home()), Vec::<PathBuf>::new());

    let cert = server.folder().join("cert");
    assert_eq!(exposed(&cert), [cert.join("cert.pem")]);
    assert_eq!((mode(&cert), mode(&cert.join("cert.pem"))), (0o755, 0o644));
}
