//! Who may know whom: the dependency rules of the house, read from its manifests and its source.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::harness::files_below;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names of the crates that a room depends on; those of its tests do not count.
fn dependencies(room: &str) -> BTreeSet<String> {
    let manifest = std::fs::read_to_string(root().join(room).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let dependencies = manifest["dependencies"].as_table().unwrap();
    dependencies.keys().cloned().collect()
}

/// The source files of a room, or of a part of it.
fn sources(part: &str) -> Vec<PathBuf> {
    let files = files_below(&root().join(part));
    files.into_iter().filter(|file| file.extension().is_some_and(|ending| ending == "rs")).collect()
}

/// The files that use a crate by name, comments apart.
fn users_of(name: &str, files: &[PathBuf]) -> Vec<PathBuf> {
    let path = format!("{name}::");
    let import = format!("use {name}");
    let uses = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        let whole = |found: usize| {
            let before = code[..found].chars().next_back();
            !before.is_some_and(|before| before.is_alphanumeric() || before == '_' || before == ':')
        };
        code.match_indices(&path).any(|(found, _)| whole(found))
            || code.trim_start().starts_with(&import)
    };
    let users =
        files.iter().filter(|file| std::fs::read_to_string(file).unwrap().lines().any(uses));
    users.map(|file| file.strip_prefix(root()).unwrap().to_owned()).collect()
}

#[track_caller]
fn check_knows_none_of(room: &str, strangers: &[&str]) {
    let known = dependencies(room);
    for stranger in strangers {
        assert!(!known.contains(*stranger), "{room} knows {stranger}");
        let name = stranger.replace('-', "_");
        assert_eq!(users_of(&name, &sources(&format!("{room}/src"))), Vec::<PathBuf>::new());
    }
}

const TERMINAL: [&str; 3] = ["clap", "rustyline", "indicatif"];
const NETWORK: [&str; 2] = ["quinn", "rustls"];
const ROOMS: [&str; 6] = [
    "qchat-proto",
    "qchat-transfer",
    "qchat-node",
    "qchat-client",
    "qchat-terminal",
    "qchat-bench",
];

fn rooms_but(known: &[&str]) -> Vec<&'static str> {
    ROOMS.into_iter().filter(|room| !known.contains(room)).collect()
}

#[test]
fn proto_knows_no_transport_no_store_no_terminal_and_no_other_room() {
    check_knows_none_of("proto", &NETWORK);
    check_knows_none_of("proto", &TERMINAL);
    check_knows_none_of("proto", &["redb", "anyhow"]);
    check_knows_none_of("proto", &rooms_but(&["qchat-proto"]));
}

#[test]
fn transfer_knows_streams_and_of_the_rooms_only_proto() {
    check_knows_none_of("transfer", &["rustls"]);
    check_knows_none_of("transfer", &TERMINAL);
    check_knows_none_of("transfer", &["redb", "anyhow"]);
    check_knows_none_of("transfer", &rooms_but(&["qchat-proto", "qchat-transfer"]));
}

#[test]
fn node_and_client_do_not_know_each_other_nor_the_terminal() {
    for room in ["node", "client"] {
        check_knows_none_of(room, &TERMINAL);
        check_knows_none_of(room, &["anyhow"]);
        let own = format!("qchat-{room}");
        check_knows_none_of(room, &rooms_but(&["qchat-proto", "qchat-transfer", &own]));
    }
}

#[test]
fn the_terminal_knows_the_client_and_neither_server_nor_network() {
    check_knows_none_of("client/terminal", &["qchat-node", "redb"]);
    check_knows_none_of("client/terminal", &NETWORK);
}

#[test]
fn the_bench_is_a_client_and_nobody_knows_it() {
    check_knows_none_of(
        "bench",
        &rooms_but(&["qchat-proto", "qchat-client", "qchat-transfer", "qchat-bench"]),
    );
    for room in ["client/terminal", "."] {
        assert!(!dependencies(room).contains("qchat-bench"), "{room} knows the bench");
    }
}

#[test]
fn only_the_node_knows_the_store_and_only_in_one_module() {
    for room in ["proto", "transfer", "client", "client/terminal", "bench", "."] {
        assert!(!dependencies(room).contains("redb"), "{room} knows redb");
    }
    let users = users_of("redb", &sources("node/src"));
    assert!(!users.is_empty());
    for user in users {
        let inside = user.starts_with("node/src/store") || user == Path::new("node/src/store.rs");
        assert!(inside, "{} knows redb", user.display());
    }
}

#[test]
fn the_store_knows_nobody() {
    let store = sources("node/src/store");
    assert!(!store.is_empty());
    for stranger in ["quinn", "rustls", "argon2", "blake3", "getrandom", "jiff", "time"] {
        assert_eq!(users_of(stranger, &store), Vec::<PathBuf>::new(), "{stranger}");
    }
    // Of the node's own modules it knows none above it.
    for file in &store {
        let code = std::fs::read_to_string(file).unwrap();
        for module in
            ["connection", "dispatch", "endpoint", "session", "answers", "passwords", "uploads"]
        {
            let path = format!("crate::{module}");
            assert!(!code.contains(&path), "{} knows {path}", file.display());
        }
    }
}

#[test]
fn permission_is_decided_in_one_place() {
    let files = sources("node/src").into_iter();
    // What the tests of the store expect, they say themselves.
    let files = files.filter(|file| !file.components().any(|part| part.as_os_str() == "tests"));
    let decide = files.filter(|file| {
        let code = std::fs::read_to_string(file).unwrap();
        ["NotAMember", "MessageNotFound", "UserNotFound"].iter().any(|no| code.contains(no))
    });
    let decide: Vec<_> = decide.map(|file| file.strip_prefix(root()).unwrap().to_owned()).collect();
    assert_eq!(decide, [Path::new("node/src/store/permission.rs")]);
}

#[test]
fn a_change_is_applied_without_a_clock_or_a_die() {
    for file in sources("node/src/store/changes") {
        let code = std::fs::read_to_string(&file).unwrap();
        let code = code.split("#[cfg(test)]").next().unwrap();
        for stranger in
            ["SystemTime", "Instant", "Timestamp::now", "::random()", "std::env", "std::fs"]
        {
            assert!(!code.contains(stranger), "{} knows {stranger}", file.display());
        }
    }
}

/// The macros of the standard library that panic if a standard stream cannot be written to.
const PANICKING: [&str; 5] = ["println!", "print!(", "eprintln!", "eprint!(", "dbg!("];

#[test]
fn nothing_that_ships_writes_by_a_macro_that_panics() {
    let rooms = ["src", "proto", "transfer", "node", "client", "bench", "fuzz"];
    // A test's print is for its reader.
    let ships = |file: &PathBuf| !file.components().any(|part| part.as_os_str() == "tests");
    let mut looked_at = 0;
    for file in rooms.into_iter().flat_map(sources).filter(ships) {
        let code = std::fs::read_to_string(&file).unwrap();
        let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        for (line, found) in code.enumerate() {
            for print in PANICKING {
                assert!(!found.contains(print), "{}, {line}: {found}", file.display());
            }
        }
        looked_at += 1;
    }
    assert!(looked_at > 200, "only {looked_at} files were found");
}

#[test]
fn only_the_terminal_and_the_program_write_to_the_standard_streams() {
    for file in
        ["proto/src", "transfer/src", "node/src", "client/src"].into_iter().flat_map(sources)
    {
        let code = std::fs::read_to_string(&file).unwrap();
        for stream in ["stdout()", "stderr()"] {
            assert!(!code.contains(stream), "{} uses {stream}", file.display());
        }
    }
}
