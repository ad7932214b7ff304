//! The order of the folders of each crate. A folder, or a file beside the folders, uses only those before it.
//!
//! Tests and the entry points of the fuzzers may use everything, and so do `lib.rs` and `main.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{root, rust_files, without_tests};

/// The source folder of each crate, and its folders and files, the lowest first.
const ORDER: [(&str, &[&str]); 7] = [
    (
        "proto/src",
        &[
            "limits",
            "bounded_vec",
            "code",
            "timestamp",
            "text",
            "names",
            "ids",
            "message",
            "refusal",
            "fingerprint",
            "command",
            "file_stream",
            "frame",
            "quic_codes",
        ],
    ),
    (
        "transfer/src",
        &[
            "layout",
            "lock",
            "buffer",
            "blocking_task",
            "disk_priority",
            "block_io",
            "block_hashes",
            "partial_file",
            "stall_detection",
            "send",
            "quic",
            "receive",
            "stream_pairing",
            "test_bytes",
        ],
    ),
    (
        "node/src",
        &[
            "error_chain",
            "lock",
            "fs",
            "store",
            "clock",
            "identity",
            "network",
            "live",
            "error",
            "auth",
            "limits",
            "files",
            "config",
            "state",
            "connection",
            "commands",
            "tasks",
            "server",
        ],
    ),
    (
        "client/src",
        &[
            "address",
            "lock",
            "private_file",
            "error",
            "trust",
            "connection",
            "client",
            "commands",
            "connect",
            "files",
            "reconnect",
            "follower",
        ],
    ),
    (
        "client/terminal/src",
        &[
            "lock", "values", "exit", "error", "command", "config", "deadline", "outcome",
            "output", "login", "execute", "outbox", "prompt", "script", "start",
        ],
    ),
    (
        "bench/src",
        &[
            "figures",
            "process",
            "server",
            "people",
            "bare",
            "files",
            "relay",
            "chat_beside",
            "live",
            "rival",
            "paths",
            "sends",
        ],
    ),
    (
        "src",
        &["cert", "demo", "logging", "own_terminal", "shared_store", "server_config", "server"],
    ),
];

/// The modules of a crate's code, as paths that begin with the folder or file at the top.
pub(super) fn module_of(file: &Path) -> Vec<String> {
    let parts = file.with_extension("");
    let parts = parts.iter().map(|part| part.to_string_lossy().into_owned());
    parts.filter(|part| !["mod", "lib", "main"].contains(&part.as_str())).collect()
}

/// The paths of a use tree: `a::{b, c::{d, e}}` has `a::b`, `a::c::d` and `a::c::e`.
pub(super) fn paths(tree: &str) -> Vec<String> {
    let Some((prefix, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return vec![path.trim().to_owned()];
    };
    let (mut depth, mut item, mut found) = (0, String::new(), Vec::new());
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ => {}
        }
        match character {
            ',' if depth == 0 => found.push(std::mem::take(&mut item)),
            _ => item.push(character),
        }
    }
    found.push(item);
    let items = found.iter().filter(|item| !item.trim().is_empty());
    items.flat_map(|item| paths(&format!("{}{}", prefix.trim(), item.trim()))).collect()
}

/// The code without comments and without test modules.
pub(super) fn code(source: &str) -> String {
    let lines = without_tests(source).lines();
    lines.map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Those paths that leave the file's own folder, from the crate's root on.
fn paths_from_root(code: &str, module: &[String]) -> Vec<String> {
    paths_in(code).iter().filter_map(|path| absolute(path, module)).collect()
}

/// The paths in a file's code that begin with `crate` or `super`.
pub(super) fn paths_in(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (position, _) in code.match_indices(start) {
            let before = code[..position].chars().next_back();
            if before.is_some_and(|before| before.is_alphanumeric() || "_:$".contains(before)) {
                continue;
            }
            let rest = &code[position..];
            let is_part = |character: char| character.is_alphanumeric() || "_:".contains(character);
            let mut path =
                rest[..rest.find(|part| !is_part(part)).unwrap_or(rest.len())].to_owned();
            if path.ends_with("::") && rest[path.len()..].starts_with('{') {
                let mut depth = 0;
                let end = rest.find(|character| {
                    depth += i32::from(character == '{') - i32::from(character == '}');
                    character == '}' && depth == 0
                });
                rest[..=end.unwrap()].clone_into(&mut path);
            }
            found.extend(paths(&path));
        }
    }
    found
}

