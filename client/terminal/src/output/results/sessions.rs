//! `sessions`: the devices on which the user is signed in.

use jiff::Zoned;
use qchat_proto::command::Session;
use serde_json::{Value, json};

use crate::outcome::Show;
use crate::output::table::{presence, table};
use crate::output::time::{rfc3339, short_time};

#[derive(Debug)]
pub(crate) struct Sessions(pub(crate) Vec<Session>);

impl Show for Sessions {
    /// `3f9ac01d22b7  since 21 Nov 17:40  used 17:40  online  this one`
    fn text(&self, now: &Zoned) -> String {
        table(self.0.iter().map(|session| {
            let current = if session.current { "this one" } else { "" };
            [
                session.id.to_string(),
                format!("since {}", short_time(session.created, now)),
                format!("used {}", short_time(session.used, now)),
                presence(session.online),
                current.to_owned(),
            ]
        }))
    }

    fn json(&self) -> Value {
        let session = |session: &Session| {
            json!({
                "id": session.id.to_string(),
                "created": rfc3339(session.created),
                "used": rfc3339(session.used),
                "current": session.current,
                "online": session.online,
            })
        };
        json!({"sessions": self.0.iter().map(session).collect::<Vec<_>>()})
    }
}
