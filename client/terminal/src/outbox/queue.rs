//! The queue of lines that wait for a connection: each is on the disk before the user is told that it waits.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use qchat_client::proto::{Address, ClientId};
use qchat_client::{Code, MessageText};
use tokio::task::block_in_place;

use crate::command::{Command, Input, parse};
use crate::error::{CommandError, CommandResult};
use crate::execute::absolute_names;
use crate::outbox::file::{OutboxError, OutboxFile, Waiting};

/// The most waiting lines, and the most bytes of them together.
const LINES_MAX: usize = 1000;
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// The waiting lines, in the order of typing.
#[derive(Debug)]
pub(crate) struct Outbox {
    file: OutboxFile,
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Whether the disk still has lines that were removed.
    is_behind: bool,
}

impl Outbox {
    /// The outbox whose files are in `folders`, with the lines of ended clients; and the notices about damaged
    /// files. Waits for the disk, as all methods do that change the outbox.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub(crate) fn open(folders: &[impl AsRef<Path>]) -> Result<(Self, Vec<String>), OutboxError> {
        let (file, left) = block_in_place(|| OutboxFile::open(folders))?;
        let waiting = VecDeque::from(left.waiting);
        let bytes = waiting.iter().map(|one| one.kept().len()).sum();
        Ok((Self { file, waiting, bytes, is_behind: false }, left.remarks))
    }

    /// The number of waiting lines.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The line that is sent next.
    pub(crate) fn first(&self) -> Option<&Waiting> {
        self.waiting.front()
    }

    /// The text of the line at this index, with its id, if the line only sends a text.
    pub(crate) fn text(&self, index: usize) -> Option<(ClientId, Address, MessageText)> {
        let one = self.waiting.get(index)?;
        let (to, text) = one.line.text()?;
        Some((one.id, to, text))
    }

    /// Appends a line. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`CommandError`]: the outbox is full, the line can never be sent, or the disk does not take it.
    pub(crate) fn push(&mut self, id: ClientId, text: &str, line: &Command) -> CommandResult<()> {
        let one = lasting(id, text, line)?;
        let bytes = self.bytes + one.kept().len();
        if self.waiting.len() >= LINES_MAX || bytes > BYTES_MAX {
            let text = format!(
                "{} lines wait already, and no more can; it was not sent, the Up key brings it back",
                self.waiting.len()
            );
            return Err(CommandError::refused(Code::OutboxFull, text));
        }
        self.waiting.push_back(one);
        if let Err(reason) = self.save() {
            self.waiting.pop_back();
            let text = format!("it cannot be kept until the connection is back: {reason}");
            return Err(CommandError::refused(Code::LocalFile, text));
        }
        (self.bytes, self.is_behind) = (bytes, false);
        Ok(())
    }

    /// Removes the first line, whose result is known. It stays on the disk until [`save_popped`](Self::save_popped).
    pub(crate) fn pop(&mut self) -> Option<Waiting> {
        let one = self.waiting.pop_front()?;
        self.bytes = self.bytes.saturating_sub(one.kept().len());
        self.is_behind = true;
        Some(one)
    }

    /// Whether the disk still has lines that were removed.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Removes the removed lines from the disk, too.
    ///
    /// # Errors
    /// The operating system's: another client sends them again then, without effect. The next try comes when
    /// another line is removed.
    pub(crate) fn save_popped(&mut self) -> io::Result<()> {
        match std::mem::take(&mut self.is_behind) {
            true => self.save(),
            false => Ok(()),
        }
    }

    fn save(&self) -> io::Result<()> {
        block_in_place(|| self.file.save(&self.waiting))
    }
}

/// The line in a form that can be sent later and from another folder. Errors in the line are reported now.
fn lasting(id: ClientId, text: &str, line: &Command) -> CommandResult<Waiting> {
    if let Command::Send { text, .. } = line {
        MessageText::try_from(text.clone())?;
    }
    let text = match line {
        Command::SendFile { to, files, .. } => {
            let (verb, to) = match to {
                Address::User(user) => ("send_file", user.as_str()),
                Address::Group(group) => ("sendgroup_file", group.as_str()),
            };
            format!("{verb} {to} {}", block_in_place(|| absolute_names(files))?)
        }
        _ => text.to_owned(),
    };
    let line = parse(Input::Line(&text))?;
    Ok(Waiting { id, text, line })
}

#[cfg(test)]
mod tests;
