//! One thing that a client asks of the server, which can be asked again with the same id.

use std::path::PathBuf;

use qchat_client::{Address, CallError, Client, GroupName, MessageText, Progress};

/// Something that changes the world.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    Text(Address, MessageText),
    File(Address, PathBuf),
    Join(GroupName),
    Leave(GroupName),
    Make(GroupName),
}

impl Deed {
    /// Asks once. Returns the number of a message in its log; 0 for the rest.
    pub(crate) async fn ask(&self, client: &Client) -> Result<u64, CallError> {
        let sent = match self.clone() {
            Self::Text(to, text) => client.send(to, text).await?,
            Self::File(to, path) => client.send_file(to, &path, Progress::none()).await?,
            Self::Join(group) => return client.join(group).await.map(|_| 0),
            Self::Leave(group) => return client.leave(group).await.map(|_| 0),
            Self::Make(group) => return client.make_group(group).await.map(|_| 0),
        };
        Ok(sent.id.sequence.0)
    }
}
