use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;

/// The priority of a disk beside which people chat, however long the test takes.
pub(crate) fn beside_chat() -> DiskPriority {
    let priority = DiskPriority::default();
    *lock(&priority.shared.last_chat) = Some(Instant::now() + Duration::from_secs(3600));
    priority
}

#[test]
fn files_use_small_pieces_for_a_second_after_a_chat_message() {
    let priority = DiskPriority::default();
    assert!(!priority.is_chat_active(Instant::now()));
    priority.clone().note_chat();
    let last_chat = lock(&priority.shared.last_chat).unwrap();
    assert!(priority.is_chat_active(last_chat + CHAT_TIME - Duration::from_nanos(1)));
    assert!(!priority.is_chat_active(last_chat + CHAT_TIME));
}

#[test]
fn a_small_piece_is_synced_and_a_whole_block_is_not() {
    let (idle, beside_chat) = (DiskPriority::default(), beside_chat());
    let seen = |access: DiskAccess<'_>| (access.bytes_max(), access.must_sync());
    assert_eq!(seen(idle.access()), (usize::MAX, false));
    assert_eq!(seen(beside_chat.access()), (SMALL_PIECE_BYTES, true));
}

/// The largest number of four files that use the disk at the same time.
fn at_once(priority: &DiskPriority) -> usize {
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let file = || {
        for _ in 0..1_000 {
            let _access = priority.access();
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
        }
    };
    thread::scope(|scope| (0..4).for_each(|_| _ = scope.spawn(file)));
    most.into_inner()
}

#[test]
fn one_file_uses_the_disk_at_a_time_while_people_chat() {
    assert_eq!(at_once(&beside_chat()), 1);
}
