//! A copy-on-write storage backend, for a disk that accepts no writes.
//!
//! redb writes when it opens a database that was not closed in order. With this backend those writes stay in
//! memory, so that redb can open the database and users can read.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard};

use redb::StorageBackend;

use crate::lock::lock;

/// The bytes of one page, the unit of copying.
const PAGE: u64 = 4096;

/// A storage backend with the content of `disk`, under the pages that were written since.
///
/// The server makes no changes while it uses this backend. So the memory is bounded by the pages that redb writes
/// during opening.
#[derive(Debug)]
pub(in crate::store) struct WritesInMemory<B> {
    disk: B,
    overlay: Mutex<Overlay>,
}

#[derive(Debug)]
struct Overlay {
    length: u64,
    /// Bytes below this length are those of the disk, unless a page holds them.
    disk_length: u64,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl<B: StorageBackend> WritesInMemory<B> {
    /// # Errors
    /// The length of the file cannot be read.
    pub(in crate::store) fn above(disk: B) -> io::Result<Self> {
        let length = disk.len()?;
        let overlay = Overlay { length, disk_length: length, pages: BTreeMap::new() };
        Ok(Self { disk, overlay: Mutex::new(overlay) })
    }

    fn overlay(&self) -> MutexGuard<'_, Overlay> {
        lock(&self.overlay)
    }

    /// A page of the disk, with zeros beyond the end of the file.
    fn read_page(&self, page: u64, disk_length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; as_length(PAGE)?];
        let start = page.saturating_mul(PAGE);
        let there = as_length(disk_length.saturating_sub(start).min(PAGE))?;
        if there > 0 {
            self.disk.read(start, slice_mut(&mut bytes, 0, there)?)?;
        }
        Ok(bytes)
    }
}

/// The part of a byte range that lies in one page.
struct PagePart {
    page: u64,
    /// The offset of the first byte in the page.
    within: usize,
    /// The offset of the first byte in the byte range.
    start: usize,
    length: usize,
}

/// Splits `length` bytes from `offset` on at the page boundaries.
fn page_parts(offset: u64, length: usize) -> io::Result<Vec<PagePart>> {
    let mut parts = Vec::new();
    let mut start = 0;
    while start < length {
        let at = offset.saturating_add(u64::try_from(start).map_err(io::Error::other)?);
        let rest = length.saturating_sub(start);
        let taken = as_length(PAGE - at % PAGE)?.min(rest);
        let within = as_length(at % PAGE)?;
        parts.push(PagePart { page: at / PAGE, within, start, length: taken });
        start += taken;
    }
    Ok(parts)
}

fn as_length(bytes: u64) -> io::Result<usize> {
    usize::try_from(bytes).map_err(io::Error::other)
}

fn slice(bytes: &[u8], start: usize, length: usize) -> io::Result<&[u8]> {
    bytes.get(start..start.saturating_add(length)).ok_or(io::ErrorKind::UnexpectedEof.into())
}

fn slice_mut(bytes: &mut [u8], start: usize, length: usize) -> io::Result<&mut [u8]> {
    bytes.get_mut(start..start.saturating_add(length)).ok_or(io::ErrorKind::UnexpectedEof.into())
}

impl<B: StorageBackend> StorageBackend for WritesInMemory<B> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.overlay().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let overlay = self.overlay();
        let end = offset.saturating_add(u64::try_from(out.len()).map_err(io::Error::other)?);
        if end > overlay.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for part in page_parts(offset, out.len())? {
            let target = slice_mut(out, part.start, part.length)?;
            match overlay.pages.get(&part.page) {
                Some(page) => target.copy_from_slice(slice(page, part.within, part.length)?),
                None => {
                    let page = self.read_page(part.page, overlay.disk_length)?;
                    target.copy_from_slice(slice(&page, part.within, part.length)?);
                }
            }
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut overlay = self.overlay();
        let boundary = length / PAGE;
        if length < overlay.length {
            // Bytes beyond the new end must be zeros if the file grows again.
            let mut page = match overlay.pages.remove(&boundary) {
                Some(page) => page,
                None => self.read_page(boundary, overlay.disk_length)?,
            };
            page.get_mut(as_length(length % PAGE)?..).unwrap_or_default().fill(0);
            overlay.pages.split_off(&boundary);
            overlay.pages.insert(boundary, page);
            overlay.disk_length = overlay.disk_length.min(length);
        }
        overlay.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut overlay = self.overlay();
        for part in page_parts(offset, data.len())? {
            if !overlay.pages.contains_key(&part.page) {
                let page = self.read_page(part.page, overlay.disk_length)?;
                overlay.pages.insert(part.page, page);
            }
            if let Some(page) = overlay.pages.get_mut(&part.page) {
                let source = slice(data, part.start, part.length)?;
                slice_mut(page, part.within, part.length)?.copy_from_slice(source);
            }
        }
        let end = offset.saturating_add(u64::try_from(data.len()).map_err(io::Error::other)?);
        overlay.length = overlay.length.max(end);
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.disk.close()
    }
}

#[cfg(test)]
mod tests;
