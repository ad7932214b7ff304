//! The queue of lines that wait for a connection: each is on the disk before the user is told that it waits.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use qchat_client::proto::{Address, ClientId};
use qchat_client::{Code, MessageText};
use tokio::task::block_in_place;

use crate::command::{Command, Input, parse};
use crate::error::CommandError;
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
    /// The outbox whose files are in `folder`, with the lines of ended clients; and the notices about damaged
    /// files. Waits for the disk, as all methods do that change the outbox.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub(crate) fn open(folder: &Path) -> Result<(Self, Vec<String>), OutboxError> {
        let (file, left) = block_in_place(|| OutboxFile::open(folder))?;
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
    pub(crate) fn push(
        &mut self,
        id: ClientId,
        text: &str,
        line: &Command,
    ) -> Result<(), CommandError> {
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
fn lasting(id: ClientId, text: &str, line: &Command) -> Result<Waiting, CommandError> {
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
mod tests {
    use super::*;

    fn push(outbox: &mut Outbox, text: &str) -> Result<(), CommandError> {
        outbox.push(ClientId::random(), text, &parse(Input::Line(text)).unwrap())
    }

    fn texts(outbox: &Outbox) -> Vec<&str> {
        outbox.waiting.iter().map(|one| one.text.as_str()).collect()
    }

    #[test]
    fn lines_wait_in_order_and_outlive_their_client() {
        let folder = tempfile::tempdir().unwrap();
        let (mut outbox, _) = Outbox::open(folder.path()).unwrap();
        for text in ["send bob one", "mkgr lab", "join lab"] {
            push(&mut outbox, text).unwrap();
        }
        let ids: Vec<_> = outbox.waiting.iter().map(|one| one.id).collect();
        outbox.pop().unwrap();
        outbox.save_popped().unwrap();
        drop(outbox);
        let (outbox, remarks) = Outbox::open(folder.path()).unwrap();
        assert_eq!((texts(&outbox), remarks.len()), (vec!["mkgr lab", "join lab"], 0));
        assert_eq!(outbox.waiting.iter().map(|one| one.id).collect::<Vec<_>>(), ids[1..]);
    }

    #[test]
    fn a_file_keeps_the_path_from_when_its_line_was_typed() {
        let folder = tempfile::tempdir().unwrap();
        let (mut outbox, _) = Outbox::open(folder.path()).unwrap();
        let here = std::env::current_dir().unwrap();
        for (text, verb) in [
            ("send_file bob my notes.txt", "send_file bob"),
            ("sendgroup_file lab 'my notes.txt'", "sendgroup_file lab"),
        ] {
            push(&mut outbox, text).unwrap();
            let path = here.join("my notes.txt");
            let last = outbox.waiting.back().unwrap();
            assert_eq!(last.text, format!("{verb} \"{}\"", path.display()));
            assert!(matches!(&last.line, Command::SendFile { files, .. } if files.whole() == path));
        }
        push(&mut outbox, "send_file bob /tmp/\"").unwrap();
        let last = outbox.waiting.back().unwrap();
        assert!(
            matches!(&last.line, Command::SendFile { files, .. } if files.whole() == Path::new("/tmp/\""))
        );
    }

    #[test]
    fn a_line_that_is_wrong_or_too_much_is_refused_and_the_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (mut outbox, _) = Outbox::open(folder.path()).unwrap();
        let refused = |outbox: &mut Outbox, text: &str| push(outbox, text).unwrap_err().code;
        assert_eq!(refused(&mut outbox, "send bob"), Code::EmptyMessage);
        assert_eq!(
            refused(&mut outbox, &format!("send bob {}", "x".repeat(16_385))),
            Code::TooLarge
        );
        assert!(push(&mut outbox, "send bob hi").is_ok());
        let length = outbox.bytes;
        outbox.bytes = BYTES_MAX - length;
        assert!(push(&mut outbox, "send bob ho").is_ok());
        assert_eq!(refused(&mut outbox, "send bob ha"), Code::OutboxFull);
        outbox.bytes = 0;
        let one = outbox.first().unwrap().clone();
        outbox.waiting.resize(LINES_MAX - 1, one);
        assert!(push(&mut outbox, "send bob ha").is_ok());
        assert_eq!(refused(&mut outbox, "send bob ha"), Code::OutboxFull);
        assert_eq!(outbox.len(), LINES_MAX);
    }

    #[test]
    fn a_line_that_the_disk_does_not_take_does_not_wait() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("outbox");
        let (mut outbox, _) = Outbox::open(&below).unwrap();
        push(&mut outbox, "send bob one").unwrap();
        std::fs::rename(&below, folder.path().join("away")).unwrap();
        assert_eq!(push(&mut outbox, "send bob two").unwrap_err().code, Code::LocalFile);
        assert_eq!(texts(&outbox), ["send bob one"]);
    }
}
