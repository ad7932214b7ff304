//! Accounts, and the sessions of the signed-in user.

use qchat_proto::command::{
    ChangePassword, Login, Logout, LogoutEverywhere, Register, Resume, RevokeSession, Session,
    Sessions,
};
use qchat_proto::{Password, SessionId, SessionToken, UserName};

use crate::client::Client;
use crate::error::CallError;

impl Client {
    /// Makes an account. Its user then signs in with [`login`](Self::login).
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
        Ok(self.ask(register).await?.user)
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
        let signed_in = self.ask(Login { user, password }).await?;
        self.note_sign_in(signed_in.user);
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
        let resumed = self.ask(Resume { token }).await?;
        self.note_sign_in(resumed.user.clone());
        Ok(resumed.user)
    }

    /// Signs out. The session's token is invalid afterwards.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Not cancel safe: whether the connection is signed out is unknown.
    pub async fn logout(&self) -> Result<(), CallError> {
        self.ask(Logout).await?;
        self.connection().set_user(None);
        Ok(())
    }

    /// Ends every session of the signed-in user, on all devices at once, this one included.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Not cancel safe: whether the sessions have ended is unknown.
    pub async fn logout_everywhere(&self) -> Result<(), CallError> {
        self.ask(LogoutEverywhere).await?;
        self.connection().set_user(None);
        Ok(())
    }

    /// Changes the password from `old` to `new`, and ends all other sessions of the user. This one and
    /// its token stay.
    ///
    /// # Errors
    /// [`CallError`]. If the outcome is unknown, the call can be repeated
    /// [with the same id](Self::with_request_id), although `old` is wrong once the password has changed.
    ///
    /// # Cancel safety
    /// Not cancel safe: which password is in force is unknown.
    pub async fn change_password(&self, old: Password, new: Password) -> Result<(), CallError> {
        self.ask(ChangePassword { id: self.request_id(), old, new }).await?;
        Ok(())
    }

    /// The sessions of the signed-in user: this one first, then the most recently used ones.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn sessions(&self) -> Result<Vec<Session>, CallError> {
        Ok(self.ask(Sessions).await?.sessions.into_vec())
    }

    /// Ends a session of the signed-in user at once, on any device. It may be this one.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Not cancel safe: whether the session has ended is unknown.
    pub async fn revoke_session(&self, id: SessionId) -> Result<(), CallError> {
        self.ask(RevokeSession { id }).await?;
        Ok(())
    }
}
