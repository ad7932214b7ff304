//! The expiry of files.

use std::collections::BTreeSet;

use qchat_proto::{StoredName, Timestamp};

use crate::store::change::{ApplyError, Change};
use crate::store::interface::{Needs, Table, Write};
use crate::store::schema::keys;
use crate::store::schema::records::StoredFileRecord;
use crate::store::schema::rows;

/// Marks files as expired. Their messages stay, and the files no longer count against the quota of their senders.
/// The bytes are removed after this change is durable. Files without a message and files that expired before are
/// skipped.
#[derive(Debug, Clone)]
pub(crate) struct ExpireFiles {
    pub(crate) names: Vec<StoredName>,
    pub(crate) at: Timestamp,
}

impl Change for ExpireFiles {
    type Outcome = ();

    fn frees_space(&self) -> bool {
        true
    }

    fn needs(&self) -> Needs {
        let names = self.names.iter().map(|name| keys::name(name.as_str()));
        names.fold(Needs::default(), |needs, name| needs.row(Table::StoredFiles, name))
    }

    fn apply(&self, tables: &mut dyn Write) -> Result<(), ApplyError> {
        // A name may be there twice, and must not be counted twice.
        let keys: BTreeSet<_> = self.names.iter().map(|name| keys::name(name.as_str())).collect();
        let keys: Vec<_> = keys.into_iter().map(<[u8]>::to_vec).collect();
        let files = rows::find_all(tables, Table::StoredFiles, &keys, "stored file")?;
        for (key, file) in keys.iter().zip(files) {
            let file = file.filter(|file: &StoredFileRecord| file.expired.is_none());
            let Some(file) = file else { continue };
            let sender = keys::name(file.sender.as_str());
            let used: Option<u64> = rows::find(tables, Table::Usage, sender, "usage")?;
            let used = used.unwrap_or_default().saturating_sub(file.size);
            rows::put(tables, Table::Usage, sender, &used)?;
            let expired = StoredFileRecord { expired: Some(self.at), ..file };
            rows::put(tables, Table::StoredFiles, key, &expired)?;
        }
        Ok(())
    }
}
