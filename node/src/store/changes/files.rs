//! Files that are kept no longer.

use qchat_proto::{StoredName, Timestamp};

use super::{ApplyError, Change};
use crate::store::records::StoredFile;
use crate::store::tables::{self, Tables};

/// Ends the keeping of files: their messages stay, and their senders may use the room again. The bytes
/// are removed after this is durable. A file that no message tells of, or that has expired before, is
/// passed over.
#[derive(Debug, Clone)]
pub(crate) struct ExpireFiles {
    pub(crate) names: Vec<StoredName>,
    pub(crate) at: Timestamp,
}

impl Change for ExpireFiles {
    type Outcome = ();

    fn makes_room(&self) -> bool {
        true
    }

    fn apply(&self, tables: &mut Tables<'_>) -> Result<(), ApplyError> {
        for name in &self.names {
            let key = tables::name(name.as_str());
            let file: Option<StoredFile> =
                tables::lookup(&tables.stored_files, key, "stored file")?;
            let Some(file) = file.filter(|file| file.expired.is_none()) else { continue };
            let sender = tables::name(file.sender.as_str());
            let used: Option<u64> = tables::lookup(&tables.usage, sender, "usage")?;
            let used = used.unwrap_or_default().saturating_sub(file.size);
            tables::put(&mut tables.usage, sender, &used)?;
            let expired = StoredFile { expired: Some(self.at), ..file };
            tables::put(&mut tables.stored_files, key, &expired)?;
        }
        Ok(())
    }
}
