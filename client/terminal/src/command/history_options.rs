//! The options of `inbox` and `inboxgroup GROUP`.

use std::fmt;

use qchat_proto::command::{Log, Selection};
use qchat_proto::{Address, MessageId, Sequence, UserName};

use crate::command::error::{ParseError, unexpected};
use crate::command::names;
use crate::command::table::CommandEntry;
use crate::command::words::Words;

/// How many messages are shown at least, read or unread.
const NEWEST: u32 = 20;

/// A request for a part of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HistoryArguments {
    pub(crate) log: Log,
    pub(crate) selection: Selection,
    pub(crate) from: Option<UserName>,
    pub(crate) before: Option<HistoryEnd>,
}

/// The message before which the part ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HistoryEnd {
    /// By its sequence number in the log.
    Sequence(Sequence),
    /// By its id. Only the reader's name tells whether it belongs to the log.
    Id(MessageId),
}

#[derive(Default)]
struct HistoryOptions {
    limit: Option<u32>,
    unread: bool,
    from: Option<UserName>,
    before: Option<HistoryEnd>,
}

impl HistoryArguments {
    /// Reads the options.
    ///
    /// # Errors
    /// [`ParseError::Usage`], or [`ParseError::Name`] for a sender whose name breaks the rule.
    pub(crate) fn parse(
        entry: &CommandEntry,
        log: Log,
        mut words: Words<'_>,
    ) -> Result<Self, ParseError> {
        let usage = |why: String| ParseError::usage(entry, &why);
        let mut options = HistoryOptions::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| usage(format!("{word} takes a value")));
            match word {
                "--unread" => options.unread = true,
                "--limit" => options.limit = Some(limit(value()?).map_err(usage)?),
                "--from" => options.from = Some(names::name(value()?)?),
                "--before" => options.before = Some(before(value()?).map_err(usage)?),
                _ => return Err(usage(unexpected(word))),
            }
        }
        let HistoryOptions { limit, unread, from, before } = options;
        Ok(Self { log, selection: selection(limit, unread), from, before })
    }

    /// The sequence number before which the part ends, for this reader.
    ///
    /// # Errors
    /// A sentence that names the log of the id.
    pub(crate) fn before(&self, reader: &UserName) -> Result<Option<Sequence>, String> {
        let id = match &self.before {
            None => return Ok(None),
            Some(HistoryEnd::Sequence(place)) => return Ok(Some(*place)),
            Some(HistoryEnd::Id(id)) => id,
        };
        let read_here = match (&self.log, &id.log) {
            (Log::Inbox, Address::User(user)) => user == reader,
            (Log::Group(here), Address::Group(group)) => here == group,
            _ => false,
        };
        match &id.log {
            _ if read_here => Ok(Some(id.sequence)),
            Address::User(user) => Err(format!("{id} is a message to {user}, not one of these")),
            Address::Group(group) => {
                Err(format!("{id} is a message to the group {group}, not one of these"))
            }
        }
    }
}

/// The line that asks for the same part, without `--before`.
impl fmt::Display for HistoryArguments {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.log {
            Log::Inbox => formatter.write_str("inbox")?,
            Log::Group(group) => write!(formatter, "inboxgroup {group}")?,
        }
        if let Some(from) = &self.from {
            write!(formatter, " --from {from}")?;
        }
        match self.selection {
            Selection::UnreadAndNewest(_) => Ok(()),
            Selection::Newest(limit) => write!(formatter, " --limit {limit}"),
            Selection::Unread => formatter.write_str(" --unread"),
            Selection::NewestUnread(limit) => write!(formatter, " --unread --limit {limit}"),
        }
    }
}

fn selection(limit: Option<u32>, unread: bool) -> Selection {
    match (limit, unread) {
        (None, false) => Selection::UnreadAndNewest(NEWEST),
        (None, true) => Selection::Unread,
        (Some(limit), false) => Selection::Newest(limit),
        (Some(limit), true) => Selection::NewestUnread(limit),
    }
}

fn limit(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|&limit| limit > 0);
    number.ok_or_else(|| "--limit takes a number from 1".to_owned())
}

fn before(text: &str) -> Result<HistoryEnd, String> {
    let place = text.parse().ok().filter(|&place| place > 0);
    let place = place.map(|place| HistoryEnd::Sequence(Sequence(place)));
    let id = || text.parse().ok().map(HistoryEnd::Id);
    place
        .or_else(id)
        .ok_or_else(|| "--before takes a message's id such as @bob:17 or +lab:17".to_owned())
}
