//! The SDK's example is a bot that works.

use std::path::PathBuf;
use std::process::Command;

use crate::harness::{Running, Server, clean_environment, until};

/// Builds the example as the test command does, so that there it has been built already.
fn example() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--workspace", "--example", "echo_bot"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.unwrap().success());
    // The tests lie in a folder beside the examples.
    let tests = std::env::current_exe().unwrap();
    tests.parent().unwrap().parent().unwrap().join("examples/echo_bot")
}

#[test]
fn the_echo_bot_answers_also_after_the_server_was_killed() {
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
