//! Lists that come in pages.

use qchat_proto::command::{FilesBelow, Group, Groups, Log, Member, Members, User, Users};
use qchat_proto::{File, FolderPath, GroupName};

use crate::connection::Link;
use crate::error::{CallError, DamagedError};

/// How many pages an answer may have: some two million names, or 256 MiB of messages. A server that
/// goes on is broken or hostile.
pub(crate) const PAGES_MAX: usize = 1024;

/// A page's items, and where the next page starts.
type Page<Item, Mark> = (Vec<Item>, Option<Mark>);

/// All pages, one after the other.
async fn follow<Item, Mark, Answer>(
    mut page: impl FnMut(Option<Mark>) -> Answer,
) -> Result<Vec<Item>, CallError>
where
    Answer: Future<Output = Result<Page<Item, Mark>, CallError>>,
{
    let mut all = Vec::new();
    let mut mark = None;
    for _ in 0..PAGES_MAX {
        let (items, next) = page(mark).await?;
        all.extend(items);
        if next.is_none() {
            return Ok(all);
        }
        mark = next;
    }
    Err(DamagedError::EndlessList.into())
}

pub(crate) async fn users(link: &Link) -> Result<Vec<User>, CallError> {
    follow(|after| async move {
        let page = link.ask(Users { after }).await?;
        Ok((page.users.into_vec(), page.next))
    })
    .await
}

pub(crate) async fn groups(link: &Link) -> Result<Vec<Group>, CallError> {
    follow(|after| async move {
        let page = link.ask(Groups { after }).await?;
        Ok((page.groups.into_vec(), page.next))
    })
    .await
}

pub(crate) async fn members(link: &Link, group: GroupName) -> Result<Vec<Member>, CallError> {
    let group = &group;
    follow(|after| async move {
        let page = link.ask(Members { group: group.clone(), after }).await?;
        Ok((page.members.into_vec(), page.next))
    })
    .await
}

pub(crate) async fn files_below(
    link: &Link,
    log: &Log,
    folder: &FolderPath,
) -> Result<Vec<File>, CallError> {
    follow(|after| async move {
        let (log, folder) = (log.clone(), folder.clone());
        let page = link.ask(FilesBelow { log, folder, after }).await?;
        Ok((page.files.into_vec(), page.next))
    })
    .await
}
