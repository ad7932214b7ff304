//! The entity of each key: a user, a group, a session or a stored file. An engine with many writers locks entities.

use crate::store::interface::{Range, Table};

/// The entity that a key belongs to, which is named by the first part of the key.
pub(in crate::store) fn entity(table: Table, key: &[u8]) -> &[u8] {
    match table {
        // Tokens are random bytes, and are the whole key.
        Table::Sessions => key,
        // Messages belong to the server that writes them.
        Table::Messages | Table::LastMessages => key.get(..WRITER_BYTES).unwrap_or(key),
        Table::Effects => key.get(ID_BYTES..).unwrap_or_default(),
        _ => {
            let name = key.get(sign(table)..).unwrap_or_default();
            name.split(|byte| *byte == 0).next().unwrap_or_default()
        }
    }
}

/// The bytes of a writer's number at the beginning of a key.
const WRITER_BYTES: usize = 2;

/// The bytes of a request's id in front of the user's name.
const ID_BYTES: usize = 16;

/// The bytes in front of a name, which tell users and groups apart. A user's log belongs to the user.
fn sign(table: Table) -> usize {
    usize::from(matches!(table, Table::Heads | Table::Chunks | Table::FileNames))
}

/// The entity that all keys of a range belong to, if there is one.
pub(in crate::store) fn entity_of_range(range: &Range) -> Option<&[u8]> {
    // The keys of the range begin with all bytes that its first key has in common with its last one: `end` without
    // its last byte, then the byte before that one.
    let (last, above) = range.end.split_last()?;
    let below = last.checked_sub(1);
    let end = above.iter().copied().chain(below);
    let common = range.first.iter().zip(end).take_while(|(first, end)| **first == *end).count();
    let prefix = range.first.get(..common)?;
    let entity = entity(range.table, prefix);
    // The entity ends within the prefix only if its terminator does.
    let ends = prefix.len() > entity.len().saturating_add(sign(range.table));
    let by_name = !matches!(
        range.table,
        Table::Sessions | Table::Messages | Table::LastMessages | Table::Effects
    );
    (by_name && ends).then_some(entity)
}

#[cfg(test)]
mod tests;
