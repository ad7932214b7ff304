//! `ls`: the other users.

use jiff::Zoned;
use qchat_proto::command::User;
use serde_json::{Value, json};

use crate::outcome::Show;
use crate::output::table::{presence, table};

#[derive(Debug)]
pub(crate) struct Users(pub(crate) Vec<User>);

impl Show for Users {
    fn text(&self, _: &Zoned) -> String {
        table(self.0.iter().map(|user| [user.name.to_string(), presence(user.online)]))
    }

    fn json(&self) -> Value {
        let user = |user: &User| json!({"name": user.name, "online": user.online});
        json!({"users": self.0.iter().map(user).collect::<Vec<_>>()})
    }

    fn remark(&self) -> &'static str {
        if self.0.is_empty() { "nobody else is here yet\n" } else { "" }
    }
}
