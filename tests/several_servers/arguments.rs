//! The value of `--server`, and the keys of its addresses.

use crate::harness::{Client, PASSWORD, Server};
use crate::server::identity::pinned;

use super::address_for_later;

#[track_caller]
fn check_wrong(list: &str, says: &str) {
    for (arguments, variable) in [(&["--server", list][..], None), (&[], Some(list))] {
        let client = Client::at(arguments, None);
        let mut command = client.command();
        command.arg("ls").envs(variable.map(|list| ("QCHAT_SERVER", list)));
        let ended = crate::harness::Running::start(&mut command).finish();
        assert_eq!(ended.status, Some(2), "{ended:?}");
        assert_eq!(ended.error, format!("error: the server's address: {says}\n"));
    }
}

#[test]
fn a_wrong_list_is_refused_with_one_sentence() {
    let empty =
        |list: &str| format!("{list:?} has an empty part: write one comma between two addresses");
    check_wrong("a,,b", &empty("a,,b"));
    check_wrong("a:1,", &empty("a:1,"));
    check_wrong("a,b:1,A", "a:4433 stands twice in the list: write each address once");
    let many: Vec<_> = (1..=17).map(|port| format!("a:{port}")).collect();
    check_wrong(&many.join(","), "the list has 17 addresses: write 16 at the most");
    let no_address = "\"b c\" is no server's address: write host:port, [::1]:4433, or a host alone";
    check_wrong("a,b c", no_address);
}

#[test]
fn the_help_tells_of_several_addresses() {
    let ended = Client::at(&[], None).run(&["--help"]);
    assert!(ended.output.contains("HOST:PORT,HOST:PORT"), "{}", ended.output);
}

#[test]
fn a_list_can_stand_in_the_settings_file() {
    let server = Server::start();
    let dead = address_for_later();
    let client = Client::at(&["--config", "settings.toml"], None);
    let settings = format!(
        "server = \"{dead},{}\"\nfingerprint = \"{}\"\n",
        server.address, server.fingerprint
    );
    client.write("settings.toml", settings.as_bytes());
    client.ok(&format!("auth_register alice {PASSWORD}"));
}

#[test]
fn without_any_server_the_error_names_all_addresses() {
    let (one, other) = (address_for_later(), address_for_later());
    let list = format!("{one},{other}");
    let client = Client::at(&["--server", &list, "--accept-new", "--timeout", "1"], None);
    let ended = client.run(&["auth_register", "alice", "x"]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    let says = format!("no qchat server answers at {list} (UDP)");
    assert!(ended.error.contains(&says), "{}", ended.error);
}

#[test]
fn addresses_with_different_keys_stop_the_client_and_are_both_named() {
    let (ours, theirs) = (Server::start(), Server::start());
    let first = ours.address.to_string();
    let client = Client::at(&["--server", &first, "--accept-new"], None);
    client.ok("auth_register alice x");
    let list = format!("{first},{}", theirs.address);
    let stopped = ours.kill9();
    let client = client.pointed_at(&["--server", &list, "--accept-new"]);
    let ended = client.run(&["auth_register", "bob", "x"]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    let known = pinned(&client);
    let [line] = &known[..] else { panic!("{known:?}") };
    let (_, ours) = line.split_once(' ').unwrap();
    for part in [
        format!("{first}: {ours}"),
        format!("{}: {}", theirs.address, theirs.fingerprint),
        "(identity)".to_owned(),
    ] {
        assert!(ended.error.contains(&part), "{part} is missing in: {}", ended.error);
    }
    theirs.visitor().ok("auth_register bob x");
    drop(stopped);
}
