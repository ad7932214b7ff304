//! Accounts, and the sessions of who is signed in.

use qchat_proto::command::{
    ChangePassword, Login, Logout, LogoutEverywhere, Register, Resume, RevokeSession, Session,
    Sessions,
};
use qchat_proto::{Password, SessionId, SessionToken, UserName};

use crate::client::Client;
use crate::error::CallError;

impl Client {
    /// Makes an account, which then can sign in.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Not cancel safe: whether the account was made is unknown.
    pub async fn register(
        &self,
        user: UserName,
        password: Password,
    ) -> Result<UserName, CallError> {
        let register = Register { id: self.request_id(), user, password };
        Ok(self.link.ask(register).await?.user)
    }

    /// Signs in. The token resumes the session on another connection.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Not cancel safe: whether the connection is signed in is unknown.
    pub async fn login(
        &self,
        user: UserName,
        password: Password,
    ) -> Result<SessionToken, CallError> {
        let signed_in = self.link.ask(Login { user, password }).await?;
        self.link.signed_in(signed_in.user);
        Ok(signed_in.token)
    }

    /// Signs in with the token of an earlier session.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Not cancel safe: whether the connection is signed in is unknown.
    pub async fn resume(&self, token: SessionToken) -> Result<UserName, CallError> {
        let resumed = self.link.ask(Resume { token }).await?;
        self.link.signed_in(resumed.user.clone());
        Ok(resumed.user)
    }

    /// Signs out. The session's token is worth nothing afterwards.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Not cancel safe: whether the connection is signed out is unknown.
    pub async fn logout(&self) -> Result<(), CallError> {
        self.link.ask(Logout).await?;
        self.link.set_user(None);
        Ok(())
    }

    /// Ends every session of who is signed in, on all devices at once, this one included.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Not cancel safe: whether the sessions have ended is unknown.
    pub async fn logout_everywhere(&self) -> Result<(), CallError> {
        self.link.ask(LogoutEverywhere).await?;
        self.link.set_user(None);
        Ok(())
    }

    /// Changes the password from `old` to `new`, and ends all other sessions of the user. This one and
    /// its token stay.
    ///
    /// # Errors
    /// [`CallError`]. Where the outcome is unknown, the call can be repeated
    /// [with the same id](Self::with_request_id), although `old` is wrong once it was done.
    ///
    /// # Cancel safety
    /// Not cancel safe: which password is in force is unknown.
    pub async fn change_password(&self, old: Password, new: Password) -> Result<(), CallError> {
        self.link.ask(ChangePassword { id: self.request_id(), old, new }).await?;
        Ok(())
    }

    /// The sessions of who is signed in: this one first, then the one that was used last.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn sessions(&self) -> Result<Vec<Session>, CallError> {
        Ok(self.link.ask(Sessions).await?.sessions.into_vec())
    }

    /// Ends a session of who is signed in, wherever it is connected, at once. It may be this one.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Not cancel safe: whether the session has ended is unknown.
    pub async fn revoke_session(&self, id: SessionId) -> Result<(), CallError> {
        self.link.ask(RevokeSession { id }).await?;
        Ok(())
    }
}
