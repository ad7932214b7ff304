//! The uploads in the store of objects that this server knows of, and their bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use crate::files::upload_key::UploadKey;
use crate::lock::lock;

/// The unfinished uploads that this server has begun, gone on with, or found. Clones share the state.
#[derive(Debug, Clone, Default)]
pub(super) struct UploadsHere {
    bytes: Arc<Mutex<HashMap<UploadKey, (u64, SystemTime)>>>,
}

impl UploadsHere {
    /// The bytes of an upload, and the time of the last write; `None` if the upload is not known.
    pub(super) fn find(&self, key: &UploadKey) -> Option<(u64, SystemTime)> {
        lock(&self.bytes).get(key).copied()
    }

    /// Sets the bytes of an upload. An upload without any is forgotten.
    pub(super) fn set(&self, key: &UploadKey, bytes: u64, touched: SystemTime) {
        match bytes {
            0 => drop(lock(&self.bytes).remove(key)),
            _ => drop(lock(&self.bytes).insert(key.clone(), (bytes, touched))),
        }
    }

    /// Adds bytes that were written just now.
    pub(super) fn grow(&self, key: &UploadKey, bytes: u64) {
        let mut known = lock(&self.bytes);
        let (before, touched) = known.entry(key.clone()).or_insert((0, SystemTime::now()));
        (*before, *touched) = (before.saturating_add(bytes), SystemTime::now());
    }

    /// Forgets an upload that was finished or removed.
    pub(super) fn forget(&self, key: &UploadKey) {
        lock(&self.bytes).remove(key);
    }
}
