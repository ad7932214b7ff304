//! A disk that can lose power, and that can fail: a storage for the engine which keeps what the disk
//! has for certain apart from what was written since the last sync.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

use super::random::Random;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A disk. Its clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What was there at the last sync.
    durable: Vec<u8>,
    /// What reads return: everything that was written.
    seen: Vec<u8>,
    /// What was written since the last sync.
    unsynced: Vec<Operation>,
    accident: Option<(u64, Accident)>,
    /// The calls since the disk was attached last.
    calls: u64,
    /// How often the disk was detached. Who attached it before reaches it no more.
    detached: u64,
}

#[derive(Debug, Clone)]
enum Operation {
    Write { offset: usize, data: Vec<u8> },
    SetLength(usize),
}

/// What happens at a certain call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accident {
    /// From here on nothing reaches the disk, and this call may have had an effect: the power went,
    /// or the program was killed.
    Stop,
    /// This one call fails, as on a full disk. A write may have done a part of its work.
    CommandError,
    /// From here on the disk takes no writes: it was mounted for reading alone.
    ReadOnly,
}

impl Disk {
    /// A disk with this content.
    pub(super) fn holding(content: &[u8]) -> Self {
        let state = State { durable: content.to_vec(), seen: content.to_vec(), ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// What a reader sees.
    pub(super) fn content(&self) -> Vec<u8> {
        self.state().seen.clone()
    }

    /// A storage for the engine, until the disk is detached.
    pub(super) fn attach(&self) -> Attached {
        let mut state = self.state();
        if matches!(state.accident, Some((call, Accident::ReadOnly)) if call <= state.calls) {
            // It stays so, whoever opens the file.
            state.accident = Some((0, Accident::ReadOnly));
        }
        state.calls = 0;
        Attached { disk: self.clone(), detached: state.detached }
    }

    /// Lets an accident happen at that call, the first one after the disk is attached being 1.
    pub(super) fn plan(&self, call: u64, accident: Accident) {
        self.state().accident = Some((call, accident));
    }

    /// The calls since the disk was attached.
    pub(super) fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Whether the planned accident has happened.
    pub(super) fn had_accident(&self) -> bool {
        let state = self.state();
        state.accident.is_some_and(|(call, _)| state.calls >= call)
    }

    /// The program ends without a word. What it wrote is there, since the machine runs on.
    pub(super) fn kill(&self) {
        let mut state = self.state();
        state.detached += 1;
        state.accident = None;
    }

    /// The power goes, if it has not gone already, and comes back.
    pub(super) fn cut_power(&self, random: &mut Random) {
        self.kill();
        let mut state = self.state();
        let mut survivors = std::mem::take(&mut state.unsynced);
        random.shuffle(&mut survivors);
        // From cuts that keep nearly everything to cuts that keep nearly nothing.
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

    fn state(&self) -> MutexGuard<'_, State> {
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

    /// Each sector of a write arrives or not.
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

impl State {
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

/// A disk as the engine has it.
#[derive(Debug)]
pub(super) struct Attached {
    disk: Disk,
    detached: u64,
}

impl Attached {
    /// The disk, where it can still be reached.
    fn reach(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        match state.accident {
            Some((call, Accident::Stop)) if state.calls >= call => Err(out_of_reach()),
            _ if state.detached != self.detached => Err(out_of_reach()),
            _ => Ok(state),
        }
    }

    /// Counts a call, and tells what happens at it.
    fn call(&self) -> io::Result<(MutexGuard<'_, State>, Option<Accident>)> {
        let mut state = self.reach()?;
        state.calls += 1;
        let happens = |&(call, accident): &(u64, Accident)| match accident {
            Accident::ReadOnly => call <= state.calls,
            Accident::Stop | Accident::CommandError => call == state.calls,
        };
        let accident = state.accident.filter(happens);
        Ok((state, accident.map(|(_, accident)| accident)))
    }
}

fn out_of_reach() -> io::Error {
    io::Error::other("the disk is out of reach")
}

fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

impl StorageBackend for Attached {
    fn len(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.reach()?.seen.len()).unwrap())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (state, accident) = self.call()?;
        match accident {
            Some(Accident::Stop) => return Err(out_of_reach()),
            Some(Accident::CommandError) => return Err(io::Error::other("an unreadable sector")),
            Some(Accident::ReadOnly) | None => {}
        }
        let start = usize::try_from(offset).unwrap();
        let found = state.seen.get(start..start + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let (mut state, accident) = self.call()?;
        let operation = Operation::SetLength(usize::try_from(len).unwrap());
        match accident {
            None => {
                state.run(operation);
                Ok(())
            }
            Some(Accident::Stop) => {
                state.run(operation);
                Err(out_of_reach())
            }
            Some(Accident::CommandError) => Err(full()),
            Some(Accident::ReadOnly) => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        let (mut state, accident) = self.call()?;
        match accident {
            None => {
                state.sync();
                Ok(())
            }
            Some(Accident::Stop) => Err(out_of_reach()),
            Some(Accident::CommandError) => Err(full()),
            Some(Accident::ReadOnly) => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let (mut state, accident) = self.call()?;
        let offset = usize::try_from(offset).unwrap();
        let write = |data: &[u8]| Operation::Write { offset, data: data.to_vec() };
        match accident {
            None => {
                state.run(write(data));
                Ok(())
            }
            Some(Accident::Stop) => {
                state.run(write(data));
                Err(out_of_reach())
            }
            Some(Accident::CommandError) => {
                state.run(write(&data[..data.len() / 2]));
                Err(full())
            }
            Some(Accident::ReadOnly) => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        }
    }
}
