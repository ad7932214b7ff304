//! No circles: a file does not use a file that uses it, directly or through others.
//!
//! Tests and `lib.rs` may use everything. A `mod.rs` that only exports its files uses none of them.

use std::collections::{BTreeMap, BTreeSet};

use super::folders::{code, module_of, paths, paths_in};
use super::{root, rust_files};

/// The source folders of the crates.
const CRATES: [&str; 7] = [
    "proto/src",
    "transfer/src",
    "node/src",
    "client/src",
    "client/terminal/src",
    "bench/src",
    "src",
];

/// A file of a crate.
struct Module {
    /// Paths that the file exports, by their last name.
    exports: BTreeMap<String, String>,
    /// Paths that the file uses, from the crate's root on.
    uses: Vec<String>,
}

/// Takes the trees of all statements that begin with one of these out of the code.
fn take_exports(code: &mut String) -> Vec<String> {
    let starts = ["pub use ", "pub(crate) use ", "pub(super) use "];
    let mut trees = Vec::new();
    while let Some((first, start)) =
        starts.iter().find_map(|start| code.find(start).map(|first| (first, start)))
    {
        let end = first + code[first..].find(';').unwrap();
        trees.push(code[first + start.len()..end].to_owned());
        code.replace_range(first..=end, "");
    }
    trees
}

/// A path from the crate's root on.
fn from_root(path: &str, module: &[String]) -> String {
    let mut above = module;
    let mut rest = path;
    if let Some(rest) = rest.strip_prefix("crate::") {
        return rest.to_owned();
    }
    rest = rest.strip_prefix("self::").unwrap_or(rest);
    while let Some(after) = rest.strip_prefix("super::") {
        rest = after;
        above = above.split_last().map_or(&[][..], |(_, above)| above);
    }
    [above, &[rest.to_owned()]].concat().join("::")
}

/// The files of a crate, by their module.
fn modules(folder: &str) -> BTreeMap<String, Module> {
    let mut modules = BTreeMap::new();
    for file in rust_files(folder) {
        let path = file.strip_prefix(root().join(folder)).unwrap();
        if path.with_extension("").iter().any(|part| part == "tests") {
            continue;
        }
        let module = module_of(path);
        let mut code = code(&std::fs::read_to_string(&file).unwrap());
        let exports = take_exports(&mut code);
        let exports = exports.iter().flat_map(|tree| paths(tree)).map(|path| {
            let path = from_root(&path, &module);
            (path.rsplit("::").next().unwrap_or_default().to_owned(), path)
        });
        let exports = exports.collect();
        let uses = paths_in(&code).iter().map(|path| from_root(path, &module)).collect();
        modules.insert(module.join("::"), Module { exports, uses });
    }
    modules
}

/// The file that defines a path: that of the longest part which is a module, unless it exports another one's.
fn definer(path: &str, modules: &BTreeMap<String, Module>) -> Option<String> {
    let parts: Vec<&str> = path.split("::").collect();
    let length =
        (0..=parts.len()).rev().find(|&end| modules.contains_key(&parts[..end].join("::")))?;
    let name = parts[..length].join("::");
    let exported = parts.get(length).and_then(|part| modules[&name].exports.get(*part));
    match exported {
        Some(exported) if exported != path => definer(exported, modules),
        _ => Some(name),
    }
}

/// The uses among files that are left when those that are in no circle are taken away.
fn circles(modules: &BTreeMap<String, Module>) -> BTreeSet<(String, String)> {
    let uses = modules.iter().filter(|(name, _)| !name.is_empty()).flat_map(|(name, module)| {
        let used = module.uses.iter().filter_map(|path| definer(path, modules));
        used.map(move |used| (name.clone(), used))
    });
    let mut uses: BTreeSet<_> = uses.filter(|(user, used)| user != used).collect();
    loop {
        let users: BTreeSet<_> = uses.iter().map(|(user, _)| user.clone()).collect();
        let used: BTreeSet<_> = uses.iter().map(|(_, used)| used.clone()).collect();
        let before = uses.len();
        uses.retain(|(from, to)| users.contains(to) && used.contains(from));
        if uses.len() == before {
            return uses;
        }
    }
}

#[test]
fn files_do_not_use_each_other_in_circles() {
    for folder in CRATES {
        let modules = modules(folder);
        let uses: usize = modules.values().map(|module| module.uses.len()).sum();
        assert!(uses > 3, "{folder}: only {uses} uses were found");
        let circles = circles(&modules);
        assert!(circles.is_empty(), "{folder}: {circles:#?}");
    }
}

#[test]
fn a_circle_is_found_also_through_an_export() {
    let module = |exports: &[(&str, &str)], uses: &[&str]| Module {
        exports: exports.iter().map(|(name, path)| ((*name).into(), (*path).into())).collect(),
        uses: uses.iter().map(|path| (*path).to_owned()).collect(),
    };
    let mut modules = BTreeMap::from([
        ("a".to_owned(), module(&[], &["store::Store"])),
        ("store".to_owned(), module(&[("Store", "store::writer::Store")], &[])),
        ("store::writer".to_owned(), module(&[], &["b::B"])),
        ("b".to_owned(), module(&[], &[])),
    ]);
    assert_eq!(circles(&modules), BTreeSet::new());
    modules.insert("b".to_owned(), module(&[], &["a::A"]));
    assert_eq!(circles(&modules).len(), 3);
    let mut code = "use x::y;\npub(crate) use store::{Store, Log};\nfn f() {}".to_owned();
    assert_eq!(take_exports(&mut code), ["store::{Store, Log}"]);
    assert_eq!(code, "use x::y;\n\nfn f() {}");
}
