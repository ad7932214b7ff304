//! Reading a log: what is wanted of it, page by page.

use qchat_proto::command::{HistoryPage, PageMark, Selection, SequenceRange};
use qchat_proto::limits::{PAGE_BYTES, PAGE_ITEMS_MAX};
use qchat_proto::{Address, Body, BoundedVec, Message, MessageId, Refusal, Sequence, UserName};

use super::files::has_expired;
use crate::store::error::StoreError;
use crate::store::permission::{Act, permit};
use crate::store::records::{self, Entry, MarkedRanges};
use crate::store::rows_read::{CountedTable, Snapshot};
use crate::store::{Store, tables};

/// How many bytes of messages somebody who follows a log is told at a time. They lie in memory until the last
/// of them is taken, and there may be many who do not take them.
const FOLLOWED_BYTES: usize = PAGE_BYTES / 4;

/// Which messages are wanted, of a log that is named by its address.
#[derive(Debug, Clone)]
pub(crate) struct HistoryQuery {
    pub(crate) reader: UserName,
    pub(crate) log: Address,
    pub(crate) selection: Selection,
    pub(crate) from: Option<UserName>,
    pub(crate) before: Option<Sequence>,
    pub(crate) page: Option<PageMark>,
}

impl Store {
    /// A page of a log's messages, oldest first, where the reader may see them.
    pub(crate) async fn history(
        &self,
        query: HistoryQuery,
    ) -> Result<Result<HistoryPage, Refusal>, StoreError> {
        self.read(move |snapshot| {
            if let Err(refusal) = permit(snapshot, &query.reader, Act::Read(&query.log))? {
                return Ok(Err(refusal));
            }
            let mark = query.page;
            let reading = Reading::new(snapshot, query.clone())?;
            let mark = mark.map_or_else(|| reading.first_mark(), Ok)?;
            reading.page(mark).map(Ok)
        })
        .await
    }
}

/// One snapshot of a log, as its reader sees it.
pub(super) struct Reading {
    query: HistoryQuery,
    entries: CountedTable,
    stored_files: CountedTable,
    read: MarkedRanges,
    last: Sequence,
}

impl Reading {
    fn new(snapshot: &Snapshot, query: HistoryQuery) -> Result<Self, StoreError> {
        let log = tables::log(&query.log);
        let marker = tables::marker(&query.reader, &query.log);
        let read = tables::find(snapshot, tables::READ_MARKERS, &marker, "read marker")?;
        let last = tables::find(snapshot, tables::LOGS, &log, "log")?;
        Ok(Self {
            entries: snapshot.open_table(tables::ENTRIES)?,
            stored_files: snapshot.open_table(tables::STORED_FILES)?,
            read: read.unwrap_or_default(),
            last: last.unwrap_or(Sequence(0)),
            query,
        })
    }

    /// The whole of a log.
    pub(super) fn of(
        snapshot: &Snapshot,
        reader: UserName,
        log: Address,
    ) -> Result<Self, StoreError> {
        let selection = Selection::Newest(u32::MAX);
        let query = HistoryQuery { reader, log, selection, from: None, before: None, page: None };
        Self::new(snapshot, query)
    }

    /// The next messages after a place, copies of sent ones included, as many as are told at a
    /// time.
    pub(super) fn after(&self, after: Sequence) -> Result<Vec<(Sequence, Message)>, StoreError> {
        let mut messages = Vec::new();
        let mut bytes = 0;
        for entry in self.entries_in(SequenceRange { first: after.next(), last: self.last })? {
            let (place, entry) = entry?;
            bytes += message_bytes(&entry);
            messages.push((place, self.message(place, entry)?));
            if bytes >= FOLLOWED_BYTES {
                break;
            }
        }
        Ok(messages)
    }

    /// Where reading starts: finds the newest messages that are wanted.
    fn first_mark(&self) -> Result<PageMark, StoreError> {
        let before = self.query.before.unwrap_or(Sequence(u64::MAX));
        let end = before.min(self.last.next());
        let newest = match self.query.selection {
            Selection::UnreadAndNewest(count) | Selection::Newest(count) => Some(count),
            Selection::NewestUnread(count) => Some(count),
            Selection::Unread => None,
        };
        let floor = match newest {
            Some(count) => self.floor(self.base(Sequence(1), end), end, count)?,
            None => Sequence(1),
        };
        let more = self.more_below(floor)?;
        Ok(PageMark { floor, end, after: Sequence(0), more })
    }

    /// The `count`-th newest message in `runs`, or the log's first place where there are fewer.
    fn floor(
        &self,
        runs: Vec<SequenceRange>,
        end: Sequence,
        count: u32,
    ) -> Result<Sequence, StoreError> {
        let mut missing = count;
        let mut floor = end;
        for run in runs.into_iter().rev() {
            for entry in self.entries_in(run)?.rev() {
                if missing == 0 {
                    return Ok(floor);
                }
                let (sequence, entry) = entry?;
                if self.is_wanted(&entry) {
                    missing -= 1;
                    floor = sequence;
                }
            }
        }
        match missing {
            0 => Ok(floor),
            _ => Ok(Sequence(1)),
        }
    }

