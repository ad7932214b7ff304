//! Reading the selected messages of a log, page by page.

use qchat_proto::command::{HistoryPage, PageMark, Selection, SequenceRange};
use qchat_proto::limits::{PAGE_BYTES, PAGE_ITEMS_MAX};
use qchat_proto::{Address, Body, BoundedVec, Message, MessageId, Refusal, Sequence, UserName};

use super::files::has_expired;
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::permission::{Action, permit};
use crate::store::schema::range_set::RangeSet;
use crate::store::schema::records::{self, LogEntry};
use crate::store::schema::rows_read::{CountedTable, Snapshot};
use crate::store::schema::{keys, tables};

/// The bytes of messages that one query for a watcher returns. They stay in memory until the watcher has read the
/// last of them, and many watchers may read slowly.
const WATCHED_BYTES: usize = PAGE_BYTES / 4;

/// A selection of the messages of a log.
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
    /// A page of messages, the oldest first, of a log that the reader may read.
    pub(crate) async fn history(
        &self,
        query: HistoryQuery,
    ) -> Result<Result<HistoryPage, Refusal>, StoreError> {
        self.read(move |snapshot| {
            if let Err(refusal) = permit(snapshot, &query.reader, Action::Read(&query.log))? {
                return Ok(Err(refusal));
            }
            let mark = query.page;
            let log_reader = LogReader::new(snapshot, query.clone())?;
            let mark = mark.map_or_else(|| log_reader.first_mark(), Ok)?;
            log_reader.page(mark).map(Ok)
        })
        .await
    }
}

/// A snapshot of a log, with the read markers of one user.
pub(super) struct LogReader {
    query: HistoryQuery,
    entries: CountedTable,
    stored_files: CountedTable,
    read: RangeSet,
    last: Sequence,
}

impl LogReader {
    fn new(snapshot: &Snapshot, query: HistoryQuery) -> Result<Self, StoreError> {
        let log = keys::log(&query.log);
        let marker = keys::marker(&query.reader, &query.log);
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

    /// A reader of the whole log.
    pub(super) fn of(
        snapshot: &Snapshot,
        reader: UserName,
        log: Address,
    ) -> Result<Self, StoreError> {
        let selection = Selection::Newest(u32::MAX);
        let query = HistoryQuery { reader, log, selection, from: None, before: None, page: None };
        Self::new(snapshot, query)
    }

    /// The next messages after a position, with the copies of sent messages, up to [`WATCHED_BYTES`].
    pub(super) fn after(&self, after: Sequence) -> Result<Vec<(Sequence, Message)>, StoreError> {
        let mut messages = Vec::new();
        let mut bytes = 0;
        for entry in self.entries_in(SequenceRange { first: after.next(), last: self.last })? {
            let (position, entry) = entry?;
            bytes += message_bytes(&entry);
            messages.push((position, self.message(position, entry)?));
            if bytes >= WATCHED_BYTES {
                break;
            }
        }
        Ok(messages)
    }

    /// The mark of the first page: finds the newest of the selected messages.
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

    /// The position of the `count`-th newest message in `ranges`, or the first position if there are fewer.
    fn floor(
        &self,
        ranges: Vec<SequenceRange>,
        end: Sequence,
        count: u32,
    ) -> Result<Sequence, StoreError> {
        let mut missing = count;
        let mut floor = end;
        for range in ranges.into_iter().rev() {
            for entry in self.entries_in(range)?.rev() {
                if missing == 0 {
                    return Ok(floor);
                }
                let (sequence, entry) = entry?;
                if self.matches(&entry) {
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

    /// The positions from which the selection is made: all of them, or the unread ones.
    fn base(&self, first: Sequence, end: Sequence) -> Vec<SequenceRange> {
        let within = SequenceRange { first, last: Sequence(end.0.saturating_sub(1)) };
        match self.query.selection {
            Selection::UnreadAndNewest(_) | Selection::Newest(_) => vec![within],
            Selection::Unread | Selection::NewestUnread(_) => self.read.unmarked(within),
        }
    }

    /// The selected positions: those from the floor on, and the unread ones below the floor.
    fn selected(&self, mark: PageMark) -> Vec<SequenceRange> {
        let mut ranges = Vec::new();
        if let (Selection::UnreadAndNewest(_), Some(below)) =
            (self.query.selection, below(mark.floor))
        {
            ranges = self.read.unmarked(below);
        }
        ranges.extend(self.base(mark.floor, mark.end));
        ranges
    }

    /// Whether messages below the floor match the query and are not selected.
    fn more_below(&self, floor: Sequence) -> Result<bool, StoreError> {
        let Some(below) = below(floor) else { return Ok(false) };
        let ranges = match self.query.selection {
            Selection::UnreadAndNewest(_) => self.read.marked(below),
            _ => self.base(Sequence(1), floor),
        };
        for range in ranges.into_iter().rev() {
            for entry in self.entries_in(range)?.rev() {
                if self.matches(&entry?.1) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The selected messages, until the page is full.
    fn page(&self, mark: PageMark) -> Result<HistoryPage, StoreError> {
        let mut messages = Vec::new();
        let mut bytes = 0;
        for range in self.selected(mark) {
            let first = range.first.max(mark.after.next());
            for entry in self.entries_in(SequenceRange { first, ..range })? {
                let (sequence, entry) = entry?;
                if !self.matches(&entry) {
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

    /// Whether a message matches the query. A mailbox also contains copies of its owner's messages, which do not.
    fn matches(&self, entry: &LogEntry) -> bool {
        let here = entry.to == self.query.log;
        here && self.query.from.as_ref().is_none_or(|from| *from == entry.from)
    }

    fn message(&self, position: Sequence, entry: LogEntry) -> Result<Message, StoreError> {
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
            unread: !self.read.contains(position),
        })
    }

    /// The entries of a range, with their positions.
    fn entries_in(
        &self,
        range: SequenceRange,
    ) -> Result<impl DoubleEndedIterator<Item = Result<(Sequence, LogEntry), StoreError>>, StoreError>
    {
        let first = keys::entry(&self.query.log, range.first);
        // redb panics on a reversed range.
        let end = keys::entry(&self.query.log, range.last.next().max(range.first));
        let rows = self.entries.range(first.as_slice()..end.as_slice())?;
        Ok(rows.map(|row| {
            let (key, value) = row?;
            let position = key.value().last_chunk().copied().map(u64::from_be_bytes);
            let position = position.ok_or(StoreError::Damaged("log's key"))?;
            Ok((Sequence(position), records::decode(value.value(), "message")?))
        }))
    }
}

/// The positions below a floor, if there are any.
fn below(floor: Sequence) -> Option<SequenceRange> {
    let last = Sequence(floor.0.saturating_sub(1));
    (last.0 > 0).then_some(SequenceRange { first: Sequence(1), last })
}

fn page(messages: Vec<Message>, mark: PageMark, next: Option<PageMark>) -> HistoryPage {
    HistoryPage { messages: BoundedVec::first_of(messages), more: mark.more, next }
}

/// The approximate bytes of a message in a frame.
fn message_bytes(entry: &LogEntry) -> usize {
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
