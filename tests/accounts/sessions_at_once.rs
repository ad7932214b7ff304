//! Concurrent commands on one connection: in any order, every session belongs to a token that a client has.

use std::collections::BTreeSet;

use qchat_client::proto::command::{
    ChangePassword, Done, Login, Logout, LogoutEverywhere, Register, Registered, Resume,
    RevokeSession, SessionList, Sessions,
};
use qchat_client::proto::{ClientId, Password, SessionId, SessionToken};
use qchat_client::{Code, Refusal};

use crate::harness::{PASSWORD, RawConnection, Server};

/// A command of alice about accounts and sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SessionCommand {
    Register,
    SignIn,
    Resume,
    SignOut,
    SignOutEverywhere,
    Revoke,
    ChangePassword,
}

/// The commands for a signed-out user.
const SIGNED_OUT: [SessionCommand; 3] =
    [SessionCommand::Register, SessionCommand::SignIn, SessionCommand::Resume];

const ALL: [SessionCommand; 7] = [
    SessionCommand::Register,
    SessionCommand::SignIn,
    SessionCommand::Resume,
    SessionCommand::SignOut,
    SessionCommand::SignOutEverywhere,
    SessionCommand::Revoke,
    SessionCommand::ChangePassword,
];

/// The secrets that alice has: her password, and the tokens that she got.
#[derive(Debug)]
struct Alice {
    password: String,
    tokens: Vec<SessionToken>,
}

/// The answer to a command.
#[derive(Debug)]
enum SessionAnswer {
    Nothing,
    Token(SessionToken),
    Password(String),
}

fn password(text: &str) -> Password {
    text.to_owned().try_into().unwrap()
}

fn login(text: &str) -> Login {
    Login { user: "alice".parse().unwrap(), password: password(text) }
}

fn register(id: ClientId, text: &str) -> Register {
    Register { id, user: "alice".parse().unwrap(), password: password(text) }
}

async fn list(raw: &RawConnection) -> Vec<(SessionId, bool)> {
    let SessionList { sessions } = raw.ask(Sessions).await.unwrap();
    sessions.iter().map(|session| (session.id, session.current)).collect()
}

/// The id of the session that a token resumes, if the session exists.
async fn id_of(server: &Server, token: &SessionToken) -> Option<SessionId> {
    let raw = RawConnection::connect(server).await;
    raw.ask(Resume { token: token.clone() }).await.ok()?;
    list(&raw).await.into_iter().find(|(_, is_current)| *is_current).map(|(id, _)| id)
}

impl Alice {
    async fn sign_in(&mut self, raw: &RawConnection) {
        let signed_in = raw.ask(login(&self.password)).await.unwrap();
        self.tokens.push(signed_in.token);
    }

    async fn ask(
        &self,
        raw: &RawConnection,
        command: SessionCommand,
        own: Option<SessionId>,
    ) -> SessionAnswer {
        match command {
            SessionCommand::Register => {
                let made = raw.ask(register(ClientId::random(), PASSWORD)).await;
                assert!(made.is_err(), "there is an alice already");
            }
            SessionCommand::SignIn => match raw.ask(login(&self.password)).await {
                Ok(signed_in) => return SessionAnswer::Token(signed_in.token),
                Err(refusal) => assert_ne!(refusal.code(), Code::Internal),
            },
            SessionCommand::Resume => {
                let token = self.tokens[0].clone();
                let _ = raw.ask(Resume { token }).await;
            }
            SessionCommand::SignOut => _ = raw.ask(Logout).await,
            SessionCommand::SignOutEverywhere => _ = raw.ask(LogoutEverywhere).await,
            SessionCommand::Revoke => {
                let id = own.unwrap_or(SessionId([0; 6]));
                let _ = raw.ask(RevokeSession { id }).await;
            }
            SessionCommand::ChangePassword => {
                let new = format!("{}!", self.password);
                let (id, old) = (ClientId::random(), password(&self.password));
                let change = ChangePassword { id, old, new: password(&new) };
                if let Ok(Done) = raw.ask(change).await {
                    return SessionAnswer::Password(new);
                }
            }
        }
        SessionAnswer::Nothing
    }

    fn learn(&mut self, answer: SessionAnswer) {
        match answer {
            SessionAnswer::Nothing => {}
            SessionAnswer::Token(token) => self.tokens.push(token),
            SessionAnswer::Password(password) => self.password = password,
        }
    }

