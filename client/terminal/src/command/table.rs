//! The table of commands. Help, completion, usage errors and suggestions come from it.

use std::fmt::Write;

/// The command that a line begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Register,
    Login,
    Logout,
    Users,
    Send,
    Inbox,
    SendFile,
    Download,
    MakeGroup,
    Join,
    Groups,
    Members,
    SendGroup,
    InboxGroup,
    SendGroupFile,
    DownloadGroup,
    Leave,
    ChangePassword,
    Sessions,
    WhoAmI,
    Transfers,
    Help,
    Quit,
}

/// The description of one command.
#[derive(Debug)]
pub(crate) struct CommandEntry {
    pub(crate) verb: Verb,
    /// The first word of the line.
    pub(crate) name: &'static str,
    /// The required arguments.
    arguments: &'static str,
    /// The options.
    options: &'static str,
    /// One line of help.
    help: &'static str,
    /// An example.
    pub(super) example: &'static str,
}

const fn entry(
    verb: Verb,
    [name, arguments, options, help, example]: [&'static str; 5],
) -> CommandEntry {
    CommandEntry { verb, name, arguments, options, help, example }
}

const SEND_OPTIONS: &str = "[--wait STAGE] [--timeout SECONDS]";

const HISTORY_OPTIONS: &str = "[--limit N] [--before ID] [--from USER] [--unread]";

/// The commands in the order in which a newcomer meets them: those of the specification, those about passwords
/// and sessions, and those of the client itself.
#[rustfmt::skip]
pub(crate) const COMMANDS: [CommandEntry; 23] = [
    entry(Verb::Register, ["auth_register", "USER [PASSWORD]", "",
        "make an account; without PASSWORD it is asked for", "auth_register alice"]),
    entry(Verb::Login, ["auth_login", "USER [PASSWORD]", "",
        "sign in; without PASSWORD it is asked for", "auth_login alice"]),
    entry(Verb::Logout, ["auth_logout", "", "[--all]",
        "sign out; with --all on every device", "auth_logout --all"]),
    entry(Verb::Users, ["ls", "", "",
        "list the other users and who is online", "ls"]),
    entry(Verb::Send, ["send", "USER MESSAGE", SEND_OPTIONS,
        "send a message, the rest of the line as it is", "send bob it's  \"fine\""]),
    entry(Verb::Inbox, ["inbox", "", HISTORY_OPTIONS,
        "show what is unread, and at least the last 20", "inbox --from bob --limit 5"]),
    entry(Verb::SendFile, ["send_file", "USER FILE", SEND_OPTIONS,
        "send a file, several (*.log), or a folder's", "send_file bob ~/report.pdf"]),
    entry(Verb::Download, ["download_file", "NAME", "",
        "fetch a file, or all of a folder (photos/)", "download_file 1763833207123_report.pdf"]),
    entry(Verb::MakeGroup, ["mkgr", "GROUP", "",
        "make a group; you are its owner", "mkgr lab"]),
    entry(Verb::Join, ["join", "GROUP", "",
        "join a group", "join lab"]),
    entry(Verb::Groups, ["ls_group", "", "",
        "list all groups", "ls_group"]),
    entry(Verb::Members, ["ls_member", "GROUP", "",
        "list a group's members", "ls_member lab"]),
    entry(Verb::SendGroup, ["sendgroup", "GROUP MESSAGE", SEND_OPTIONS,
        "send a message to a group", "sendgroup lab the kettle is on"]),
    entry(Verb::InboxGroup, ["inboxgroup", "GROUP", HISTORY_OPTIONS,
        "show a group's messages in the same way", "inboxgroup lab --unread"]),
    entry(Verb::SendGroupFile, ["sendgroup_file", "GROUP FILE", SEND_OPTIONS,
        "send files to a group in the same way", "sendgroup_file lab \"results of today.csv\""]),
    entry(Verb::DownloadGroup, ["downloadgroup_file", "GROUP NAME", "",
        "fetch a group's file into downloadgroup/", "downloadgroup_file lab results.csv"]),
    entry(Verb::Leave, ["leave", "GROUP", "",
        "leave a group", "leave lab"]),
    entry(Verb::ChangePassword, ["passwd", "[OLD NEW]", "",
        "change the password and end all other sessions", "passwd"]),
    entry(Verb::Sessions, ["sessions", "[revoke ID]", "",
        "list your sessions, or end one at once", "sessions revoke 3f9ac01d22b7"]),
    entry(Verb::WhoAmI, ["whoami", "", "",
        "show your user, the server and your devices", "whoami"]),
    entry(Verb::Transfers, ["transfers", "[stop N]", "",
        "list the transfers in the background, or stop one", "transfers stop 2"]),
    entry(Verb::Help, ["help", "[COMMAND]", "",
        "list the commands, or tell more of one", "help send"]),
    entry(Verb::Quit, ["quit", "", "",
        "end the program (also exit, Ctrl-D)", "quit"]),
];

/// Other names of commands.
const ALIASES: [(&str, &str); 1] = [("exit", "quit")];

impl CommandEntry {
    /// The command with this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
        let name = alias.map_or(name, |(_, name)| name);
        COMMANDS.iter().find(|entry| entry.name == name)
    }

    /// The form of the command: `send USER MESSAGE`.
    pub(crate) fn form(&self) -> String {
        let parts = match self.options {
            // These options stand before an argument that takes the rest of the line. Only the manual shows
            // them.
            SEND_OPTIONS => [self.name, self.arguments, ""],
            options => [self.name, self.arguments, options],
        };
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(" ")
    }

    /// The literal words of the form: `--limit`, `revoke`.
    pub(crate) fn literals(&self) -> impl Iterator<Item = &'static str> {
        let words = [self.arguments, self.options].into_iter();
        let words = words.flat_map(|part| part.split(['[', ']', ' ']));
        words.filter(|word| word.starts_with(|first: char| first == '-' || first.is_lowercase()))
    }

    /// How many arguments the command takes. The last one may be the rest of the line.
    pub(crate) fn argument_places(&self) -> usize {
        self.arguments.split_whitespace().count().max(1)
    }

    /// Whether a line with this command may hold a password, also if the command was a typing mistake.
    pub(crate) fn may_hold_password(&self) -> bool {
        self.name.starts_with("auth") || self.verb == Verb::ChangePassword
    }

    /// The text of `help COMMAND`.
    fn manual(&self) -> String {
        let options = match self.options {
            SEND_OPTIONS => {
                let last = self.arguments.split(' ').next_back().unwrap_or_default();
                format!(
                    "  options, after {0}: {SEND_OPTIONS}\n  - as {last} is standard input, in a shell; after {0} -- \
                     every word is taken as it is\n",
                    self.name
                )
            }
            _ => String::new(),
        };
        format!("{}\n  {}\n{options}  example: {}\n", self.form(), self.help, self.example)
    }
}

