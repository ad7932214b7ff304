//! Parses a line into a command.

use qchat_proto::command::Log;
use qchat_proto::{Address, Password, PasswordError, SessionIdError};

use crate::command::commands::{Command, PasswordChange};
use crate::command::error::{ParseError, unexpected};
use crate::command::file_arguments::FileArguments;
use crate::command::history_options::HistoryArguments;
use crate::command::names::{self, PrefixedName};
use crate::command::table::{CommandEntry, Verb};
use crate::command::wait_options::WaitOptions;
use crate::command::words::{Input, Words, bounded};

/// Parses a line.
///
/// # Errors
/// [`ParseError`]: the line has no known command, or not the form of its command.
pub(crate) fn parse(input: Input<'_>) -> Result<Command, ParseError> {
    let mut words = Words::of(input);
    let word = words.next().unwrap_or_default();
    let entry = CommandEntry::named(word).ok_or_else(|| match input {
        Input::Arguments(_) if word.starts_with('-') => ParseError::UnknownOption(bounded(word)),
        _ => ParseError::unknown(word),
    })?;
    let mut arguments = Arguments { entry, words, options: OptionParsing::Read };
    if arguments.ask_for_help() {
        return Ok(Command::Help(Some(entry.verb)));
    }
    arguments.end_options();
    arguments.parse()
}

/// Whether options are parsed, and `-` means standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OptionParsing {
    Read,
    /// After `--`, every word is taken as it is.
    Ended,
}

/// Means standard input as a MESSAGE or a FILE.
const STANDARD_INPUT: &str = "-";

/// The words after the name of a command.
#[derive(Clone)]
struct Arguments<'a> {
    entry: &'static CommandEntry,
    words: Words<'a>,
    options: OptionParsing,
}