    /// Checks that alice has the token of every listed session, and ends all of them.
    async fn check(&mut self, server: &Server, pair: (SessionCommand, SessionCommand)) {
        let raw = RawConnection::connect(server).await;
        self.sign_in(&raw).await;
        let listed: BTreeSet<_> = list(&raw).await.iter().map(|(id, _)| id.0).collect();
        let mut known = BTreeSet::new();
        for token in &self.tokens {
            known.extend(id_of(server, token).await.map(|id| id.0));
        }
        assert_eq!(listed, known, "{pair:?}");
        raw.ask(LogoutEverywhere).await.unwrap();
        self.tokens.clear();
    }
}

/// Runs each pair of commands concurrently, on a connection of its own.
async fn check_pairs(commands: &[SessionCommand], is_signed_in: bool) {
    let server = Server::start();
    RawConnection::connect(&server)
        .await
        .ask(register(ClientId::random(), PASSWORD))
        .await
        .unwrap();
    let mut alice = Alice { password: PASSWORD.to_owned(), tokens: Vec::new() };
    for (place, one) in commands.iter().enumerate() {
        for other in &commands[place..] {
            alice.sign_in(&RawConnection::connect(&server).await).await;
            let raw = RawConnection::connect(&server).await;
            let mut own = None;
            if is_signed_in {
                alice.sign_in(&raw).await;
                own = list(&raw).await.into_iter().find(|session| session.1).map(|(id, _)| id);
            }
            let answers = tokio::join!(alice.ask(&raw, *one, own), alice.ask(&raw, *other, own));
            alice.learn(answers.0);
            alice.learn(answers.1);
            alice.check(&server, (*one, *other)).await;
        }
    }
}

#[tokio::test]
async fn two_concurrent_commands_of_a_signed_out_user_leave_no_session_without_a_token() {
    check_pairs(&SIGNED_OUT, false).await;
}

#[tokio::test]
async fn two_concurrent_commands_of_a_signed_in_user_leave_no_session_without_a_token() {
    check_pairs(&ALL, true).await;
}

#[tokio::test]
async fn of_two_concurrent_sign_ins_one_is_refused() {
    let server = Server::start();
    let raw = RawConnection::connect(&server).await;
    raw.ask(register(ClientId::random(), PASSWORD)).await.unwrap();
    let (one, other) = tokio::join!(raw.ask(login(PASSWORD)), raw.ask(login(PASSWORD)));
    let refused = [one.err(), other.err()].into_iter().flatten().collect::<Vec<_>>();
    assert_eq!(refused, [Refusal::AlreadyLoggedIn("alice".parse().unwrap())]);
    assert_eq!(list(&raw).await.len(), 1);
}

#[tokio::test]
async fn a_concurrent_wrong_password_does_not_keep_out_the_right_one() {
    let server = Server::start();
    let raw = RawConnection::connect(&server).await;
    raw.ask(register(ClientId::random(), PASSWORD)).await.unwrap();
    let (wrong, right) = tokio::join!(raw.ask(login("a wrong one")), raw.ask(login(PASSWORD)));
    assert!(right.is_ok(), "{right:?}");
    assert!(matches!(wrong, Err(Refusal::BadCredentials | Refusal::AlreadyLoggedIn(_))));
}

#[tokio::test]
async fn a_repeated_registration_has_the_same_password() {
    let server = Server::start();
    let raw = RawConnection::connect(&server).await;
    let id = ClientId::random();
    let made = Ok(Registered { user: "alice".parse().unwrap() });
    assert_eq!(raw.ask(register(id, PASSWORD)).await, made);
    assert_eq!(raw.ask(register(id, PASSWORD)).await, made);
    assert_eq!(raw.ask(register(id, "another one")).await, Err(Refusal::IdReused));
    assert!(raw.ask(login(PASSWORD)).await.is_ok());
}

#[tokio::test]
async fn of_two_concurrent_registrations_with_one_id_only_one_is_made() {
    let server = Server::start();
    let raw = RawConnection::connect(&server).await;
    let (id, passwords) = (ClientId::random(), ["one password", "another password"]);
    let (one, other) =
        tokio::join!(raw.ask(register(id, passwords[0])), raw.ask(register(id, passwords[1])));
    let (made, refused) = if one.is_ok() { (0, other) } else { (1, one) };
    assert_eq!(refused, Err(Refusal::IdReused));
    assert!(raw.ask(login(passwords[made])).await.is_ok());
}
