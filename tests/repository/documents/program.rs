//! The program as its own help describes it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::OnceLock;

use crate::harness::PROGRAM;

/// The parts of the program, `qchat server` for example. The program itself has an empty name.
pub(super) const PARTS: [&str; 5] = ["", "server", "client", "cert", "demo"];

/// The help of the program.
pub(super) struct Program {
    /// The help of each part.
    pub(super) parts: BTreeMap<&'static str, String>,
    /// The help of each command of the client, `listen` included.
    pub(super) commands: BTreeMap<String, String>,
}

impl Program {
    /// The program, asked once.
    pub(super) fn get() -> &'static Self {
        static PROGRAM: OnceLock<Program> = OnceLock::new();
        PROGRAM.get_or_init(Self::ask)
    }

    fn ask() -> Self {
        let parts = PARTS.map(|part| match part {
            "" => (part, help(&["--help"])),
            _ => (part, help(&[part, "--help"])),
        });
        let overview = help(&["client", "help"]);
        // The last lines are sentences about all commands.
        let names = overview.lines().filter(|line| line.contains("  "));
        let names = names.filter_map(|line| line.split_whitespace().next()).chain(["listen"]);
        let commands = names.map(|name| (name.to_owned(), help(&["client", name, "--help"])));
        Self { parts: parts.into(), commands: commands.collect() }
    }

    /// The flags of the client and of all its commands.
    pub(super) fn client_flags(&self) -> BTreeSet<&str> {
        let help = self.commands.values().chain([&self.parts["client"]]);
        help.flat_map(|help| flags(help)).collect()
    }

    /// Every flag of every part and command.
    pub(super) fn flags(&self) -> BTreeSet<&str> {
        let parts = self.parts.values().flat_map(|help| flags(help));
        parts.chain(self.client_flags()).collect()
    }
}

/// The flags in a text.
pub(super) fn flags(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |part: char| part.is_ascii_lowercase() || part == '-';
    let words =
        text.split(move |part: char| !is_part(part) && !part.is_ascii_digit() && part != '_');
    words.filter(move |word| {
        let name = word.strip_prefix("--").unwrap_or_default();
        name.starts_with(|first: char| first.is_ascii_lowercase()) && name.chars().all(is_part)
    })
}

fn help(arguments: &[&str]) -> String {
    let shown = Command::new(PROGRAM).args(arguments).output().unwrap();
    assert!(shown.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&shown.stderr));
    String::from_utf8(shown.stdout).unwrap()
}
