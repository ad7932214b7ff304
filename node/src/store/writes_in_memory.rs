//! A disk that is only read: writes stay in memory.
//!
//! The engine writes when it opens a database that was not closed in order. On a disk that takes no writes
//! this lets the engine open the database all the same, so that people can read.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// The unit in which written bytes are kept.
const PAGE: u64 = 4096;

/// A storage whose content is that of `disk` beneath what was written since.
///
/// The memory is bounded by what the engine writes to open a database: nobody may change this one.
#[derive(Debug)]
pub(super) struct WritesInMemory<B> {
    disk: B,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    length: u64,
    /// Bytes below this are those of the disk, unless they were written.
    disk_length: u64,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl<B: StorageBackend> WritesInMemory<B> {
    /// # Errors
    /// The disk does not tell how long the file is.
    pub(super) fn above(disk: B) -> io::Result<Self> {
        let length = disk.len()?;
        let written = Written { length, disk_length: length, pages: BTreeMap::new() };
        Ok(Self { disk, written: Mutex::new(written) })
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A page as the disk has it, with zeros beyond its end.
    fn read_page(&self, page: u64, disk_length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; as_length(PAGE)?];
        let start = page.saturating_mul(PAGE);
        let there = as_length(disk_length.saturating_sub(start).min(PAGE))?;
        if there > 0 {
            self.disk.read(start, part_mut(&mut bytes, 0, there)?)?;
        }
        Ok(bytes)
    }
}

/// One page's part of a run of bytes.
struct Piece {
    page: u64,
    /// The first byte within the page.
    within: usize,
    /// The first byte within the run.
    start: usize,
    length: usize,
}

/// Cuts `length` bytes from `offset` on at the borders of pages.
fn pieces(offset: u64, length: usize) -> io::Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    while start < length {
        let at = offset.saturating_add(u64::try_from(start).map_err(io::Error::other)?);
        let rest = length.saturating_sub(start);
        let taken = as_length(PAGE - at % PAGE)?.min(rest);
        pieces.push(Piece { page: at / PAGE, within: as_length(at % PAGE)?, start, length: taken });
        start += taken;
    }
    Ok(pieces)
}

fn as_length(bytes: u64) -> io::Result<usize> {
    usize::try_from(bytes).map_err(io::Error::other)
}

fn part(bytes: &[u8], start: usize, length: usize) -> io::Result<&[u8]> {
    bytes.get(start..start.saturating_add(length)).ok_or(io::ErrorKind::UnexpectedEof.into())
}

fn part_mut(bytes: &mut [u8], start: usize, length: usize) -> io::Result<&mut [u8]> {
    bytes.get_mut(start..start.saturating_add(length)).ok_or(io::ErrorKind::UnexpectedEof.into())
}

impl<B: StorageBackend> StorageBackend for WritesInMemory<B> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.written();
        let end = offset.saturating_add(u64::try_from(out.len()).map_err(io::Error::other)?);
        if end > written.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for piece in pieces(offset, out.len())? {
            let target = part_mut(out, piece.start, piece.length)?;
            match written.pages.get(&piece.page) {
                Some(page) => target.copy_from_slice(part(page, piece.within, piece.length)?),
                None => {
                    let page = self.read_page(piece.page, written.disk_length)?;
                    target.copy_from_slice(part(&page, piece.within, piece.length)?);
                }
            }
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut written = self.written();
        let border = length / PAGE;
        if length < written.length {
            // Bytes beyond the new end are zeros when the file grows again.
            let mut page = match written.pages.remove(&border) {
                Some(page) => page,
                None => self.read_page(border, written.disk_length)?,
            };
            page.get_mut(as_length(length % PAGE)?..).unwrap_or_default().fill(0);
            written.pages.split_off(&border);
            written.pages.insert(border, page);
            written.disk_length = written.disk_length.min(length);
        }
        written.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut written = self.written();
        for piece in pieces(offset, data.len())? {
            if !written.pages.contains_key(&piece.page) {
                let page = self.read_page(piece.page, written.disk_length)?;
                written.pages.insert(piece.page, page);
            }
            if let Some(page) = written.pages.get_mut(&piece.page) {
                let source = part(data, piece.start, piece.length)?;
                part_mut(page, piece.within, piece.length)?.copy_from_slice(source);
            }
        }
        let end = offset.saturating_add(u64::try_from(data.len()).map_err(io::Error::other)?);
        written.length = written.length.max(end);
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.disk.close()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use redb::backends::InMemoryBackend;

    use super::*;

    #[derive(Debug, Clone)]
    enum Call {
        Write(u64, Vec<u8>),
        SetLength(u64),
    }

    fn call() -> impl Strategy<Value = Call> {
        prop_oneof![
            (0..20_000u64, prop::collection::vec(any::<u8>(), 0..9000))
                .prop_map(|(offset, data)| Call::Write(offset, data)),
            (0..30_000u64).prop_map(Call::SetLength),
        ]
    }

    fn content(storage: &impl StorageBackend) -> Vec<u8> {
        let mut bytes = vec![0; storage.len().unwrap().try_into().unwrap()];
        if !bytes.is_empty() {
            storage.read(0, &mut bytes).unwrap();
        }
        bytes
    }

    fn holding(bytes: &[u8]) -> InMemoryBackend {
        let disk = InMemoryBackend::new();
        disk.set_len(bytes.len().try_into().unwrap()).unwrap();
        if !bytes.is_empty() {
            disk.write(0, bytes).unwrap();
        }
        disk
    }

    proptest! {
        #[test]
        fn it_reads_as_a_disk_does_and_leaves_its_own_alone(
            first in prop::collection::vec(any::<u8>(), 0..20_000),
            calls in prop::collection::vec(call(), 0..12),
        ) {
            let plain = holding(&first);
            let above = WritesInMemory::above(holding(&first)).unwrap();
            for call in calls {
                match call {
                    Call::Write(offset, data) => {
                        let length = plain.len().unwrap();
                        // A disk of the engine's is never written beyond its end.
                        let data = &data[..data.len().min(
                            length.saturating_sub(offset).try_into().unwrap())];
                        if !data.is_empty() {
                            plain.write(offset, data).unwrap();
                            above.write(offset, data).unwrap();
                        }
                    }
                    Call::SetLength(length) => {
                        plain.set_len(length).unwrap();
                        above.set_len(length).unwrap();
                    }
                }
                prop_assert_eq!(content(&above), content(&plain));
            }
            prop_assert_eq!(content(&above.disk), first);
        }
    }
}
