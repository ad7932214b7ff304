//! Errors of a call: refused, not sent, outcome unknown, damaged answer, or a local file.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use qchat_proto::{Code, Refusal, StoredName};

/// The reason why a call failed. The variant says whether the call can be repeated.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server refused.
    #[error(transparent)]
    Refused(Refusal),
    /// A file on this machine cannot be used. Nothing was sent, or nothing was saved.
    #[error("{}: {reason}", path.display())]
    LocalFile {
        /// The file, or the folder that it was to be written to.
        path: PathBuf,
        /// The reason.
        reason: LocalFileReason,
    },
    /// The connection failed, and the call certainly had no effect: it was not sent whole, or it
    /// only reads. It can be repeated.
    #[error("nothing was done: {0}")]
    NotSent(NoAnswer),
    /// The connection failed after the call was sent: the server may or may not have done it.
    #[error("it is not known whether this was done: {0}")]
    OutcomeUnknown(NoAnswer),
    /// The server's answer makes no sense.
    #[error(transparent)]
    Damaged(#[from] DamagedError),
}

impl CallError {
    /// The code by which scripts know this error.
    pub fn code(&self) -> Code {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::LocalFile { reason: LocalFileReason::Changed, .. } => Code::FileChanged,
            Self::LocalFile { .. } => Code::LocalFile,
            Self::NotSent(_) => Code::NotSent,
            Self::OutcomeUnknown(_) => Code::OutcomeUnknown,
            Self::Damaged(_) => Code::Damaged,
        }
    }

    /// Whether the same call on another connection of the same session would fail in the same way: the
    /// session has ended, or the server's answer makes no sense.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Damaged(_)) || self.code().ends_session()
    }
}

/// The reason why a file or folder on this machine cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LocalFileReason {
    /// Nothing has that name.
    #[error("there is no such file")]
    Missing,
    /// A folder cannot be sent.
    #[error("this is a folder")]
    Folder,
    /// Neither can a device, a pipe or a socket.
    #[error("this is no regular file")]
    NotAFile,
    /// The operating system does not let us read it.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// It has changed since it was opened: parts of both versions would have arrived.
    #[error(
        "changed while it was sent, so it did not arrive; send it again when nobody writes to it"
    )]
    Changed,
    /// It has more or fewer bytes than the operating system says.
    #[error("has no true length, like the files of /proc and /sys; make a copy and send that")]
    Unmeasured,
    /// A file that was sent with folders belongs below it, and it is no folder.
    #[error("this is no folder")]
    NotAFolder,
    /// A file that was sent with folders belongs below it, and it is a symbolic link.
    #[error("this is a symbolic link, and none is followed")]
    SymbolicLink,
    /// The operating system does not let us write there.
    #[error("cannot be written: {0}")]
    Unwritable(io::Error),
    /// The disk has no room for a file. No byte was asked for.
    #[error(
        "has no room for that: {needed} bytes are still to come, and {free} are free{}",
        of_part(.part.as_ref())
    )]
    NoRoom {
        /// The number of bytes that are still to come.
        needed: u64,
        /// The number of bytes that are free.
        free: u64,
        /// The partial file of an earlier download.
        part: Option<PathBuf>,
    },
    /// The disk became full while a file came. The path is that of the partial file.
    #[error(
        "the disk is full ({0}); make room, and the same again goes on with this part, or remove it"
    )]
    Full(io::Error),
    /// All numbered names for a file of that name are taken.
    #[error("holds too many files of that name")]
    NamesTaken,
}

/// The reason why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The server shuts down.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// Nothing came from the server for 5 s, or for longer on a path whose round trips were long.
    #[error("the connection is lost: nothing comes from the server any more")]
    Silent,
    /// The connection ended in another way.
    #[error("the connection is lost: {0}")]
    Lost(String),
    /// The server ended the connection, since nobody was signed in on it for 10 s.
    #[error("the connection had ended, since nobody was signed in")]
    NobodySignedIn,
    /// The connection was closed on this side.
    #[error("the connection is closed")]
    Closed,
    /// The connection is open, but the server took too long.
    #[error("the server did not answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The connection is open, but a file's bytes do not move any more.
    #[error("the server stopped moving the file")]
    Stalled,
    /// The server's answer ended in the middle.
    #[error("the server's answer was cut off")]
    AnswerCut,
    /// The server gave up on this call.
    #[error("the server broke off (code {0})")]
    BrokenOff(u64),
    /// The server had a fault.
    #[error("the server failed; its log tells more under incident {0:08x}")]
    ServerFailed(u32),
}

/// The reason why the server's answer makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DamagedError {
    /// The answer does not decode.
    #[error("the server's answer cannot be read ({0}); do client and server fit together?")]
    Answer(String),
    /// The server could not read the request, and did nothing.
    #[error("the server cannot read this request; do client and server fit together?")]
    Request,
    /// The list has more pages than any honest server sends.
    #[error("the server's list has no end")]
    EndlessList,
    /// A file ended before all of it had come, without an error from the server.
    #[error("the file {0} was cut off on its way here; the same again goes on with it")]
    FileCut(StoredName),
    /// The hashes of a file's blocks do not fit its digest.
    #[error("the server's list of the blocks of {0} is damaged; nothing was saved")]
    BlockList(StoredName),
    /// A block does not have the hash in the file's list.
    #[error("block {block} of the file {name} came damaged; nothing was saved")]
    Block {
        /// The file.
        name: StoredName,
        /// The block; 0 is the file's first.
        block: u64,
    },
}

/// Names the partial file that an earlier download has left, if there is one.
fn of_part(part: Option<&PathBuf>) -> String {
    let lies = |part: &PathBuf| {
        format!("; what has come of it is kept in {}, which can be removed", part.display())
    };
    part.map(lies).unwrap_or_default()
}
