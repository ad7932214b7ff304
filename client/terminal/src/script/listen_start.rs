//! How listening begins: takes the cursors, signs in, and follows.

use std::path::PathBuf;
use std::time::Duration;

use qchat_client::{
    Beginning, Client, Code, CursorFile, Cursors, Follower, Reconnect, Refusal, ServerAddress,
    SessionToken,
};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::deadline::TimeLimit;
use crate::error::CommandError;
use crate::execute::{Connection, Persistence};
use crate::login::{Account, PasswordSource, Requirement, SignInContext};
use crate::output::Output;
use crate::script::listen::local;

/// What listening takes.
pub(crate) struct Listener {
    pub(crate) server: ServerAddress,
    pub(crate) connection: Connection,
    pub(crate) account: Account,
    pub(crate) secrets: PasswordSource,
    /// How long signing in may take.
    pub(crate) patience: Duration,
    /// Where the cursors of this server and user are kept.
    pub(crate) cursors: PathBuf,
}

impl Listener {
    /// Takes the cursors, signs in, and begins to follow.
    pub(crate) async fn follow(
        mut self,
        beginning: Beginning,
        notes: &mut Output,
    ) -> Result<Follower, CommandError> {
        let path = std::mem::take(&mut self.cursors);
        let opened = spawn_blocking(|| CursorFile::open(path)).await;
        let cursors = opened.map_err(|panic| local(panic.to_string()))??;
        let (client, token) = self.sign_in(notes).await?;
        let trust = self.connection.trust().clone();
        let server = self.server;
        let reconnect = Reconnect { server, trust, token };
        Ok(Follower::start(client, reconnect, Cursors::File(cursors), beginning))
    }

    /// Signs in, trying for as long as a line would wait for the server: what was never there may be
    /// a wrong address.
    async fn sign_in(
        &mut self,
        notes: &mut Output,
    ) -> Result<(Client, SessionToken), CommandError> {
        let mut time = TimeLimit::new(self.patience);
        let mut persistence = Persistence::default();
        loop {
            let failure = match self.try_to_sign_in(&mut time, notes).await {
                Err(failure) if failure.code == Code::Unreachable => failure,
                signed_in => return signed_in,
            };
            if persistence.is_news(&time.deadline) {
                notes.notice(&failure.before_trying_again(&time.deadline));
            }
            self.connection.abandon();
            // Nothing tells when a server comes back but asking it.
            sleep(persistence.pause_after(failure, &time.deadline)?).await;
        }
    }

    async fn try_to_sign_in(
        &mut self,
        time: &mut TimeLimit,
        notes: &mut Output,
    ) -> Result<(Client, SessionToken), CommandError> {
        let mut made = self.connection.connect(&time.deadline).await?;
        let mut context = SignInContext { secrets: &self.secrets, time };
        let mut signed_in =
            self.account.sign_in(&made.client, Requirement::SignedIn, &mut context).await;
        if signed_in.is_err() && made.client.ended_unused() {
            // Somebody took their time to type the password.
            made = self.connection.connect(&context.time.deadline).await?;
            signed_in =
                self.account.sign_in(&made.client, Requirement::SignedIn, &mut context).await;
        }
        let remarks = signed_in?;
        let key_remark = self.connection.take_key_remark();
        for remark in made.remark.iter().chain(&key_remark).chain(&remarks) {
            notes.notice(remark);
        }
        match self.account.token() {
            Some(token) => Ok((made.client, token)),
            None => Err(Refusal::NotLoggedIn.into()),
        }
    }
}