/// The text of `help`, for one command or for all.
pub(crate) fn help(verb: Option<Verb>) -> String {
    let entry = verb.and_then(|verb| COMMANDS.iter().find(|entry| entry.verb == verb));
    entry.map_or_else(overview, CommandEntry::manual)
}

/// One line for each command.
pub(crate) fn overview() -> String {
    let short = |entry: &CommandEntry| format!("{} {}", entry.name, entry.arguments);
    let width = COMMANDS.iter().map(|entry| short(entry).len()).max().unwrap_or_default();
    let mut text = String::new();
    for entry in &COMMANDS {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{:width$}  {}", short(entry), entry.help);
    }
    text.push_str("a line that moves files goes on in the background if it ends with &\n");
    text.push_str("help COMMAND tells more of one\n");
    text
}

/// A longer word is no mistyped command, and not worth the comparison.
const TYPO_BYTES_MAX: usize = 32;

/// The command that was probably meant by `word`.
pub(crate) fn nearest(word: &str) -> Option<&'static str> {
    if word.len() > TYPO_BYTES_MAX {
        return None;
    }
    let word = word.to_ascii_lowercase().replace('-', "_");
    // The distance from "login" to "auth_login" is large, but the meaning is clear.
    let part = COMMANDS.iter().find(|entry| word.len() > 2 && entry.name.contains(&word));
    let distance = |entry: &&CommandEntry| strsim::damerau_levenshtein(entry.name, &word);
    let near = || {
        let nearest = COMMANDS.iter().min_by_key(distance);
        nearest.filter(|entry| distance(entry) <= (word.len() / 3).clamp(1, 3))
    };
    part.or_else(near).map(|entry| entry.name)
}

#[cfg(test)]
mod tests;