    /// The places from which the selection is made: all of them, or the unread ones.
    fn base(&self, first: Sequence, end: Sequence) -> Vec<SequenceRange> {
        let within = SequenceRange { first, last: Sequence(end.0.saturating_sub(1)) };
        match self.query.selection {
            Selection::UnreadAndNewest(_) | Selection::Newest(_) => vec![within],
            Selection::Unread | Selection::NewestUnread(_) => self.read.unmarked(within),
        }
    }

    /// The places that are selected: from the floor on, and what is unread below it.
    fn selected(&self, mark: PageMark) -> Vec<SequenceRange> {
        let mut runs = Vec::new();
        if let (Selection::UnreadAndNewest(_), Some(below)) =
            (self.query.selection, below(mark.floor))
        {
            runs = self.read.unmarked(below);
        }
        runs.extend(self.base(mark.floor, mark.end));
        runs
    }

    /// Whether messages below the floor match and are not selected.
    fn more_below(&self, floor: Sequence) -> Result<bool, StoreError> {
        let Some(below) = below(floor) else { return Ok(false) };
        let runs = match self.query.selection {
            Selection::UnreadAndNewest(_) => self.read.marked(below),
            _ => self.base(Sequence(1), floor),
        };
        for run in runs.into_iter().rev() {
            for entry in self.entries_in(run)?.rev() {
                if self.is_wanted(&entry?.1) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Collects selected messages until the page is full.
    fn page(&self, mark: PageMark) -> Result<HistoryPage, StoreError> {
        let mut messages = Vec::new();
        let mut bytes = 0;
        for run in self.selected(mark) {
            let first = run.first.max(mark.after.next());
            for entry in self.entries_in(SequenceRange { first, ..run })? {
                let (sequence, entry) = entry?;
                if !self.is_wanted(&entry) {
                    continue;
                }
                if bytes >= PAGE_BYTES || messages.len() == PAGE_ITEMS_MAX {
                    let after = Sequence(sequence.0.saturating_sub(1));
                    return Ok(page(messages, mark, Some(PageMark { after, ..mark })));
                }
                bytes += message_bytes(&entry);
                messages.push(self.message(sequence, entry)?);
            }
        }
        Ok(page(messages, mark, None))
    }

    /// Whether a message is one that this reader asks for. The mailbox also holds what its owner sent.
    fn is_wanted(&self, entry: &Entry) -> bool {
        let here = entry.to == self.query.log;
        here && self.query.from.as_ref().is_none_or(|from| *from == entry.from)
    }

    fn message(&self, place: Sequence, entry: Entry) -> Result<Message, StoreError> {
        let body = match entry.body {
            Body::File(file) if has_expired(&self.stored_files, &file.name)? => {
                Body::ExpiredFile(file)
            }
            body => body,
        };
        Ok(Message {
            id: MessageId { log: entry.to, sequence: entry.sequence },
            from: entry.from,
            at: entry.at,
            body,
            unread: !self.read.contains(place),
        })
    }

    /// The entries of a run, with their places.
    fn entries_in(
        &self,
        run: SequenceRange,
    ) -> Result<impl DoubleEndedIterator<Item = Result<(Sequence, Entry), StoreError>>, StoreError>
    {
        let first = tables::entry(&self.query.log, run.first);
        // The engine panics on a reversed range; an empty run is an empty range.
        let end = tables::entry(&self.query.log, run.last.next().max(run.first));
        let range = self.entries.range(first.as_slice()..end.as_slice())?;
        Ok(range.map(|row| {
            let (key, value) = row?;
            let place = key.value().last_chunk().copied().map(u64::from_be_bytes);
            let place = place.ok_or(StoreError::Damaged("log's key"))?;
            Ok((Sequence(place), records::decode(value.value(), "message")?))
        }))
    }
}

/// The places below a floor, if there are any.
fn below(floor: Sequence) -> Option<SequenceRange> {
    let last = Sequence(floor.0.saturating_sub(1));
    (last.0 > 0).then_some(SequenceRange { first: Sequence(1), last })
}

fn page(messages: Vec<Message>, mark: PageMark, next: Option<PageMark>) -> HistoryPage {
    HistoryPage { messages: BoundedVec::first_of(messages), more: mark.more, next }
}

/// About how many bytes of a frame a message takes.
fn message_bytes(entry: &Entry) -> usize {
    const NAMES_AND_NUMBERS: usize = 160;
    NAMES_AND_NUMBERS
        + match &entry.body {
            Body::Text(text) => text.as_str().len(),
            Body::File(file) | Body::ExpiredFile(file) => {
                let folder = file.original.folder().map_or(0, |folder| folder.as_str().len());
                file.name.as_str().len() + file.original.name().as_str().len() + folder
            }
        }
}
