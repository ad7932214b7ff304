//! The entity of each key: a user, a group, a session or a stored file. An engine with many writers locks entities.

use crate::store::interface::{Range, Table};

/// The entity that a key belongs to, which is named by the first part of the key.
pub(in crate::store) fn entity(table: Table, key: &[u8]) -> &[u8] {
    match table {
        // Tokens are random bytes, and are the whole key.
        Table::Sessions => key,
        _ => {
            let name = key.get(sign(table)..).unwrap_or_default();
            name.split(|byte| *byte == 0).next().unwrap_or_default()
        }
    }
}

/// The bytes in front of a name, which tell users and groups apart. A user's log belongs to the user.
fn sign(table: Table) -> usize {
    usize::from(matches!(table, Table::Logs | Table::Entries | Table::Files))
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
    (range.table != Table::Sessions && ends).then_some(entity)
}

#[cfg(test)]
mod tests;
