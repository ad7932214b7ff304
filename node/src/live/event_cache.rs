//! A cache of the encoded events of group messages, shared by all watchers.
//!
//! A message to a thousand online members is encoded once. Their connections share the bytes until each member has
//! acknowledged them.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use bytes::Bytes;
use qchat_proto::command::{Event, Log};
use qchat_proto::{Body, GroupName, Message, Refusal, Sequence, frame};
use serde::Serialize;

use crate::lock::lock;

/// The frame of an event.
pub(crate) fn event_frame<T: Serialize>(event: &T) -> Bytes {
    frame::encode_frame(&Ok::<_, Refusal>(event)).into()
}

/// The most bytes of frames in the cache: some dozens of the longest messages.
const BYTES_MAX: usize = 1024 * 1024;

/// The frames of the latest events.
#[derive(Debug, Default)]
pub(crate) struct EventCache {
    frames: Mutex<CachedFrames>,
}

#[derive(Debug, Default)]
struct CachedFrames {
    frames: HashMap<EventKey, Bytes>,
    /// The keys in the order of insertion.
    order: VecDeque<EventKey>,
    bytes: usize,
}

/// The key of a frame. A text never changes, so its frames for two readers differ only in `unread`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct EventKey {
    group: GroupName,
    place: Sequence,
    unread: bool,
}

impl EventCache {
    /// The frame of a message event.
    pub(crate) fn message_frame(&self, log: Log, place: Sequence, message: Message) -> Bytes {
        let key = match (&log, &message.body) {
            (Log::Group(group), Body::Text(_)) => {
                EventKey { group: group.clone(), place, unread: message.unread }
            }
            _ => return event_frame(&Event::Message { log, place, message }),
        };
        let mut cached = lock(&self.frames);
        if let Some(frame) = cached.frames.get(&key) {
            return frame.clone();
        }
        let frame = event_frame(&Event::Message { log, place, message });
        cached.insert(key, frame.clone());
        frame
    }
}

impl CachedFrames {
    fn insert(&mut self, key: EventKey, frame: Bytes) {
        self.bytes += frame.len();
        self.order.push_back(key.clone());
        self.frames.insert(key, frame);
        while self.bytes > BYTES_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            let removed = self.frames.remove(&oldest);
            self.bytes -= removed.map_or(0, |frame| frame.len());
        }
    }
}

#[cfg(test)]
mod tests {
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
}
