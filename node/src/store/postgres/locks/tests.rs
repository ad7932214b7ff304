use super::{LOCKS, LockSet, fnv1a, lock_of};
use crate::store::interface::{Range, Table};

#[test]
fn the_hash_is_the_published_one() {
    assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
}

#[test]
fn the_lock_of_a_name_never_changes() {
    assert_eq!((lock_of(b"alice"), lock_of(b"bob")), (2311, 2644));
}

#[test]
fn a_range_over_all_entities_needs_all_locks() {
    let mut locks = LockSet::default();
    locks.add_row(Table::Members, b"team\0bob");
    let one = locks.clone();
    locks.add_range(&Range::prefix(Table::Members, b"team\0".to_vec()));
    assert_eq!(locks, one);
    locks.add_range(&Range::between(Table::Members, b"a".to_vec(), b"z".to_vec()));
    assert_eq!(locks.sorted(), (0..LOCKS).collect::<Vec<_>>());
    assert!(locks.has_all(&one) && !one.has_all(&locks));
}
