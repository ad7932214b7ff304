//! What can go wrong, by what the caller can do about it.
//!
//! Each text is complete, its cause included, since people read it as it is; hence the causes are not
//! offered a second time as `source()`.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use qchat_proto::{Code, Fingerprint, Refusal, StoredName};

use crate::address::ServerAddress;
use crate::files::of_part;
use crate::trust::PinError;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server's name has no address.
    #[error("the server's name cannot be resolved: {server}: {reason}; {}", advice(reason))]
    Resolve {
        /// The server.
        server: ServerAddress,
        /// What the resolver said.
        reason: io::Error,
    },
    /// The address is the one by which a server listens on all of its machine's.
    #[error(
        "no server can be reached at {server}: that stands for all addresses of a machine. For a server on \
         this machine write localhost:{}, for another one its name or address", server.port()
    )]
    Wildcard {
        /// The server.
        server: ServerAddress,
    },
    /// Nobody answered.
    #[error("no qchat server answers at {server} (UDP): {reason}")]
    Unreachable {
        /// The server.
        server: ServerAddress,
        /// What was tried.
        reason: String,
    },
    /// The server is not the one that is trusted.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Somebody answered, but no connection came of it.
    #[error("{server} answers, but does not let us in: {reason}")]
    Handshake {
        /// The server.
        server: ServerAddress,
        /// What was wrong.
        reason: String,
        /// Whether it may be otherwise soon: the server is full or shuts down, for instance.
        may_pass: bool,
    },
    /// The pin file cannot be used.
    #[error(transparent)]
    Pins(#[from] PinError),
    /// The file with the authorities' certificates cannot be used.
    #[error("the certificates of {} cannot be used: {reason}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        reason: String,
    },
    /// The operating system gives no UDP socket, or TLS cannot be set up.
    #[error("this machine cannot open a QUIC connection: {0}")]
    Local(String),
}

impl ConnectError {
    /// Whether another try may go better, although nobody changes anything here.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Resolve { reason, .. } => is_passing(reason),
            Self::Handshake { may_pass, .. } => *may_pass,
            Self::Wildcard { .. }
            | Self::Identity(_)
            | Self::Pins(_)
            | Self::Authority { .. }
            | Self::Local(_) => false,
        }
    }
}

/// Whether the resolver may know more soon. It tells its reasons only by their texts, those of glibc or musl;
/// what else goes wrong has a number of the operating system's.
fn is_passing(resolving: &io::Error) -> bool {
    let text = resolving.to_string();
    resolving.raw_os_error().is_some()
        || text.contains("Temporary failure")
        || text.contains("Try again")
}

fn advice(resolving: &io::Error) -> &'static str {
    match is_passing(resolving) {
        true => "is this machine online?",
        false => "is it written right?",
    }
}

/// Why a server's identity is refused. No byte of the caller's was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The server is not in the pin file, and unknown ones are refused.
    #[error(
        "the server {server} is not known yet; it presents {presented}. Compare that with what the \
         server printed when it started, then use --fingerprint {presented}, or --accept-new to \
         trust it from now on, or --ca FILE"
    )]
    Unknown {
        /// The server.
        server: ServerAddress,
        /// The key that it presents.
        presented: Fingerprint,
    },
    /// The server's key is another one than before.
    #[error(
        "the server {server} presents another key than before, so nothing was sent to it.\n\
         \x20 known:     {pinned}\n\
         \x20 presented: {presented}\n\
         Either its key was replaced, or somebody else answers in its place. If its owner \
         confirms the new key, remove the line from {} that begins with:\n\
         \x20 {server} {pinned}", pins.display()
    )]
    Changed {
        /// The server.
        server: ServerAddress,
        /// The key that it presents now.
        presented: Fingerprint,
        /// The key that it had.
        pinned: Fingerprint,
        /// The file that remembers it.
        pins: PathBuf,
    },
    /// The server has another key than the caller asked for.
    #[error(
        "the server presents another key than the one asked for, so nothing was sent to it.\n\
         \x20 asked for: {asked}\n\
         \x20 presented: {presented}"
    )]
    NotTheOneAsked {
        /// The key that was asked for.
        asked: Fingerprint,
        /// The key that the server presents.
        presented: Fingerprint,
    },
    /// No trusted authority vouches for the server.
    #[error("no trusted authority vouches for this server: {reason}")]
    Authority {
        /// What was wrong with its certificate.
        reason: String,
    },
}

