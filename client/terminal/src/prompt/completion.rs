//! Completion of the names of commands and options.

use crate::command::{COMMANDS, CommandEntry};

/// The start of the word at the end of `typed`, and the words that it may become.
pub(super) fn complete(typed: &str) -> (usize, Vec<String>) {
    let start = typed.rfind([' ', '\t']).map_or(0, |space| space + 1);
    let (before, word) = typed.split_at(start);
    let commands = || COMMANDS.iter().map(|entry| entry.name).collect();
    let names: Vec<&str> = match before.trim() {
        "" | "help" => commands(),
        before => {
            let command = before.split_whitespace().next().and_then(CommandEntry::named);
            command.map(|entry| entry.literals().collect()).unwrap_or_default()
        }
    };
    let matching = names.into_iter().filter(|name| name.starts_with(word));
    (start, matching.map(|name| format!("{name} ")).collect())
}

#[cfg(test)]
mod tests;
