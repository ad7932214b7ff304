//! The progress of a transfer, for others to read while it runs.

use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use qchat_client::TransferEvent;

use crate::lock::lock;

/// Shared between the transfer and its readers.
#[derive(Debug, Default)]
pub(crate) struct ProgressMeter(Mutex<Reading>);

/// The progress at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Reading {
    /// The number of the file, and of how many, if there are several.
    pub(crate) file: Option<(usize, usize)>,
    /// The name of the file, as soon as its bytes move.
    pub(crate) name: Option<String>,
    /// How many bytes have arrived.
    pub(crate) done: u64,
    /// The size; 0 if it is not known yet.
    pub(crate) bytes: u64,
    /// How many bytes this attempt has moved, and since when. Bytes of an earlier attempt do not count.
    pub(crate) moved: u64,
    pub(crate) since: Option<Instant>,
}

impl ProgressMeter {
    /// Begins a transfer of several files.
    pub(crate) fn expect_many(&self, files: usize, bytes: u64) {
        *self.lock() = Reading { file: Some((0, files)), bytes, ..Reading::default() };
    }

    /// Begins the next of several files, after `done` bytes of the others.
    pub(crate) fn begin_file(&self, name: &str, done: u64) {
        let mut reading = self.lock();
        reading.file = reading.file.map(|(file, files)| (file + 1, files));
        (reading.name, reading.done) = (Some(name.to_owned()), done);
    }

    /// Records an event of the transfer.
    pub(crate) fn hear(&self, event: &TransferEvent) {
        let mut reading = self.lock();
        match event {
            TransferEvent::Started { name, size } if reading.file.is_none() => {
                let name = Some(name.as_str().to_owned());
                *reading = Reading { name, bytes: *size, ..Reading::default() };
            }
            TransferEvent::Started { .. } | TransferEvent::Damaged { .. } => {}
            // The server reports this number, so it may be wrong.
            TransferEvent::Kept { bytes } => reading.done = reading.done.saturating_add(*bytes),
            TransferEvent::Moved { bytes } => {
                reading.since.get_or_insert_with(Instant::now);
                reading.done = reading.done.saturating_add(*bytes);
                reading.moved = reading.moved.saturating_add(*bytes);
            }
        }
    }

    /// The progress now.
    pub(crate) fn read(&self) -> Reading {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Reading> {
        lock(&self.0)
    }
}

impl Reading {
    /// The part that is done, from 0 to 100.
    pub(crate) fn percent(&self) -> u64 {
        let percent = u128::from(self.done) * 100 / u128::from(self.bytes.max(1));
        u64::try_from(percent).unwrap_or(100).min(100)
    }

    /// Bytes per second, if some have moved for long enough.
    pub(crate) fn rate(&self) -> Option<u64> {
        let milliseconds = self.since?.elapsed().as_millis();
        let rate = (u128::from(self.moved) * 1000).checked_div(milliseconds)?;
        u64::try_from(rate).ok()
    }
}

#[cfg(test)]
mod tests;
