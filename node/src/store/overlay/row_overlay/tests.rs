use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use proptest::prelude::*;

use super::RowOverlay;
use crate::store::interface::{Needs, Range, Read, Row, Stop, Table, Write, WriterNumber};
use crate::store::overlay::{BlindWrites, MissingRows, RowWrites};

const TABLE: Table = Table::Messages;

/// The rows of an engine, or those that a change sees.
type FarTable = BTreeMap<Bytes, Bytes>;

/// An engine with one table, far away.
#[derive(Debug, Clone, Default)]
struct FarRows(FarTable);

impl FarRows {
    fn of(rows: &[(&'static str, &'static str)]) -> Self {
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        Self(rows.iter().map(|(key, value)| (bytes(key), bytes(value))).collect())
    }

    /// Reads everything that the overlay lacks. Returns whether there was something to read.
    fn fetch(&self, overlay: &mut RowOverlay) -> bool {
        let missing = overlay.take_missing();
        self.answer(&missing, overlay);
        !missing.is_empty()
    }

    fn answer(&self, missing: &MissingRows, overlay: &mut RowOverlay) {
        for (table, key) in &missing.rows {
            overlay.learn(*table, key.clone(), self.0.get(key).cloned());
        }
        for range in &missing.ranges {
            overlay.learn_range(range, rows_in(&self.0, range));
        }
    }

    /// Writes as an engine does, and fails if a kind of statement does not fit the row.
    fn write(&mut self, writes: RowWrites) -> Result<(), &'static str> {
        for (_, key, value) in writes.inserts {
            if self.0.insert(key, value).is_some() {
                return Err("an inserted row exists");
            }
        }
        for (_, key, value) in writes.upserts {
            self.0.insert(key, value);
        }
        for (_, key) in writes.deletes {
            self.0.remove(&key);
        }
        Ok(())
    }
}

fn rows_in(rows: &FarTable, range: &Range) -> Vec<Row> {
    if range.is_empty() {
        return Vec::new();
    }
    let bounds = (Bound::Included(&*range.first), Bound::Excluded(&*range.end));
    let rows = rows.range::<[u8], _>(bounds).map(|(key, value)| (key.clone(), value.clone()));
    let limit = range.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap());
    rows.take(limit).collect()
}

fn range(first: &str, end: &str) -> Range {
    Range::between(TABLE, first.as_bytes().to_vec(), end.as_bytes().to_vec())
}

/// Runs a read again until nothing is missing. Returns the answer, and how often the engine was asked.
fn read<T>(
    engine: &FarRows,
    overlay: &mut RowOverlay,
    read: impl Fn(&mut RowOverlay) -> Result<T, Stop>,
) -> (T, u32) {
    for trips in 0..20 {
        match read(overlay) {
            Ok(answer) => return (answer, trips),
            Err(Stop::Missing) => assert!(engine.fetch(overlay), "nothing is missing"),
            Err(Stop::Fault(error)) => panic!("{error}"),
        }
    }
    panic!("the overlay wants ever more rows")
}

fn keys(rows: Vec<Row>) -> Vec<String> {
    rows.into_iter().map(|(key, _)| String::from_utf8(key.to_vec()).unwrap()).collect()
}

#[test]
fn a_limited_range_reads_no_more_than_its_limit_and_goes_on_from_there() {
    let engine = FarRows::of(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]);
    let mut overlay = RowOverlay::of(WriterNumber::ONLY);
    let first = range("a", "z").limited(2);
    let (rows, trips) = read(&engine, &mut overlay, |overlay| overlay.range(&first));
    assert_eq!((keys(rows), trips), (vec!["a".into(), "b".into()], 1));
    let (rows, trips) = read(&engine, &mut overlay, |overlay| overlay.range(&first));
    assert_eq!((rows.len(), trips), (2, 0));
    assert!(matches!(overlay.range(&range("a", "z").limited(3)), Err(Stop::Missing)));
    let missing = overlay.take_missing();
    assert_eq!(missing.ranges, [range("b\0", "z").limited(1)]);
}

