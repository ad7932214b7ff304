//! Telling of a transfer while it runs.

use std::fmt;

use qchat_proto::FileName;

/// Something that happened to a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferEvent {
    /// The bytes begin to move; said once, before all others. Not said where the server has the whole
    /// file from an earlier try.
    Started {
        /// The file's original name.
        name: FileName,
        /// Its length in bytes.
        size: u64,
    },
    /// So many bytes were found where they are to go, are the right ones, and need not move.
    Kept {
        /// How many since the last time.
        bytes: u64,
    },
    /// What had come of this block earlier was damaged since; it moves again.
    Damaged {
        /// The block, of a mebibyte; 0 is the file's first.
        block: u64,
    },
    /// More bytes were taken by the stream or came from it.
    Moved {
        /// How many since the last time.
        bytes: u64,
    },
}

/// Whoever wants to hear of a transfer. Called from the transfer's own task: it should return soon.
#[derive(Default)]
pub struct Progress(Option<Box<dyn FnMut(TransferEvent) + Send>>);

impl Progress {
    /// Tells `listener`.
    pub fn new(listener: impl FnMut(TransferEvent) + Send + 'static) -> Self {
        Self(Some(Box::new(listener)))
    }

    /// Tells nobody.
    pub fn none() -> Self {
        Self(None)
    }

    pub(crate) fn started(&mut self, name: FileName, size: u64) {
        self.tell(TransferEvent::Started { name, size });
    }

    pub(crate) fn kept(&mut self, bytes: u64) {
        if bytes > 0 {
            self.tell(TransferEvent::Kept { bytes });
        }
    }

    pub(crate) fn damaged(&mut self, block: u64) {
        self.tell(TransferEvent::Damaged { block });
    }

    pub(crate) fn moved(&mut self, bytes: u64) {
        self.tell(TransferEvent::Moved { bytes });
    }

    fn tell(&mut self, event: TransferEvent) {
        if let Some(listener) = &mut self.0 {
            listener(event);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listener = if self.0.is_some() { "a listener" } else { "nobody" };
        write!(formatter, "Progress({listener})")
    }
}
