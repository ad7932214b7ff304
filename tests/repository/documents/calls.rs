//! The programs and commands that the code of a document calls.

use super::program::Program;

/// A program or a command, and the words that follow it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call<'a> {
    pub(super) callee: Callee<'a>,
    pub(super) words: Vec<&'a str>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Callee<'a> {
    /// `qchat server` and the like, by its part.
    Part(&'a str),
    /// A command of the client.
    Command(&'a str),
    /// A script of the repository, by its path.
    Script(&'a str),
    /// None: the code is a flag alone.
    Flag,
}

/// The calls in a line of code, or in code of running text.
pub(super) fn calls(code: &str) -> Vec<Call<'_>> {
    if let Some(line) = prompt_line(code) {
        return command(&words(line), true).into_iter().collect();
    }
    let mut calls: Vec<_> =
        code.split(" | ").flat_map(|part| part.split("&& ")).flat_map(shell_call).collect();
    let quoted = code.split("-c '").skip(1).filter_map(|rest| rest.split('\'').next());
    calls.extend(quoted.filter_map(|line| command(&words(line), true)));
    calls
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// The line that a prompt shows as typed.
pub(super) fn prompt_line(code: &str) -> Option<&str> {
    let (prompt, line) = code.split_once("> ")?;
    let (place, state) = prompt.split_once(" (").unwrap_or((prompt, ")"));
    let is_place = |part: char| part.is_ascii_lowercase() || ".@".contains(part);
    (state.ends_with(')') && !place.is_empty() && place.chars().all(is_place)).then_some(line)
}

/// The words of a shell's line, without those that say how to run it.
fn shell_call(line: &str) -> Vec<Call<'_>> {
    let words = line.split_whitespace().skip_while(|word| {
        ["$", "sudo", "nice", "export"].contains(word) || word.starts_with("QCHAT_")
    });
    let words: Vec<_> = words.collect();
    let Some((&first, rest)) = words.split_first() else { return Vec::new() };
    match first {
        "qchat" => qchat(rest),
        // After `--` stand the words of the program.
        "cargo" if !words.iter().any(|word| word.starts_with("qchat-") || *word == "--example") => {
            rest.iter()
                .position(|word| *word == "--")
                .map_or_else(Vec::new, |end| qchat(&rest[end + 1..]))
        }
        _ if first.starts_with("scripts/") => {
            vec![Call { callee: Callee::Script(first), words: rest.to_vec() }]
        }
        _ if first.starts_with("--") => vec![Call { callee: Callee::Flag, words }],
        _ => command(&words, false).into_iter().collect(),
    }
}

fn qchat<'a>(words: &[&'a str]) -> Vec<Call<'a>> {
    let Some((&part, words)) = words.split_first() else { return Vec::new() };
    if part.starts_with('-') {
        return vec![Call { callee: Callee::Part(""), words: [&[part], words].concat() }];
    }
    let is_command = part == "client";
    let (own, rest) = words.split_at(if is_command { command_place(words) } else { words.len() });
    let call = Call { callee: Callee::Part(part), words: own.to_vec() };
    std::iter::once(call).chain(command(rest, is_command)).collect()
}

/// The place of the command among the words after `qchat client`.
fn command_place(words: &[&str]) -> usize {
    let help = &Program::get().parts["client"];
    let mut place = 0;
    while let Some(word) = words.get(place).filter(|word| word.starts_with('-')) {
        let takes_a_value = *word == "-c" || help.contains(&format!("{word} <"));
        place += if takes_a_value { 2 } else { 1 };
    }
    // The line of `-c` is one word of the shell.
    if words.contains(&"-c") { words.len() } else { place.min(words.len()) }
}

/// The call of a client's command. A first word that is none is one all the same if the code says so, or if it is
/// written like a command.
fn command<'a>(words: &[&'a str], is_certain: bool) -> Option<Call<'a>> {
    let (&first, rest) = words.split_first()?;
    let is_name = |word: &str| word.chars().all(|part| part.is_ascii_lowercase() || part == '_');
    let is_written_so =
        is_name(first) && first.contains('_') && rest.first().is_some_and(|word| *word != "=");
    let is_known = Program::get().commands.contains_key(first);
    let is_command = is_known || is_written_so || is_certain && is_name(first);
    is_command.then(|| Call { callee: Callee::Command(first), words: rest.to_vec() })
}

#[test]
fn calls_are_found_in_code() {
    let found = |code| {
        let found = calls(code).into_iter();
        found.map(|call| format!("{:?} {}", call.callee, call.words.join(" "))).collect::<Vec<_>>()
    };
    assert_eq!(found("qchat server --quota 10G"), ["Part(\"server\") --quota 10G"]);
    assert_eq!(
        found("df -h | sudo qchat client --user a --json sned bob --x"),
        ["Part(\"client\") --user a --json", "Command(\"sned\") bob --x"]
    );
    assert_eq!(found("alice@chat.example.org (offline)> sned bob"), ["Command(\"sned\") bob"]);
    assert_eq!(found("qchat client -c 'ls --x' -c quit")[1], "Command(\"ls\") --x");
    assert_eq!(found("cargo run --release -- demo --stay"), ["Part(\"demo\") --stay"]);
    assert_eq!(found("cargo build --release"), [""; 0]);
    assert_eq!(found("send_fiel bob x"), ["Command(\"send_fiel\") bob x"]);
    assert_eq!(found("--quota 10G"), ["Flag --quota 10G"]);
    assert_eq!(found("scripts/test unit"), ["Script(\"scripts/test\") unit"]);
    assert_eq!(found("user_not_found"), [""; 0]);
    assert_eq!(found("max_file_size = 10G"), [""; 0]);
}