/// A path from the crate's root on; `None` if it stays below the file's own folder.
fn absolute(path: &str, module: &[String]) -> Option<String> {
    let mut above = module;
    let mut rest = path;
    if let Some(rest) = rest.strip_prefix("crate::") {
        return Some(rest.to_owned());
    }
    while let Some(after) = rest.strip_prefix("super::") {
        rest = after;
        above = above.split_last().map_or(&[][..], |(_, above)| above);
    }
    above.is_empty().then(|| rest.to_owned())
}

/// The names that `lib.rs` exports, with the folder or file that defines them.
fn exports(source: &str, order: &[&str]) -> BTreeMap<String, String> {
    let mut exports = BTreeMap::new();
    for statement in code(source).split(';') {
        let Some((_, tree)) = statement.split_once("pub use ") else { continue };
        for path in paths(tree) {
            let path = path.trim_start_matches("crate::").trim_start_matches("self::");
            let (first, last) = (path.split("::").next(), path.rsplit("::").next());
            if let (Some(first), Some(last)) = (first, last)
                && order.contains(&first)
            {
                exports.insert(last.to_owned(), first.to_owned());
            }
        }
    }
    exports
}

/// Uses of a folder or file by another one of the crate: user, used, and the file.
fn uses(source_folder: &str, order: &[&str]) -> BTreeSet<(String, String, String)> {
    let folder = root().join(source_folder);
    let library = std::fs::read_to_string(folder.join("lib.rs")).unwrap_or_default();
    let exports = exports(&library, order);
    let mut uses = BTreeSet::new();
    for file in rust_files(source_folder) {
        let path = file.strip_prefix(&folder).unwrap();
        let module = module_of(path);
        let is_test = path.with_extension("").iter().any(|part| part == "tests");
        let Some(user) = module.first().filter(|user| !is_test && *user != "fuzzing") else {
            continue;
        };
        let code = code(&std::fs::read_to_string(&file).unwrap());
        for used in paths_from_root(&code, &module) {
            let name = used.split("::").next().unwrap_or_default();
            let name = exports.get(name).map_or(name, String::as_str);
            if name != user && order.contains(&name) {
                uses.insert((user.clone(), name.to_owned(), path.display().to_string()));
            }
        }
        assert!(order.contains(&user.as_str()), "{source_folder}/{user} has no place in the order");
    }
    uses
}

#[test]
fn a_folder_uses_only_those_before_it() {
    for (source_folder, order) in ORDER {
        let uses = uses(source_folder, order);
        assert!(!uses.is_empty(), "{source_folder}: no use was found");
        let position = |name: &str| order.iter().position(|other| *other == name);
        let upward: Vec<_> =
            uses.iter().filter(|(user, used, _)| position(used) > position(user)).collect();
        assert!(upward.is_empty(), "{source_folder}: {upward:#?}");
        for name in order {
            let path = root().join(source_folder).join(name);
            assert!(path.is_dir() || path.with_extension("rs").is_file(), "{source_folder}/{name}");
        }
    }
}

#[test]
fn each_way_to_name_a_module_is_found() {
    let source = "\
use crate::store::Store;
use crate::store::changes::{Mark, Post};
use super::super::network::endpoint;
use crate::error;
use crate::live::Topic;
// use crate::comment::Comment;
fn f() -> crate::state::State { super::sibling(); mycrate::other(); }
#[cfg(test)]
mod tests {
    use crate::tested::Type;
}
";
    let module = ["auth".to_owned(), "session".to_owned()];
    let mut found = paths_from_root(&code(source), &module);
    found.sort_unstable();
    let expected = [
        "error",
        "live::Topic",
        "network::endpoint",
        "state::State",
        "store::Store",
        "store::changes::Mark",
        "store::changes::Post",
    ];
    assert_eq!(found, expected);
    let library =
        "pub use crate::files::Folder;\npub use config::{Config, Limits};\npub use other::Other;";
    let exports = exports(library, &["files", "config"]);
    assert_eq!(exports.into_keys().collect::<Vec<_>>(), ["Config", "Folder", "Limits"]);
}
