//! Progress events of a transfer.

use std::fmt;

use qchat_proto::FileName;

/// Something that happened to a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferEvent {
    /// The bytes begin to move; the first event, which comes once. It does not come if the server has the whole
    /// file from an earlier attempt.
    Started {
        /// The file's original name.
        name: FileName,
        /// Its length in bytes.
        size: u64,
    },
    /// These bytes are at their destination already, and need not move.
    Kept {
        /// The number of bytes since the last event.
        bytes: u64,
    },
    /// The block of an earlier attempt is damaged, and moves again.
    Damaged {
        /// The block, of a mebibyte; 0 is the file's first.
        block: u64,
    },
    /// More bytes were written to the stream or read from it.
    Moved {
        /// The number of bytes since the last event.
        bytes: u64,
    },
}

/// A listener for the events of a transfer. It is called from the transfer's own task, and should return soon.
#[derive(Default)]
pub struct Progress(Option<Box<dyn FnMut(TransferEvent) + Send>>);

impl Progress {
    /// Calls `listener` with each event.
    pub fn new(listener: impl FnMut(TransferEvent) + Send + 'static) -> Self {
        Self(Some(Box::new(listener)))
    }

    /// No listener.
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
