//! Reading the selected messages of a log, page by page.

use qchat_proto::command::{HistoryPage, PageMark, Selection, SequenceRange};
use qchat_proto::limits::{PAGE_BYTES, PAGE_ITEMS_MAX};
use qchat_proto::{Address, Body, BoundedVec, Message, MessageId, Refusal, Sequence, UserName};

use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::interface::{Needs, Read, Stop, Table};
use crate::store::permission::{Action, facts_needed, permit};
use crate::store::schema::logs::{self, LogEntries};
use crate::store::schema::places::LogHead;
use crate::store::schema::range_set::RangeSet;
use crate::store::schema::records::LogEntry;
use crate::store::schema::{keys, rows};

/// The bytes of messages that one query for a watcher returns. They stay in memory until the watcher has read the
/// last of them, and many watchers may read slowly.
const WATCHED_BYTES: usize = PAGE_BYTES / 4;

/// The entries that a reader of unknown length reads first.
const FIRST_STEP: u32 = 32;

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
        self.read(move |tables| {
            tables.expect(&|| log_needed(&query.reader, &query.log));
            if let Err(refusal) = permit(tables, &query.reader, Action::Read(&query.log))? {
                return Ok(Err(refusal));
            }
            let mark = query.page;
            let mut log_reader = LogReader::new(tables, query.clone())?;
            let mark = mark.map_or_else(|| log_reader.first_mark(), Ok)?;
            log_reader.page(mark).map(Ok)
        })
        .await
    }
}

/// The rows that reading a log begins with.
pub(super) fn log_needed(reader: &UserName, log: &Address) -> Needs {
    facts_needed(Needs::default(), reader, Action::Read(log))
        .row(Table::ReadMarkers, keys::marker(reader, log))
        .row(Table::Heads, keys::log(log))
}

/// A reader of a log, with the read markers of one user.
pub(super) struct LogReader<'tables> {
    tables: &'tables mut dyn Read,
    query: HistoryQuery,
    head: LogHead,
    read: RangeSet,
}

impl<'tables> LogReader<'tables> {
    fn new(tables: &'tables mut dyn Read, query: HistoryQuery) -> Result<Self, Stop> {
        let head = logs::head(tables, &query.log)?;
        let marker = keys::marker(&query.reader, &query.log);
        let read = rows::find(tables, Table::ReadMarkers, &marker, "read marker")?;
        let mut read: RangeSet = read.unwrap_or_default();
        // The copies in earlier chunks are marked already.
        for (sequence, place) in logs::numbered(head.last, &head.tail) {
            if place.is_copy {
                read.insert(SequenceRange { first: sequence, last: sequence });
            }
        }
        Ok(Self { tables, query, head, read })
    }

    /// A reader of the whole log.
    pub(super) fn of(
        tables: &'tables mut dyn Read,
        reader: UserName,
        log: Address,
    ) -> Result<Self, Stop> {
        let selection = Selection::Newest(u32::MAX);
        let query = HistoryQuery { reader, log, selection, from: None, before: None, page: None };
        Self::new(tables, query)
    }

    /// The next messages after a position, with the copies of sent messages, up to [`WATCHED_BYTES`].
    pub(super) fn after(&mut self, after: Sequence) -> Result<Vec<(Sequence, Message)>, Stop> {
        let mut messages = Vec::new();
        let mut bytes = 0;
        let all_later = SequenceRange { first: after.next(), last: self.head.last };
        let mut entries = LogEntries::of(all_later, false, FIRST_STEP);
        while bytes < WATCHED_BYTES
            && let Some((position, entry)) = self.next(&mut entries)?
        {
            bytes += message_bytes(&entry);
            messages.push((position, self.message(position, entry)));
        }
        Ok(messages)
    }

    /// The mark of the first page: finds the newest of the selected messages.
    fn first_mark(&mut self) -> Result<PageMark, Stop> {
        let before = self.query.before.unwrap_or(Sequence(u64::MAX));
        let end = before.min(self.head.last.next());
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
        &mut self,
        ranges: Vec<SequenceRange>,
        end: Sequence,
        count: u32,
    ) -> Result<Sequence, Stop> {
        let mut missing = count;
        let mut floor = end;
        for range in ranges.into_iter().rev() {
            let mut entries = LogEntries::of(range, true, missing);
            while missing > 0
                && let Some((sequence, entry)) = self.next(&mut entries)?
            {
                if self.matches(&entry) {
                    missing -= 1;
                    floor = sequence;
                }
            }
            if missing == 0 {
                break;
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
    fn more_below(&mut self, floor: Sequence) -> Result<bool, Stop> {
        let Some(below) = below(floor) else { return Ok(false) };
        let ranges = match self.query.selection {
            Selection::UnreadAndNewest(_) => self.read.marked(below),
            _ => self.base(Sequence(1), floor),
        };
        for range in ranges.into_iter().rev() {
            let mut entries = LogEntries::of(range, true, 1);
            while let Some((_, entry)) = self.next(&mut entries)? {
                if self.matches(&entry) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The selected messages, until the page is full.
    fn page(&mut self, mark: PageMark) -> Result<HistoryPage, Stop> {
        let mut messages = Vec::new();
        let mut bytes = 0;
        for range in self.selected(mark) {
            let first = range.first.max(mark.after.next());
            let mut entries = LogEntries::of(SequenceRange { first, ..range }, false, FIRST_STEP);
            while let Some((sequence, entry)) = self.next(&mut entries)? {
                if !self.matches(&entry) {
                    continue;
                }
                if bytes >= PAGE_BYTES || messages.len() == PAGE_ITEMS_MAX {
                    let after = Sequence(sequence.0.saturating_sub(1));
                    return Ok(page(messages, mark, Some(PageMark { after, ..mark })));
                }
                bytes += message_bytes(&entry);
                messages.push(self.message(sequence, entry));
            }
        }
        Ok(page(messages, mark, None))
    }

    /// Whether a message matches the query. A mailbox also contains copies of its owner's messages, which do not.
    fn matches(&self, entry: &LogEntry) -> bool {
        let here = entry.to == self.query.log;
        here && self.query.from.as_ref().is_none_or(|from| *from == entry.from)
    }

    fn message(&self, sequence: Sequence, entry: LogEntry) -> Message {
        Message {
            id: MessageId { log: entry.to, sequence: entry.sequence },
            from: entry.from,
            at: entry.at,
            body: entry.body,
            unread: !self.read.contains(sequence),
        }
    }

    /// The next entry, with its number in this log.
    fn next(&mut self, entries: &mut LogEntries) -> Result<Option<(Sequence, LogEntry)>, Stop> {
        entries.next(self.tables, &self.query.log, &self.head)
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
