//! The lines that begin and end sessions, and signing in on behalf of the others.

use qchat_client::{Client, UserName};
use qchat_proto::Password;

use super::Shell;
use crate::account::{Means, Need};
use crate::answer::Answer;
use crate::failure::Failure;

impl Shell {
    pub(super) async fn sign_in(&mut self, client: &Client, need: Need) -> Result<(), Failure> {
        self.unsettled = true;
        let means = Means { secrets: &self.secrets, manner: &self.manner };
        let signed_in = self.account.sign_in(client, need, &means).await;
        for remark in self.settled(signed_in)? {
            self.output.notice(&remark);
        }
        Ok(())
    }

    pub(super) async fn register(
        &mut self,
        client: &Client,
        user: &UserName,
        password: &Option<Password>,
    ) -> Result<Answer, Failure> {
        let password = match password {
            Some(password) => password.clone(),
            None => self.secrets.for_registration(user).await?,
        };
        let registered = client.register(user.clone(), password);
        self.manner.change(registered).await.map(Answer::Registered)
    }

    pub(super) async fn login(
        &mut self,
        client: &Client,
        user: &UserName,
        password: &Option<Password>,
    ) -> Result<Answer, Failure> {
        let password = match password {
            Some(password) => password.clone(),
            None => self.secrets.for_login(user).await?,
        };
        self.unsettled = true;
        let signed_in = self.manner.change(client.login(user.clone(), password)).await;
        let token = self.settled(signed_in)?;
        if let Some(remark) = self.account.begin(user, token) {
            self.output.notice(&remark);
        }
        Ok(Answer::SignedIn(user.clone()))
    }

    pub(super) async fn logout(&mut self, client: &Client) -> Result<Answer, Failure> {
        self.unsettled = true;
        let ended = self.manner.change(client.logout()).await;
        self.settled(ended)?;
        self.account.end();
        Ok(Answer::SignedOut)
    }

    /// Where it is not known whether the connection is signed in, the next line makes a new one.
    fn settled<T>(&mut self, result: Result<T, Failure>) -> Result<T, Failure> {
        self.unsettled = false;
        if let Err(Failure { code: "unreachable" | "outcome_unknown", .. }) = result {
            self.link.abandon();
        }
        result
    }
}
