//! What is told of a group's messages, encoded once for all who follow.
//!
//! A thousand members online are told of a message in the same bytes, which their connections share until
//! each has acknowledged them: not in a thousand copies.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use qchat_proto::command::{Event, Log};
use qchat_proto::{Body, GroupName, Message, Refusal, Sequence, frame};
use serde::Serialize;

/// The frame of an event.
pub(crate) fn event_frame<T: Serialize>(event: &T) -> Bytes {
    frame::encode_frame(&Ok::<_, Refusal>(event)).into()
}

/// How many bytes of frames are kept for those who come next: some dozens of the longest messages.
const BYTES_MAX: usize = 1024 * 1024;

/// The frames that were told last.
#[derive(Debug, Default)]
pub(crate) struct EventCache {
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    frames: HashMap<Key, Bytes>,
    /// The oldest first.
    order: VecDeque<Key>,
    bytes: usize,
}

/// A text never changes; whether its reader has read it is all that differs between readers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    group: GroupName,
    place: Sequence,
    unread: bool,
}

impl EventCache {
    /// The frame that tells of a message.
    pub(crate) fn of_message(&self, log: Log, place: Sequence, message: Message) -> Bytes {
        let key = match (&log, &message.body) {
            (Log::Group(group), Body::Text(_)) => {
                Key { group: group.clone(), place, unread: message.unread }
            }
            _ => return event_frame(&Event::Message { log, place, message }),
        };
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(frame) = recent.frames.get(&key) {
            return frame.clone();
        }
        let frame = event_frame(&Event::Message { log, place, message });
        recent.keep(key, frame.clone());
        frame
    }
}

impl Recent {
    fn keep(&mut self, key: Key, frame: Bytes) {
        self.bytes += frame.len();
        self.order.push_back(key.clone());
        self.frames.insert(key, frame);
        while self.bytes > BYTES_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            let gone = self.frames.remove(&oldest);
            self.bytes -= gone.map_or(0, |frame| frame.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use qchat_proto::{Address, MessageId, Timestamp};

    use super::*;

    fn told(frames: &EventCache, group: &str, place: u64, text: &str, unread: bool) -> Bytes {
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
        let frame = frames.of_message(log, place, message);
        assert_eq!(frame, expected);
        frame
    }

    #[test]
    fn readers_share_the_bytes_of_a_message_and_of_no_other() {
        let frames = EventCache::default();
        let first = told(&frames, "lab", 1, "hi", true);
        assert_eq!(told(&frames, "lab", 1, "hi", true).as_ptr(), first.as_ptr());
        for other in [("kitchen", 1, true), ("lab", 2, true), ("lab", 1, false)] {
            let (group, place, unread) = other;
            assert_ne!(told(&frames, group, place, "hi", unread).as_ptr(), first.as_ptr());
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let frames = EventCache::default();
        for place in 1..1000 {
            told(&frames, "lab", place, &"x".repeat(16_000), true);
            let recent = frames.recent.lock().unwrap();
            let kept: usize = recent.frames.values().map(Bytes::len).sum();
            assert_eq!(kept, recent.bytes);
            assert_eq!(recent.frames.len(), recent.order.len());
            assert!(kept <= BYTES_MAX);
        }
    }
}
