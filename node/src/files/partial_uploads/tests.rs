//! Turns and rooms of unfinished uploads.

use super::*;

fn key(user: &str, id: u8) -> PartKey {
    PartKey { user: user.parse().unwrap(), id: ClientId([id; 16]) }
}

/// A part of so many bytes that rests: the longer, the smaller its id.
async fn resting(parts: &PartialUploads, user: &str, id: u8, bytes: usize) {
    let turn = parts.take(key(user, id)).await.unwrap();
    std::fs::write(turn.path(), vec![0; bytes]).unwrap();
    let file = std::fs::File::options().write(true).open(turn.path()).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(id.into())).unwrap();
}

fn refusal<T>(result: Result<T, CommandError>) -> Refusal {
    match result.map(drop) {
        Err(CommandError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

fn lying(parts: &PartialUploads) -> Vec<String> {
    let mut names: Vec<_> =
        PartialFile::list(&parts.folder).unwrap().into_iter().map(|part| part.name).collect();
    names.sort();
    names
}

#[test]
fn a_parts_name_tells_whose_it_is() {
    let key = key("a-b.c", 0xab);
    assert_eq!(key.to_string(), format!("{}-a-b.c", "ab".repeat(16)));
    assert_eq!(PartKey::parse(&key.to_string()), Some(key));
    for name in ["", "x", "ab-alice", &format!("{}-", "ab".repeat(16)), "-alice"] {
        assert_eq!(PartKey::parse(name), None, "{name}");
    }
}

#[tokio::test]
async fn a_newer_transfer_takes_the_part_over() {
    let folder = tempfile::tempdir().unwrap();
    let parts = PartialUploads::new(folder.path());
    let first = parts.take(key("alice", 1)).await.unwrap();
    let taking = {
        let parts = parts.clone();
        tokio::spawn(async move { parts.take(key("alice", 1)).await })
    };
    first.superseded.cancelled().await;
    assert!(!taking.is_finished());
    drop(first);
    let second = taking.await.unwrap().unwrap();
    assert!(!second.superseded.is_cancelled());
    parts.take(key("alice", 2)).await.unwrap();
    drop(second);
    assert!(parts.places().is_empty(), "nothing lies there, so nothing is remembered");
}

#[tokio::test]
async fn what_travels_and_what_rests_counts_against_the_quota() {
    let folder = tempfile::tempdir().unwrap();
    let parts = PartialUploads::new(folder.path());
    let first = parts.take(key("alice", 1)).await.unwrap();
    first.reserve(4, 2, Some(10)).await.unwrap();
    let second = parts.take(key("alice", 2)).await.unwrap();
    let refused = second.reserve(5, 2, Some(10)).await;
    assert_eq!(refusal(refused), Refusal::QuotaExceeded { size: 5, used: 6, quota: 10 });
    let bob = parts.take(key("bob", 1)).await.unwrap();
    bob.reserve(10, 0, Some(10)).await.unwrap();
    // It is cut, and three bytes stay.
    std::fs::write(first.path(), "abc").unwrap();
    drop(first);
    second.reserve(5, 2, Some(10)).await.unwrap();
    assert_eq!(lying(&parts), [key("alice", 1).to_string()]);
    let refused = second.reserve(9, 2, Some(10)).await;
    assert_eq!(refusal(refused), Refusal::QuotaExceeded { size: 9, used: 5, quota: 10 });
}

#[tokio::test]
async fn what_rests_gives_way_where_that_makes_the_room() {
    let folder = tempfile::tempdir().unwrap();
    let parts = PartialUploads::new(folder.path());
    resting(&parts, "alice", 1, 4).await;
    resting(&parts, "alice", 2, 4).await;
    resting(&parts, "bob", 3, 4).await;
    let new = parts.take(key("alice", 4)).await.unwrap();
    new.reserve(11, 0, Some(10)).await.unwrap_err();
    assert_eq!(lying(&parts).len(), 3, "no part goes in vain");
    new.reserve(6, 0, Some(10)).await.unwrap();
    assert_eq!(
        lying(&parts),
        [2, 3].map(|id| key(if id == 2 { "alice" } else { "bob" }, id).to_string())
    );
    // Its own part is what it goes on with.
    drop(new);
    let again = parts.take(key("alice", 2)).await.unwrap();
    again.reserve(10, 0, Some(10)).await.unwrap();
    assert_eq!(lying(&parts).len(), 2);
}

#[tokio::test]
async fn a_user_has_a_bounded_number_of_parts() {
    let folder = tempfile::tempdir().unwrap();
    let parts = PartialUploads::new(folder.path());
    let max = u8::try_from(PARTS_OF_USER_MAX).unwrap();
    for id in 0..max {
        resting(&parts, "alice", id, 1).await;
    }
    resting(&parts, "alice", max, 1).await;
    let names = lying(&parts);
    assert_eq!(names.len(), PARTS_OF_USER_MAX);
    assert!(!names.contains(&key("alice", 0).to_string()), "the oldest goes");
    let mut held = Vec::new();
    for id in 0..max {
        held.push(parts.take(key("bob", id)).await.unwrap());
    }
    assert_eq!(refusal(parts.take(key("bob", max)).await), Refusal::Busy);
}

#[tokio::test]
async fn a_part_that_cannot_be_removed_ends_the_upload_that_needs_its_room() {
    let folder = tempfile::tempdir().unwrap();
    let parts = PartialUploads::new(folder.path());
    let soon = Duration::from_secs(5);
    // A folder is not removed as a file is.
    let immovable = async |id| {
        let turn = parts.take(key("alice", id)).await.unwrap();
        std::fs::create_dir(turn.path()).unwrap();
        drop(turn);
        parts.places().get_mut(&key("alice", id)).unwrap().bytes = 4;
    };
    immovable(0).await;
    let new = parts.take(key("alice", u8::MAX)).await.unwrap();
    let reserved = timeout(soon, new.reserve(8, 0, Some(10))).await.expect("it tries once");
    assert!(matches!(reserved, Err(CommandError::Failed(_))), "{reserved:?}");
    drop(new);
    for id in 1..PARTS_OF_USER_MAX.try_into().unwrap() {
        immovable(id).await;
    }
    let taken = timeout(soon, parts.take(key("alice", u8::MAX))).await.expect("it tries once");
    assert!(matches!(taken, Err(CommandError::Failed(_))), "{taken:?}");
}
