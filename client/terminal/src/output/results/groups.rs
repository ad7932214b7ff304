//! `ls_group`: all groups.

use jiff::Zoned;
use qchat_proto::command::Group;
use serde_json::{Value, json};

use crate::outcome::Show;
use crate::output::table::table;

#[derive(Debug)]
pub(crate) struct Groups(pub(crate) Vec<Group>);

impl Show for Groups {
    fn text(&self, _: &Zoned) -> String {
        table(self.0.iter().map(|group| {
            let members = match group.members {
                1 => "1 member".to_owned(),
                members => format!("{members} members"),
            };
            let joined = if group.joined { "joined" } else { "" };
            [group.name.to_string(), members, joined.to_owned()]
        }))
    }

    fn json(&self) -> Value {
        let Self(groups) = self;
        let group = |group: &Group| json!({"name": group.name, "members": group.members, "joined": group.joined});
        json!({"groups": groups.iter().map(group).collect::<Vec<_>>()})
    }

    fn remark(&self) -> &'static str {
        if self.0.is_empty() { "no groups yet; make one with mkgr GROUP\n" } else { "" }
    }
}
