//! A simulated disk with fault injection: a storage backend of redb that separates the durable bytes from the
//! writes since the last sync.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

use crate::store::tests::random::Random;

/// The bytes that a disk writes atomically.
const SECTOR: usize = 512;

/// A simulated disk. Clones share the disk.
#[derive(Debug, Clone, Default)]
pub(in crate::store::tests) struct SimulatedDisk(Arc<Mutex<DiskState>>);

#[derive(Debug, Default)]
struct DiskState {
    /// The bytes at the last sync.
    durable: Vec<u8>,
    /// The bytes that reads return, with all writes.
    seen: Vec<u8>,
    /// The operations since the last sync.
    unsynced: Vec<Operation>,
    fault: Option<(u64, Fault)>,
    /// The number of calls since the disk was last attached.
    calls: u64,
    /// The number of times that the disk was detached. Backends from before the last time fail every call.
    detached: u64,
}

#[derive(Debug, Clone)]
enum Operation {
    Write { offset: usize, data: Vec<u8> },
    SetLength(usize),
}

/// The fault at a planned call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::tests) enum Fault {
    /// This and all later calls fail, as after a power cut or a kill. This call may have had an effect.
    Stop,
    /// This one call fails, as on a full disk. A write may have written a part of its bytes.
    CallFails,
    /// The disk accepts no writes from this call on, as after a read-only remount.
    ReadOnly,
}

impl SimulatedDisk {
    /// A disk with this content.
    pub(in crate::store::tests) fn holding(content: &[u8]) -> Self {
        let state =
            DiskState { durable: content.to_vec(), seen: content.to_vec(), ..DiskState::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The bytes that reads return.
    pub(in crate::store::tests) fn content(&self) -> Vec<u8> {
        self.state().seen.clone()
    }

    /// A storage backend for redb, until the disk is detached.
    pub(in crate::store::tests) fn attach(&self) -> AttachedDisk {
        let mut state = self.state();
        if matches!(state.fault, Some((call, Fault::ReadOnly)) if call <= state.calls) {
            // The disk stays read-only for the next backend.
            state.fault = Some((0, Fault::ReadOnly));
        }
        state.calls = 0;
        AttachedDisk { disk: self.clone(), detached: state.detached }
    }

    /// Plans a fault at a call. The first call after the disk is attached has the number 1.
    pub(in crate::store::tests) fn plan(&self, call: u64, fault: Fault) {
        self.state().fault = Some((call, fault));
    }

    /// The number of calls since the disk was attached.
    pub(in crate::store::tests) fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Whether the planned fault has happened.
    pub(in crate::store::tests) fn had_fault(&self) -> bool {
        let state = self.state();
        state.fault.is_some_and(|(call, _)| state.calls >= call)
    }

    /// Ends the program without a clean close. Its writes survive, because the operating system runs on.
    pub(in crate::store::tests) fn kill(&self) {
        let mut state = self.state();
        state.detached += 1;
        state.fault = None;
    }

    /// Cuts the power, and switches it on again.
    pub(in crate::store::tests) fn cut_power(&self, random: &mut Random) {
        self.kill();
        let mut state = self.state();
        let mut survivors = std::mem::take(&mut state.unsynced);
        random.shuffle(&mut survivors);
        // Some cuts keep nearly all unsynced operations, others nearly none.
        let kept_of_eight = random.within(0..9);
        for operation in survivors {
            match random.within(0..8) < kept_of_eight {
                true if random.once_in(3) => operation.tear(&mut state.durable, random),
                true => operation.apply(&mut state.durable),
                false => {}
            }
        }
        state.seen = state.durable.clone();
    }

    fn state(&self) -> MutexGuard<'_, DiskState> {
        self.0.lock().unwrap()
    }
}

impl Operation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::SetLength(length) => bytes.resize(*length, 0),
            Self::Write { offset, data } => put(bytes, *offset, data),
        }
    }

    /// Applies a random choice of the sectors of a write.
    fn tear(&self, bytes: &mut Vec<u8>, random: &mut Random) {
        let Self::Write { offset, data } = self else { return };
        let (mut offset, mut rest) = (*offset, data.as_slice());
        while !rest.is_empty() {
            let (sector, others) = rest.split_at(rest.len().min(SECTOR - offset % SECTOR));
            if random.once_in(2) {
                put(bytes, offset, sector);
            }
            offset += sector.len();
            rest = others;
        }
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    bytes.resize(bytes.len().max(end), 0);
    bytes[offset..end].copy_from_slice(data);
}

impl DiskState {
    fn run(&mut self, operation: Operation) {
        operation.apply(&mut self.seen);
        self.unsynced.push(operation);
    }

    fn sync(&mut self) {
        for operation in self.unsynced.drain(..) {
            operation.apply(&mut self.durable);
        }
    }
}

/// The storage backend of an attached disk.
#[derive(Debug)]
pub(in crate::store::tests) struct AttachedDisk {
    disk: SimulatedDisk,
    detached: u64,
}

impl AttachedDisk {
    /// The state of the disk, unless the backend was detached or stopped.
    fn reach(&self) -> io::Result<MutexGuard<'_, DiskState>> {
        let state = self.disk.state();
        match state.fault {
            Some((call, Fault::Stop)) if state.calls >= call => Err(out_of_reach()),
            _ if state.detached != self.detached => Err(out_of_reach()),
            _ => Ok(state),
        }
    }

    /// Counts a call, and returns the fault that is planned for this call.
    fn call(&self) -> io::Result<(MutexGuard<'_, DiskState>, Option<Fault>)> {
        let mut state = self.reach()?;
        state.calls += 1;
        let happens = |&(call, fault): &(u64, Fault)| match fault {
            Fault::ReadOnly => call <= state.calls,
            Fault::Stop | Fault::CallFails => call == state.calls,
        };
        let fault = state.fault.filter(happens);
        Ok((state, fault.map(|(_, fault)| fault)))
    }
}

fn out_of_reach() -> io::Error {
    io::Error::other("the disk is out of reach")
}

fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

impl StorageBackend for AttachedDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.reach()?.seen.len()).unwrap())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (state, fault) = self.call()?;
        match fault {
            Some(Fault::Stop) => return Err(out_of_reach()),
            Some(Fault::CallFails) => return Err(io::Error::other("an unreadable sector")),
            Some(Fault::ReadOnly) | None => {}
        }
        let start = usize::try_from(offset).unwrap();
        let found = state.seen.get(start..start + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let (mut state, fault) = self.call()?;
        let operation = Operation::SetLength(usize::try_from(len).unwrap());
        match fault {
            None => {
                state.run(operation);
                Ok(())
            }
            Some(Fault::Stop) => {
                state.run(operation);
                Err(out_of_reach())
            }
            Some(Fault::CallFails) => Err(full()),
            Some(Fault::ReadOnly) => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        let (mut state, fault) = self.call()?;
        match fault {
            None => {
                state.sync();
                Ok(())
            }
            Some(Fault::Stop) => Err(out_of_reach()),
            Some(Fault::CallFails) => Err(full()),
            Some(Fault::ReadOnly) => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let (mut state, fault) = self.call()?;
        let offset = usize::try_from(offset).unwrap();
        let write = |data: &[u8]| Operation::Write { offset, data: data.to_vec() };
        match fault {
            None => {
                state.run(write(data));
                Ok(())
            }
            Some(Fault::Stop) => {
                state.run(write(data));
                Err(out_of_reach())
            }
            Some(Fault::CallFails) => {
                state.run(write(&data[..data.len() / 2]));
                Err(full())
            }
            Some(Fault::ReadOnly) => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        }
    }
}
