//! Reading an answer that comes in pages.

use crate::error::{CallError, DamagedError};

/// The most pages that an answer may have: some two million names, or 256 MiB of messages. A server that
/// sends more is broken or hostile.
pub(crate) const PAGES_MAX: usize = 1024;

/// The items of a page, and the beginning of the next page.
type Page<Item, Next> = (Vec<Item>, Option<Next>);

/// Reads all pages, one after the other.
pub(crate) async fn read_all<Item, Next, Answer>(
    mut page: impl FnMut(Option<Next>) -> Answer,
) -> Result<Vec<Item>, CallError>
where
    Answer: Future<Output = Result<Page<Item, Next>, CallError>>,
{
    let mut all = Vec::new();
    let mut after = None;
    for _ in 0..PAGES_MAX {
        let (items, next) = page(after).await?;
        all.extend(items);
        if next.is_none() {
            return Ok(all);
        }
        after = next;
    }
    Err(DamagedError::EndlessList.into())
}
