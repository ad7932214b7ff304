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
mod tests;