#[test]
fn an_undone_change_leaves_the_writes_before_it() {
    let mut overlay = RowOverlay::of(WriterNumber::ONLY);
    let get = |overlay: &mut RowOverlay, key: &[u8]| overlay.get(TABLE, key).ok().flatten();
    overlay.begin();
    overlay.put(TABLE, b"a", Bytes::from_static(b"1")).unwrap();
    overlay.begin();
    overlay.put(TABLE, b"a", Bytes::from_static(b"2")).unwrap();
    overlay.remove(TABLE, b"a").unwrap();
    overlay.put(TABLE, b"b", Bytes::from_static(b"3")).unwrap();
    overlay.undo();
    assert_eq!(get(&mut overlay, b"a").as_deref(), Some(b"1".as_slice()));
    assert!(matches!(overlay.get(TABLE, b"b"), Err(Stop::Missing)));
    assert_eq!(overlay.written().count(), 1);
}

#[test]
fn each_row_is_written_by_the_statement_that_fits() {
    let engine = FarRows::of(&[("same", "1"), ("there", "1"), ("gone", "1")]);
    let mut overlay = RowOverlay::of(WriterNumber::ONLY);
    for key in ["same", "there", "gone", "new", "never"] {
        read(&engine, &mut overlay, |overlay| overlay.get(TABLE, key.as_bytes()));
    }
    let two = Bytes::from_static(b"2");
    overlay.put(TABLE, b"same", Bytes::from_static(b"1")).unwrap();
    for key in ["there", "new", "blind"] {
        overlay.put(TABLE, key.as_bytes(), two.clone()).unwrap();
    }
    for key in ["gone", "never", "blind gone"] {
        overlay.remove(TABLE, key.as_bytes()).unwrap();
    }
    let key = |key: &'static str| Bytes::from_static(key.as_bytes());
    let row = |name| (TABLE, key(name), two.clone());
    let expected = RowWrites {
        inserts: vec![row("new")],
        upserts: vec![row("blind"), row("there")],
        deletes: vec![(TABLE, key("blind gone")), (TABLE, key("gone"))],
    };
    assert_eq!(overlay.writes(BlindWrites::Upsert), expected);
    let optimistic = overlay.writes(BlindWrites::Insert);
    assert_eq!(optimistic.inserts, [row("blind"), row("new")]);
    assert_eq!(optimistic.upserts, [row("there")]);
}

#[test]
fn an_assumed_absence_is_used_and_needs_its_proof() {
    let mut overlay = RowOverlay::of(WriterNumber::ONLY);
    let key = Bytes::from_static(b"id");
    overlay.assume_absent(TABLE, key.clone());
    assert!(overlay.unproven().is_empty(), "nobody has used it");
    assert_eq!(overlay.get(TABLE, b"id").ok(), Some(None));
    assert_eq!(overlay.unproven().rows.len(), 1);
    overlay.put(TABLE, b"id", key.clone()).unwrap();
    assert!(overlay.unproven().is_empty(), "the insertion proves it");
    overlay.remove(TABLE, b"id").unwrap();
    assert_eq!(overlay.unproven().rows.len(), 1);
    overlay.learn(TABLE, key.clone(), None);
    assert!(overlay.unproven().is_empty() && !overlay.is_disproved());
    overlay.learn(TABLE, key, Some(Bytes::new()));
    assert!(!overlay.is_disproved(), "it was known, not assumed");
}

#[test]
fn an_assumption_is_disproved_by_the_row_or_by_its_range() {
    for by_range in [false, true] {
        let engine = FarRows::of(&[("id", "1")]);
        let mut overlay = RowOverlay::of(WriterNumber::ONLY);
        overlay.assume_absent(TABLE, Bytes::from_static(b"id"));
        assert_eq!(overlay.get(TABLE, b"id").ok(), Some(None));
        match by_range {
            true => drop(read(&engine, &mut overlay, |overlay| overlay.range(&range("a", "z")))),
            false => engine.answer(&overlay.unproven(), &mut overlay),
        }
        assert!(overlay.is_disproved());
        overlay.forget_writes();
        assert!(!overlay.is_disproved());
        assert_eq!(overlay.get(TABLE, b"id").ok().flatten().as_deref(), Some(b"1".as_slice()));
    }
}

