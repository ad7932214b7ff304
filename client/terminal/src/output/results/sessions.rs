//! `sessions`: the devices on which the user is signed in. `whoami`: this one of them.

use jiff::Zoned;
use qchat_client::ServerAddress;
use qchat_proto::command::Session;
use qchat_proto::{Fingerprint, Timestamp, UserName};
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
        json!({"sessions": self.0.iter().map(object).collect::<Vec<_>>()})
    }
}

fn object(session: &Session) -> Value {
    json!({
        "id": session.id.to_string(),
        "created": rfc3339(session.created),
        "used": rfc3339(session.used),
        "current": session.current,
        "online": session.online,
    })
}

/// The user of this connection, and the server with the key that it has proven.
#[derive(Debug)]
pub(crate) struct WhoAmI {
    pub(crate) user: UserName,
    pub(crate) server: ServerAddress,
    pub(crate) key: Fingerprint,
    /// All sessions of the user.
    pub(crate) sessions: Sessions,
}

impl WhoAmI {
    /// The time at which this session began. There is none if the session ended a moment ago.
    fn since(&self) -> Option<Timestamp> {
        let current = self.sessions.0.iter().find(|session| session.current);
        current.map(|session| session.created)
    }

    fn others(&self) -> impl Iterator<Item = &Session> {
        self.sessions.0.iter().filter(|session| !session.current)
    }
}

impl Show for WhoAmI {
    fn text(&self, now: &Zoned) -> String {
        let online = self.others().filter(|session| session.online).count();
        let others = match self.others().count() {
            0 => "none".to_owned(),
            count => format!("{count}, {online} of them online"),
        };
        let since = self.since().map(|since| short_time(since, now)).unwrap_or_default();
        let (user, server, key) =
            (self.user.to_string(), self.server.to_string(), self.key.to_string());
        let rows = [
            ("user", user),
            ("server", server),
            ("fingerprint", key),
            ("since", since),
            ("other devices", others),
        ];
        table(rows.map(|(name, value)| [name.to_owned(), value]))
    }

    fn json(&self) -> Value {
        json!({
            "user": self.user,
            "server": self.server.to_string(),
            "fingerprint": self.key.to_string(),
            "since": self.since().map(rfc3339),
            "devices": self.others().map(object).collect::<Vec<_>>(),
        })
    }
}