/// Why a call has no answer that the caller wanted.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server said no.
    #[error(transparent)]
    Refused(Refusal),
    /// A file on this machine cannot be used. Nothing was sent, or nothing landed.
    #[error("{}: {reason}", path.display())]
    LocalFile {
        /// The file, or the folder that it was to be written to.
        path: PathBuf,
        /// What is wrong with it.
        reason: LocalFileReason,
    },
    /// The link failed, and the call certainly had no effect: it was not handed over whole, or it
    /// only asked. It can be repeated.
    #[error("nothing was done: {0}")]
    NotSent(LinkError),
    /// The link failed after the call was handed over: the server may or may not have done it.
    #[error("it is not known whether this was done: {0}")]
    OutcomeUnknown(LinkError),
    /// The server answered with something that makes no sense.
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
}

/// What is wrong with a file or folder on this machine.
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
    /// It is another one than when it was opened: parts of both would have arrived.
    #[error(
        "changed while it was sent, so it did not arrive; send it again when nobody writes to it"
    )]
    Changed,
    /// It has more or fewer bytes than the operating system says.
    #[error("has no true length, like the files of /proc and /sys; make a copy and send that")]
    Unmeasured,
    /// A file that was sent with folders belongs below it, and it is none.
    #[error("this is no folder")]
    NotAFolder,
    /// A file that was sent with folders belongs below it, and it leads elsewhere.
    #[error("this is a symbolic link, and none is followed")]
    Link,
    /// The operating system does not let us write there.
    #[error("cannot be written: {0}")]
    Unwritable(io::Error),
    /// The disk has not the room for a file. Nothing of it was asked for.
    #[error(
        "has no room for that: {needed} bytes are still to come, and {free} are free{}",
        of_part(.part.as_ref())
    )]
    NoRoom {
        /// How many bytes are still to come.
        needed: u64,
        /// How many are free.
        free: u64,
        /// Where an earlier download has left a part.
        part: Option<PathBuf>,
    },
    /// The disk became full while a file came. The path is that of its part.
    #[error(
        "the disk is full ({0}); make room, and the same again goes on with this part, or remove it"
    )]
    Full(io::Error),
    /// All the names that a file of that name could land under are taken.
    #[error("holds too many files of that name")]
    NamesTaken,
}

/// What an error says that may hold words of the other side's, in one line: a line break is ours alone to make.
pub(crate) fn in_one_line(error: &impl std::fmt::Display) -> String {
    error.to_string().replace(['\r', '\n'], " ")
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
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
    /// The connection stands, but the server took too long.
    #[error("the server did not answer within {} s", .0.as_secs())]
    NoAnswer(Duration),
    /// The connection stands, but a file's bytes do not move any more.
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

/// What makes no sense about the server's answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DamagedError {
    /// The answer does not decode.
    #[error("the server's answer cannot be read ({0}); do client and server fit together?")]
    Answer(String),
    /// The server could not read the request, and did nothing.
    #[error("the server cannot read this request; do client and server fit together?")]
    Request,
    /// A list that goes on without getting anywhere.
    #[error("the server's list has no end")]
    EndlessList,
    /// A file ended before all of it had come, without a word from the server.
    #[error("the file {0} was cut off on its way here; the same again goes on with it")]
    FileCut(StoredName),
    /// The values of a file's blocks are not those of a file with its digest.
    #[error("the server's list of the blocks of {0} is damaged; nothing was saved")]
    BlockList(StoredName),
    /// A block is not the one that the file's list tells of.
    #[error("block {block} of the file {name} came damaged; nothing was saved")]
    Block {
        /// The file.
        name: StoredName,
        /// The block; 0 is the file's first.
        block: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reason: io::Error, may_pass: bool, advice: &str) {
        let error = ConnectError::Resolve { server: "chat.example".parse().unwrap(), reason };
        assert_eq!(error.may_pass(), may_pass, "{error}");
        assert!(error.to_string().ends_with(advice), "{error}");
    }

    #[test]
    fn a_name_that_does_not_exist_is_not_asked_for_again() {
        let failed = "failed to lookup address information:";
        let told = |text: &str| io::Error::other(format!("{failed} {text}"));
        check(told("Name or service not known"), false, "is it written right?");
        check(told("nodename nor servname provided, or not known"), false, "is it written right?");
        check(told("Temporary failure in name resolution"), true, "is this machine online?");
        check(told("Try again"), true, "is this machine online?");
        check(io::Error::from_raw_os_error(24), true, "is this machine online?");
    }
}