#[test]
fn announced_rows_are_read_together_and_only_if_they_are_not_known() {
    let engine = FarRows::of(&[("a", "1"), ("b", "2"), ("c", "3")]);
    let mut overlay = RowOverlay::of(WriterNumber::ONLY);
    overlay.learn(TABLE, Bytes::from_static(b"a"), None);
    overlay.expect(&|| {
        Needs::default().row(TABLE, *b"a").row(TABLE, *b"b").range(range("c", "z").limited(1))
    });
    assert!(matches!(overlay.get(TABLE, b"b"), Err(Stop::Missing)));
    assert!(engine.fetch(&mut overlay));
    let ((), trips) = read(&engine, &mut overlay, |overlay| {
        overlay.get(TABLE, b"b")?;
        overlay.range(&range("c", "z").limited(1)).map(drop)
    });
    assert_eq!(trips, 0);
}

#[test]
fn a_hint_is_read_without_its_absent_rows() {
    let mut missing = MissingRows::default();
    missing.add_hint(Needs {
        rows: vec![(TABLE, b"a".to_vec()), (TABLE, b"a".to_vec())],
        ranges: vec![range("a", "b"), range("a", "b"), range("b", "a")],
        absent: vec![(TABLE, b"c".to_vec())],
    });
    assert_eq!((missing.rows.len(), missing.ranges.len()), (1, 1));
}

/// An action of a random change.
#[derive(Debug, Clone)]
enum Act {
    Get(String),
    Range(Range),
    Put(String, String),
    Remove(String),
    Begin,
    Undo,
    /// A hint, which is read before it is needed.
    Prefetch(Range),
}

fn a_key() -> impl Strategy<Value = String> {
    "[a-d]{1,2}"
}

fn a_range() -> impl Strategy<Value = Range> {
    let range = (a_key(), a_key(), proptest::option::of(0..4_u32));
    range.prop_map(|(first, end, limit)| Range { limit, ..range_of(&first, &end) })
}

fn range_of(first: &str, end: &str) -> Range {
    range(first, end)
}

fn an_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        a_key().prop_map(Act::Get),
        a_range().prop_map(Act::Range),
        a_range().prop_map(Act::Range),
        (a_key(), "[xyz]").prop_map(|(key, value)| Act::Put(key, value)),
        (a_key(), "[xyz]").prop_map(|(key, value)| Act::Put(key, value)),
        a_key().prop_map(Act::Remove),
        Just(Act::Begin),
        Just(Act::Undo),
        a_range().prop_map(Act::Prefetch),
    ]
}

fn all() -> Range {
    range("", "z")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn an_overlay_shows_the_rows_of_its_engine_below_its_own(
        stored in proptest::collection::btree_map(a_key(), "[xyz]", 0..12),
        acts in proptest::collection::vec(an_act(), 1..40),
    ) {
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let rows = stored.iter().map(|(key, value)| (bytes(key), bytes(value)));
        let mut engine = FarRows(rows.collect());
        let mut overlay = RowOverlay::of(WriterNumber::ONLY);
        let (mut seen, mut before) = (engine.0.clone(), engine.0.clone());
        overlay.begin();
        for act in acts {
            match act {
                Act::Get(key) => {
                    let (found, _) = read(&engine, &mut overlay, |overlay| overlay.get(TABLE, key.as_bytes()));
                    prop_assert_eq!(found.as_ref(), seen.get(key.as_bytes()));
                }
                Act::Range(range) => {
                    let (found, _) = read(&engine, &mut overlay, |overlay| overlay.range(&range));
                    prop_assert_eq!(found, rows_in(&seen, &range));
                }
                Act::Put(key, value) => {
                    overlay.put(TABLE, key.as_bytes(), bytes(&value)).unwrap();
                    seen.insert(bytes(&key), bytes(&value));
                }
                Act::Remove(key) => {
                    overlay.remove(TABLE, key.as_bytes()).unwrap();
                    seen.remove(key.as_bytes());
                }
                Act::Begin => {
                    overlay.begin();
                    before = seen.clone();
                }
                Act::Undo => {
                    overlay.undo();
                    seen = before.clone();
                }
                Act::Prefetch(range) => overlay.learn_range(&range, rows_in(&engine.0, &range)),
            }
        }
        let (found, _) = read(&engine, &mut overlay, |overlay| overlay.range(&all()));
        prop_assert_eq!(found, rows_in(&seen, &all()));
        prop_assert_eq!(engine.write(overlay.writes(BlindWrites::Upsert)), Ok(()));
        prop_assert_eq!(engine.0, seen);
    }
}
