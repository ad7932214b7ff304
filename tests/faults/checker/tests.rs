//! Each broken promise is found.

use std::collections::{BTreeMap, BTreeSet};

use super::{Attempt, Diary, Entry, Outcome, World, content, violations};

/// Two clients and a group: `ann` sent two texts and a file, `bob` was refused once and joined then.
fn kept() -> (Vec<Diary>, World) {
    let attempt = |name: &str, is_member, outcome| {
        let (log, name) = ("+lab".to_owned(), name.to_owned());
        Attempt { log, name, is_member, outcome }
    };
    let outside = Outcome::Refused("not_a_member".to_owned());
    let diary = |user: &str, attempts, is_made| {
        let makings = vec![("race".to_owned(), is_made)];
        Diary {
            user: user.to_owned(),
            attempts,
            makings,
            joined: BTreeSet::from(["lab".to_owned()]),
        }
    };
    let ann = [(1, "ann.0"), (2, "ann.1"), (4, "ann.2")];
    let ann = ann.map(|(number, name)| attempt(name, true, Outcome::At(number)));
    let bob = vec![attempt("bob.0", false, outside), attempt("bob.1", true, Outcome::At(3))];
    let entry = |(sequence, from, name, digest): (u64, &str, &str, Option<String>)| Entry {
        sequence,
        from: from.to_owned(),
        name: name.to_owned(),
        digest,
    };
    let file = Some(blake3::hash(&content("ann.2")).to_hex().to_string());
    let entries = [
        (1, "ann", "ann.0", None),
        (2, "ann", "ann.1", None),
        (3, "bob", "bob.1", None),
        (4, "ann", "ann.2", file),
    ];
    let world = World {
        logs: BTreeMap::from([("+lab".to_owned(), entries.map(entry).to_vec())]),
        members: BTreeMap::from([(
            "lab".to_owned(),
            BTreeSet::from(["ann".to_owned(), "bob".to_owned()]),
        )]),
        groups: BTreeSet::from(["lab".to_owned(), "race".to_owned()]),
    };
    (vec![diary("ann", ann.to_vec(), true), diary("bob", bob, false)], world)
}

fn log(world: &mut World) -> &mut Vec<Entry> {
    world.logs.get_mut("+lab").unwrap()
}

#[test]
fn kept_promises_are_no_violations() {
    let (diaries, world) = kept();
    assert_eq!(violations(&diaries, &world), Vec::<String>::new());
}

#[test]
fn each_broken_promise_is_found() {
    type Plant = fn(&mut Vec<Diary>, &mut World);
    let plants: [(&str, Plant); 15] = [
        ("lost: ann.2", |_, world| drop(log(world).pop())),
        ("lost: ann.0", |_, world| world.logs.clear()),
        ("not dense: +lab has 3 in place of 2", |_, world| drop(log(world).remove(1))),
        ("doubled: +lab has ann.0 twice", |_, world| {
            let again = Entry { sequence: 5, ..log(world)[0].clone() };
            log(world).push(again);
        }),
        ("moved: ann.0 is +lab:1, not 2", |diaries, _| {
            diaries[0].attempts[0].outcome = Outcome::At(2);
        }),
        ("out of order: ann.1", |diaries, _| diaries[0].attempts.swap(0, 1)),
        ("invented: +lab has ann.1", |diaries, _| drop(diaries[0].attempts.remove(1))),
        ("invented: +lab has a message of carl", |_, world| {
            log(world)[2].from = "carl".to_owned();
        }),
        ("stored: bob.0, refused with not_a_member", |_, world| {
            log(world)[2].name = "bob.0".to_owned();
        }),
        ("outside: bob.1", |diaries, _| diaries[1].attempts[1].is_member = false),
        ("refused: bob.0", |diaries, _| diaries[1].attempts[0].is_member = true),
        ("refused: bob.0 to +lab with server_full", |diaries, _| {
            diaries[1].attempts[0].outcome = Outcome::Refused("server_full".to_owned());
        }),
        ("damaged: the file ann.2", |_, world| {
            log(world)[3].digest = Some(blake3::hash(b"other").to_hex().to_string());
        }),
        ("name: race was made by [\"ann\", \"bob\"]", |diaries, _| diaries[1].makings[0].1 = true),
        ("members: bob in lab: true", |diaries, _| diaries[1].joined.clear()),
    ];
    for (expected, plant) in plants {
        let (mut diaries, mut world) = kept();
        plant(&mut diaries, &mut world);
        let found = violations(&diaries, &world);
        assert!(found.iter().any(|found| found.starts_with(expected)), "{expected}: {found:?}");
    }
}

#[test]
fn a_name_without_a_maker_or_a_group_is_found() {
    let (mut diaries, mut world) = kept();
    diaries[0].makings[0].1 = false;
    world.groups.remove("race");
    assert_eq!(
        violations(&diaries, &world),
        ["name: race was made by []", "name: race does not exist"]
    );
}
