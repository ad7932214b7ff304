use std::path::Path;

use qchat_proto::command::{Log, Selection};
use qchat_proto::{Address, GroupName, UserName};

use super::*;
use crate::commands::HistoryQuery;
use crate::files::Progress;

/// It compiles; nothing runs.
#[expect(dead_code, reason = "the compiler is the test")]
fn every_call_can_run_in_a_task_of_its_own(client: &Client, name: UserName, group: &GroupName) {
    fn sent(_: impl Send) {}
    let (to, path) = (|| Address::Group(group.clone()), Path::new(""));
    sent(client.history(HistoryQuery {
        log: Log::Inbox,
        selection: Selection::Unread,
        from: Some(name),
        before: None,
    }));
    sent(client.mark_read(Log::Inbox, &[]));
    sent(client.send_file(to(), path, Progress::none()));
    sent(client.download(Log::Inbox, "", path, Progress::none()));
    sent(client.members(group.clone()));
    sent(client.files_below(&Log::Inbox, &"a".parse().unwrap()));
    sent((client.users(), client.groups(), client.logout(), client.close()));
}
