//! The lines that wait for the link: on the disk before anybody is told that they wait.

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

/// How many lines may wait, and how long they may be together.
const LINES_MAX: usize = 1000;
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// What waits, in the order in which it was typed.
#[derive(Debug)]
pub(crate) struct Outbox {
    file: OutboxFile,
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Whether lines lie on the disk that were taken out.
    is_behind: bool,
}

impl Outbox {
    /// The outbox whose files are in `folder`, with what clients have left there that have ended; and
    /// what is to be said of that. Waits for the disk, as all that changes it does.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub(crate) fn open(folder: &Path) -> Result<(Self, Vec<String>), OutboxError> {
        let (file, left) = block_in_place(|| OutboxFile::open(folder))?;
        let waiting = VecDeque::from(left.waiting);
        let bytes = waiting.iter().map(|one| one.kept().len()).sum();
        Ok((Self { file, waiting, bytes, is_behind: false }, left.remarks))
    }

    /// How many lines wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The line whose turn it is.
    pub(crate) fn first(&self) -> Option<&Waiting> {
        self.waiting.front()
    }

    /// The text of the line at this place, under its id, if that does no more than send one.
    pub(crate) fn text(&self, place: usize) -> Option<(ClientId, Address, MessageText)> {
        let one = self.waiting.get(place)?;
        let (to, text) = one.line.text()?;
        Some((one.id, to, text))
    }

    /// Puts a line behind the others. It is kept on the disk when this returns.
    ///
    /// # Errors
    /// [`CommandError`]: there is no room, it could not be sent anyway, or the disk does not take it.
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

    /// Takes out the first line, since it is known what came of it. It stays on the disk until that is saved.
    pub(crate) fn pop(&mut self) -> Option<Waiting> {
        let one = self.waiting.pop_front()?;
        self.bytes = self.bytes.saturating_sub(one.kept().len());
        self.is_behind = true;
        Some(one)
    }

    /// Whether lines lie on the disk that were taken out.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Takes the lines off the disk that were taken out.
    ///
    /// # Errors
    /// The operating system's: another client will send them again then, to no effect. It is not tried again
    /// before another line is taken out.
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

/// The line as it can be sent at any time and from anywhere. What is wrong with it in itself is said now.
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
    fn a_file_is_meant_as_it_was_when_its_line_was_typed() {
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
    fn what_has_no_room_or_no_sense_is_refused_and_what_waits_stays() {
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
    fn what_the_disk_does_not_take_does_not_wait() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("outbox");
        let (mut outbox, _) = Outbox::open(&below).unwrap();
        push(&mut outbox, "send bob one").unwrap();
        std::fs::rename(&below, folder.path().join("away")).unwrap();
        assert_eq!(push(&mut outbox, "send bob two").unwrap_err().code, Code::LocalFile);
        assert_eq!(texts(&outbox), ["send bob one"]);
    }
}
