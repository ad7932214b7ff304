//! `ls_member`: the members of a group.

use jiff::Zoned;
use qchat_proto::command::Member;
use serde_json::{Value, json};

use crate::outcome::Show;
use crate::output::table::{presence, table};

#[derive(Debug)]
pub(crate) struct Members(pub(crate) Vec<Member>);

impl Show for Members {
    fn text(&self, _: &Zoned) -> String {
        table(self.0.iter().map(|member| {
            let owner = if member.owner { "owner" } else { "" };
            [member.name.to_string(), presence(member.online), owner.to_owned()]
        }))
    }

    fn json(&self) -> Value {
        let member = |member: &Member| json!({"name": member.name, "online": member.online, "owner": member.owner});
        json!({"members": self.0.iter().map(member).collect::<Vec<_>>()})
    }

    fn remark(&self) -> &'static str {
        if self.0.is_empty() { "no members\n" } else { "" }
    }
}