impl Arguments<'_> {
    /// Whether `--help` is the first word, or the last of the words that the command expects: nobody sends it
    /// as a text.
    fn ask_for_help(&self) -> bool {
        let places = self.entry.argument_places();
        let mut words = self.words.clone().take(places + 1);
        let first = words.next();
        let count = usize::from(first.is_some()) + words.clone().count();
        let last = words.last().or(first);
        first == Some("--help")
            || (first != Some("--") && count <= places && last == Some("--help"))
    }

    /// Removes a leading `--`.
    fn end_options(&mut self) {
        let mut ahead = self.words.clone();
        if ahead.next() == Some("--") {
            self.words = ahead;
            self.options = OptionParsing::Ended;
        }
    }

    fn parse(mut self) -> Result<Command, ParseError> {
        match self.entry.verb {
            Verb::Register => {
                let user = self.name()?;
                Ok(Command::Register { user, password: self.password()? })
            }
            Verb::Login => {
                let user = self.name()?;
                Ok(Command::Login { user, password: self.password()? })
            }
            Verb::Send | Verb::SendGroup => self.message(),
            Verb::SendFile | Verb::SendGroupFile | Verb::Download | Verb::DownloadGroup => {
                self.transfer()
            }
            Verb::Inbox => self.history(Log::Inbox),
            Verb::InboxGroup => {
                let log = Log::Group(self.name()?);
                self.history(log)
            }
            Verb::Logout => self.logout(),
            Verb::ChangePassword => self.password_change(),
            Verb::Sessions => self.sessions(),
            Verb::Transfers => self.transfers(),
            Verb::Help => self.help(),
            _ => self.short(),
        }
    }

    /// Parses the commands with at most one name.
    fn short(mut self) -> Result<Command, ParseError> {
        let line = match self.entry.verb {
            Verb::MakeGroup => Command::MakeGroup(self.name()?),
            Verb::Join => Command::Join(self.name()?),
            Verb::Leave => Command::Leave(self.name()?),
            Verb::Members => Command::Members(self.name()?),
            verb => Command::without_words(verb),
        };
        self.nothing_more().map(|()| line)
    }

    fn usage(&self, why: &str) -> ParseError {
        ParseError::usage(self.entry, why)
    }

    fn name<N: PrefixedName>(&mut self) -> Result<N, ParseError> {
        let word = self.words.next().ok_or_else(|| self.usage(""))?;
        names::name(word).map_err(ParseError::Name)
    }

    fn history(self, log: Log) -> Result<Command, ParseError> {
        if self.options == OptionParsing::Ended {
            self.clone().nothing_more()?;
        }
        HistoryArguments::parse(self.entry, log, self.words).map(Command::History)
    }

    /// Parses the options and the receiver before a text or a file.
    fn receiver(&mut self) -> Result<(WaitOptions, Address), ParseError> {
        let wait = match self.options {
            OptionParsing::Read => {
                WaitOptions::take(&mut self.words).map_err(|why| self.usage(&why))?
            }
            OptionParsing::Ended => WaitOptions::default(),
        };
        let to = match self.entry.verb {
            Verb::SendGroup | Verb::SendGroupFile => Address::Group(self.name()?),
            _ => Address::User(self.name()?),
        };
        Ok((wait, to))
    }

    fn password(self) -> Result<Option<Password>, ParseError> {
        let entry = self.entry;
        let text = self.words.rest().filter(|text| !text.is_empty());
        text.map(|text| password(entry, text)).transpose()
    }

    /// Parses two words. An error repeats no word of a line with passwords.
    fn password_change(mut self) -> Result<Command, ParseError> {
        let change = match [self.words.next(), self.words.next(), self.words.next()] {
            [None, ..] => None,
            [Some(old), Some(new), None] => Some(PasswordChange {
                old: password(self.entry, old.to_owned())?,
                new: password(self.entry, new.to_owned())?,
            }),
            _ => return Err(self.usage("passwords with spaces have to be asked for: passwd")),
        };
        Ok(Command::ChangePassword(change))
    }

    fn logout(mut self) -> Result<Command, ParseError> {
        let line = match self.words.next() {
            None => Command::Logout,
            Some("--all") if self.options == OptionParsing::Read => Command::LogoutEverywhere,
            Some(word) => return Err(self.usage(&unexpected(word))),
        };
        self.nothing_more().map(|()| line)
    }

    fn sessions(mut self) -> Result<Command, ParseError> {
        let line = match self.words.next() {
            None => Command::Sessions,
            Some("revoke") => {
                let id = self.words.next().ok_or_else(|| self.usage(""))?.parse();
                let wrong = |wrong: SessionIdError| self.usage(&wrong.to_string());
                Command::RevokeSession(id.map_err(wrong)?)
            }
            Some(word) => return Err(self.usage(&unexpected(word))),
        };
        self.nothing_more().map(|()| line)
    }

    fn message(mut self) -> Result<Command, ParseError> {
        let (wait, to) = self.receiver()?;
        let text = self.words.rest().unwrap_or_default();
        let is_input = self.options == OptionParsing::Read && text == STANDARD_INPUT;
        let line = Command::Send { to, text, wait };
        Ok(if is_input { Command::FromInput(Box::new(line)) } else { line })
    }

    /// Parses a command that moves files, in the foreground or in the background.
    fn transfer(mut self) -> Result<Command, ParseError> {
        let entry = self.entry;
        let in_background = self.words.take_ampersand();
        let line = match entry.verb {
            Verb::Download => self.file_name(Log::Inbox),
            Verb::DownloadGroup => {
                let log = Log::Group(self.name()?);
                self.file_name(log)
            }
            _ => self.files(),
        }?;
        if in_background && matches!(line, Command::FromInput(_)) {
            let why = "standard input is not sent in the background";
            return Err(ParseError::usage(entry, why));
        }
        if in_background && line.wait() != WaitOptions::default() {
            let why = "in the background nothing waits: the prompt tells when it is delivered";
            return Err(ParseError::usage(entry, why));
        }
        Ok(if in_background { Command::Background(Box::new(line)) } else { line })
    }

    fn files(mut self) -> Result<Command, ParseError> {
        let (wait, to) = self.receiver()?;
        let usage = self.usage("");
        let is_input = self.options == OptionParsing::Read && self.is_dash();
        let files = FileArguments::from_words(self.words).ok_or(usage)?;
        let line = Command::SendFile { to, files, wait };
        Ok(if is_input { Command::FromInput(Box::new(line)) } else { line })
    }

    /// Whether only `-` is left.
    fn is_dash(&self) -> bool {
        let mut words = self.words.clone();
        words.next() == Some(STANDARD_INPUT) && words.next().is_none()
    }

    fn transfers(mut self) -> Result<Command, ParseError> {
        let line = match self.words.next() {
            None => Command::Transfers,
            Some("stop") => {
                let number = self.words.next().and_then(|word| word.parse().ok());
                let usage = self.usage("");
                Command::StopTransfer(number.ok_or(usage)?)
            }
            Some(word) => return Err(self.usage(&unexpected(word))),
        };
        self.nothing_more().map(|()| line)
    }

    fn file_name(self, log: Log) -> Result<Command, ParseError> {
        let usage = self.usage("");
        let name = self.words.rest_unquoted().ok_or(usage)?;
        Ok(Command::Download { log, name })
    }

    fn help(mut self) -> Result<Command, ParseError> {
        let Some(word) = self.words.next() else { return Ok(Command::Help(None)) };
        let entry = CommandEntry::named(word).ok_or_else(|| ParseError::unknown(word))?;
        self.nothing_more().map(|()| Command::Help(Some(entry.verb)))
    }

    fn nothing_more(mut self) -> Result<(), ParseError> {
        match self.words.next() {
            Some(word) => Err(self.usage(&unexpected(word))),
            None => Ok(()),
        }
    }
}

fn password(entry: &CommandEntry, text: String) -> Result<Password, ParseError> {
    Password::try_from(text)
        .map_err(|wrong: PasswordError| ParseError::usage(entry, &wrong.to_string()))
}

#[cfg(test)]
mod tests;
