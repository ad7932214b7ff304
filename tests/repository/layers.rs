//! The dependencies of the crates and of their parts, read from the manifests and the source.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{root, rust_files, without_tests};

/// The crates that a crate depends on, without those of its tests.
fn dependencies(package: &str) -> BTreeSet<String> {
    let manifest = std::fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let dependencies = manifest["dependencies"].as_table().unwrap();
    dependencies.keys().cloned().collect()
}

/// The files whose code names a crate.
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
fn check_uses_none_of(package: &str, forbidden: &[&str]) {
    let known = dependencies(package);
    for other in forbidden {
        assert!(!known.contains(*other), "{package} depends on {other}");
        let name = other.replace('-', "_");
        assert_eq!(users_of(&name, &rust_files(&format!("{package}/src"))), Vec::<PathBuf>::new());
    }
}

const TERMINAL: [&str; 3] = ["clap", "rustyline", "indicatif"];
const NETWORK: [&str; 2] = ["quinn", "rustls"];
const CRATES: [&str; 6] = [
    "qchat-proto",
    "qchat-transfer",
    "qchat-node",
    "qchat-client",
    "qchat-terminal",
    "qchat-bench",
];

fn crates_but(known: &[&str]) -> Vec<&'static str> {
    CRATES.into_iter().filter(|name| !known.contains(name)).collect()
}

#[test]
fn proto_uses_no_transport_no_store_no_terminal_and_no_other_crate() {
    check_uses_none_of("proto", &NETWORK);
    check_uses_none_of("proto", &TERMINAL);
    check_uses_none_of("proto", &["redb", "anyhow"]);
    check_uses_none_of("proto", &crates_but(&["qchat-proto"]));
}

#[test]
fn transfer_uses_streams_and_of_our_crates_only_proto() {
    check_uses_none_of("transfer", &["rustls"]);
    check_uses_none_of("transfer", &TERMINAL);
    check_uses_none_of("transfer", &["redb", "anyhow"]);
    check_uses_none_of("transfer", &crates_but(&["qchat-proto", "qchat-transfer"]));
    // A file moves in the same way for every command.
    let users_of_commands = users_of("qchat_proto::command", &rust_files("transfer/src"));
    assert_eq!(users_of_commands, Vec::<PathBuf>::new());
}

#[test]
fn node_and_client_use_neither_each_other_nor_the_terminal() {
    for package in ["node", "client"] {
        check_uses_none_of(package, &TERMINAL);
        check_uses_none_of(package, &["anyhow"]);
        let own = format!("qchat-{package}");
        check_uses_none_of(package, &crates_but(&["qchat-proto", "qchat-transfer", &own]));
    }
}

#[test]
fn the_terminal_uses_the_client_and_neither_server_nor_network() {
    check_uses_none_of("client/terminal", &["qchat-node", "redb"]);
    check_uses_none_of("client/terminal", &NETWORK);
}

#[test]
fn the_bench_is_a_client_and_no_crate_uses_it() {
    check_uses_none_of(
        "bench",
        &crates_but(&["qchat-proto", "qchat-client", "qchat-transfer", "qchat-bench"]),
    );
    for package in ["client/terminal", "."] {
        assert!(!dependencies(package).contains("qchat-bench"), "{package} uses the bench");
    }
}

#[test]
fn only_the_node_uses_redb_and_only_in_its_embedded_engine() {
    for package in ["proto", "transfer", "client", "client/terminal", "bench", "."] {
        assert!(!dependencies(package).contains("redb"), "{package} uses redb");
    }
    let users = users_of("redb", &rust_files("node/src"));
    assert!(!users.is_empty());
    for user in users {
        let may = ["node/src/store/embedded", "node/src/store/tests"];
        let may = may.iter().any(|folder| user.starts_with(folder));
        assert!(may, "{} uses redb", user.display());
    }
}

#[test]
fn the_store_uses_no_network_no_clock_and_no_randomness_but_for_its_engines() {
    let mut store = rust_files("node/src/store");
    store.retain(|file| !file.starts_with(root().join("node/src/store/postgres")));
    assert!(!store.is_empty());
    for other in ["quinn", "rustls", "argon2", "blake3", "getrandom", "jiff", "time"] {
        assert_eq!(users_of(other, &store), Vec::<PathBuf>::new(), "{other}");
    }
}

#[test]
fn only_one_folder_of_the_store_uses_postgresql() {
    for user in users_of("tokio_postgres", &rust_files("node/src")) {
        assert!(user.starts_with("node/src/store/postgres"), "{}", user.display());
    }
}

#[test]
fn permission_is_decided_in_one_file() {
    let files = rust_files("node/src").into_iter();
    // The tests of the store name the refusals that they expect.
    let files = files.filter(|file| !file.components().any(|part| part.as_os_str() == "tests"));
    let decide = files.filter(|file| {
        let code = std::fs::read_to_string(file).unwrap();
        ["NotAMember", "MessageNotFound", "UserNotFound"].iter().any(|no| code.contains(no))
    });
    let decide: Vec<_> = decide.map(|file| file.strip_prefix(root()).unwrap().to_owned()).collect();
    assert_eq!(decide, [Path::new("node/src/store/permission.rs")]);
}

#[test]
fn a_change_is_applied_without_a_clock_or_randomness() {
    for file in rust_files("node/src/store/changes") {
        let code = std::fs::read_to_string(&file).unwrap();
        let code = without_tests(&code);
        for other in
            ["SystemTime", "Instant", "Timestamp::now", "::random()", "std::env", "std::fs"]
        {
            assert!(!code.contains(other), "{} uses {other}", file.display());
        }
    }
}

#[test]
fn each_change_of_the_store_is_compared_with_the_model() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let steps = read("node/src/store/tests/model/step.rs");
    let generated = read("node/src/store/tests/change_generator.rs");
    let mut changes = Vec::new();
    for file in rust_files("node/src/store/changes") {
        let code = std::fs::read_to_string(&file).unwrap();
        let parts = code.split("impl Change for ").skip(1);
        changes.extend(parts.map(|part| part.split(' ').next().unwrap().to_owned()));
    }
    assert!(changes.len() >= 11, "{changes:?}");
    for change in changes {
        for (code, place) in [(&steps, "the steps of the model"), (&generated, "the generator")] {
            assert!(code.contains(&format!("{change}(")), "{change} is not among {place}");
        }
    }
}

/// The macros of the standard library that panic if a standard stream cannot be written to.
const PANICKING: [&str; 5] = ["println!", "print!(", "eprintln!", "eprint!(", "dbg!("];

#[test]
fn the_program_writes_by_no_macro_that_panics() {
    let folders = ["src", "proto", "transfer", "node", "client", "bench", "fuzz"];
    let ships = |file: &PathBuf| !file.components().any(|part| part.as_os_str() == "tests");
    let mut looked_at = 0;
    for file in folders.into_iter().flat_map(rust_files).filter(ships) {
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
        ["proto/src", "transfer/src", "node/src", "client/src"].into_iter().flat_map(rust_files)
    {
        let code = std::fs::read_to_string(&file).unwrap();
        for stream in ["stdout()", "stderr()"] {
            assert!(!code.contains(stream), "{} uses {stream}", file.display());
        }
    }
}
