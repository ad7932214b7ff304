use super::{entity, entity_of_range};
use crate::store::interface::{Range, Table};

#[test]
fn a_key_belongs_to_the_name_at_its_beginning() {
    for (table, key, expected) in [
        (Table::Accounts, "alice", "alice"),
        (Table::Members, "team\0alice", "team"),
        (Table::Effects, "\0\0\0id of 16 bytealice", "alice"),
        (Table::Messages, "\0\u{1}\0\0\0\0\0\u{5}", "\0\u{1}"),
        (Table::LastMessages, "\0\u{1}", "\0\u{1}"),
        (Table::Heads, "@alice\0", "alice"),
        (Table::Chunks, "+team\0\0\0\0\0\0\0\0\u{1}", "team"),
        (Table::ReadMarkers, "alice\0@alice\0", "alice"),
        (Table::Sessions, "to\0ken", "to\0ken"),
    ] {
        assert_eq!(entity(table, key.as_bytes()), expected.as_bytes(), "{key:?}");
    }
}

#[test]
fn a_range_belongs_to_an_entity_only_if_all_its_keys_do() {
    for (table, first, end, expected) in [
        (Table::Members, "team\0", "team\u{1}", Some("team")),
        (Table::Members, "team\0bob\0", "team\u{1}", Some("team")),
        (Table::Members, "team\0a", "team\0b", Some("team")),
        (Table::Members, "team", "team\u{1}", None),
        (Table::Members, "team\0", "team2", None),
        (Table::Members, "", "\u{7f}", None),
        (Table::Accounts, "alice", "alice\0", None),
        (Table::Chunks, "@bob\0\0", "@bob\0\u{7f}", Some("bob")),
        (Table::Chunks, "@bob", "@bob\u{1}", None),
        (Table::Sessions, "a\0", "a\u{1}", None),
    ] {
        let range = Range::between(table, first.as_bytes().to_vec(), end.as_bytes().to_vec());
        assert_eq!(entity_of_range(&range), expected.map(str::as_bytes), "{first:?} {end:?}");
    }
}
