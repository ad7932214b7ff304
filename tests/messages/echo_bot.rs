//! The example of the SDK is a working bot.

use std::path::PathBuf;
use std::process::Command;

use crate::harness::{Running, Server, clean_environment, until};

/// Builds the example with the features of the test command, so that it is already built there.
fn example() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--workspace", "--example", "echo_bot"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.unwrap().success());
    // The tests are in a folder beside the examples.
    let tests = std::env::current_exe().unwrap();
    tests.parent().unwrap().parent().unwrap().join("examples/echo_bot")
}

#[test]
fn the_echo_bot_answers_also_after_a_kill_of_the_server() {
    let server = Server::start();
    let mut alice = server.user("alice").talk();
    let folder = tempfile::tempdir().unwrap();
    let mut bot = Command::new(example());
    clean_environment(&mut bot, folder.path());
    bot.current_dir(folder.path())
        .arg(server.address.to_string())
        .env("QCHAT_FINGERPRINT", &server.fingerprint)
        .env("QCHAT_USER", "echo")
        .env("QCHAT_PASSWORD", "secret");
    let _bot = Running::start(&mut bot);
    until("the bot has an account", || alice.done("send echo one")["ok"] == true);
    until("the bot answers", || alice.ok("inbox --from echo")["messages"][0]["text"] == "one");
    let _server = server.kill9().start();
    alice.ok("send echo two");
    until("the bot answers again", || {
        alice.ok("inbox --from echo")["messages"][1]["text"] == "two"
    });
}
