//! The list of users.

use qchat_proto::command::{User, Users};

use crate::client::Client;
use crate::commands::pages::read_all;
use crate::error::CallError;

impl Client {
    /// The other users, in the order of their names.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn users(&self) -> Result<Vec<User>, CallError> {
        read_all(|after| async move {
            let page = self.ask(Users { after }).await?;
            Ok((page.users.into_vec(), page.next))
        })
        .await
    }
}
