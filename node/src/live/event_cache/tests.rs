use qchat_proto::{Address, MessageId, Timestamp};

use super::*;

/// The cached frame of a message, after a comparison with a newly encoded one.
fn frame_of(cache: &EventCache, group: &str, place: u64, text: &str, unread: bool) -> Bytes {
    let group: GroupName = group.parse().unwrap();
    let (log, sequence) = (Address::Group(group.clone()), Sequence(place));
    let message = Message {
        id: MessageId { log, sequence },
        from: "alice".parse().unwrap(),
        at: Timestamp::from_milliseconds(0),
        body: Body::Text(text.to_owned().try_into().unwrap()),
        unread,
    };
    let event = Event::Message { log: Log::Group(group.clone()), place: sequence, message };
    let expected = event_frame(&event);
    let Event::Message { log, place, message } = event else { unreachable!() };
    let frame = cache.message_frame(log, place, message);
    assert_eq!(frame, expected);
    frame
}

#[test]
fn readers_share_the_bytes_of_the_same_event_only() {
    let cache = EventCache::default();
    let first = frame_of(&cache, "lab", 1, "hi", true);
    assert_eq!(frame_of(&cache, "lab", 1, "hi", true).as_ptr(), first.as_ptr());
    for other in [("kitchen", 1, true), ("lab", 2, true), ("lab", 1, false)] {
        let (group, place, unread) = other;
        assert_ne!(frame_of(&cache, group, place, "hi", unread).as_ptr(), first.as_ptr());
    }
}

#[test]
fn the_cache_is_bounded() {
    let cache = EventCache::default();
    for place in 1..1000 {
        frame_of(&cache, "lab", place, &"x".repeat(16_000), true);
        let cached = cache.frames.lock().unwrap();
        let bytes: usize = cached.frames.values().map(Bytes::len).sum();
        assert_eq!(bytes, cached.bytes);
        assert_eq!(cached.frames.len(), cached.order.len());
        assert!(bytes <= BYTES_MAX);
    }
}
