//! Permissions: every kind of caller tries every command, and gets the answer of the table of commands.
//! `SECURITY.md` has the same table.

use std::collections::BTreeMap;
use std::time::Duration;

use qchat_client::{Client, Log, Progress};
use qchat_proto::command::{
    CallerKind, ChangePassword, CommandVisitor, Download, FileBlocks, FileQuery, FilesBelow,
    Groups, History, Join, Leave, Login, Logout, LogoutEverywhere, MakeGroup, MarkDelivered,
    MarkRead, Members, NextKey, Permission, Register, Resume, RevokeSession, Selection, SendText,
    SendTexts, SequenceRange, Sessions, TextOutcome, Track, Upload, Users, Watch, visit_commands,
};
use qchat_proto::file_stream::FileHeader;
use qchat_proto::limits::ANSWER_BYTES_MAX;
use qchat_proto::{
    Address, BoundedVec, ClientId, Code, Command, MessageId, Refusal, Request, Sequence, SessionId,
    SessionToken, TransferId, frame,
};
use tokio::io::AsyncReadExt;

use crate::harness::{PASSWORD, RawConnection, Server, in_time, sdk};

/// A caller of one kind.
struct Caller {
    kind: CallerKind,
    name: &'static str,
    token: Option<SessionToken>,
    /// Another session of the caller.
    session: SessionId,
    others_session: SessionId,
    /// A message of the caller to the group, or another user's if the caller never was a member.
    in_group: MessageId,
    /// A message of the caller to the caller.
    in_mailbox: MessageId,
}

/// For each row of a table, the answer to each kind of caller: `yes`, or the code of the refusal.
type Table = BTreeMap<String, Vec<String>>;

/// The table in `SECURITY.md`.
fn documented() -> Table {
    let lines = include_str!("../../SECURITY.md").lines();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut rows = lines.skip_while(|line| !line.starts_with("| command | signed out |"));
    let head = cells(rows.next().expect("a table of commands"));
    assert_eq!(head[1..], CallerKind::ALL.map(CallerKind::as_str));
    let rows = rows.skip(1).take_while(|line| line.starts_with('|')).map(cells);
    rows.map(|mut row| (row.remove(0).replace('`', ""), row)).collect()
}

/// The permissions in the table of commands.
fn declared() -> Table {
    struct Rows(Table);
    impl CommandVisitor for Rows {
        fn visit<C: Command>(&mut self) {
            for &Permission { target, access } in C::PERMISSIONS {
                let row = format!("{} {target}", C::NAME).trim_end().to_owned();
                let answers = CallerKind::ALL.map(|caller| answer(access.refusal(caller)));
                self.0.insert(row, answers.into());
            }
        }
    }
    let mut rows = Rows(Table::new());
    visit_commands(&mut rows);
    rows.0
}

fn answer(refusal: Option<Code>) -> String {
    refusal.map_or("yes", Code::as_str).to_owned()
}

/// The request of a caller for each row.
fn rows(caller: &Caller) -> Vec<(&'static str, Request)> {
    let id = ClientId::random;
    let password = || PASSWORD.to_owned().try_into().unwrap();
    let lab = || "lab".parse().unwrap();
    let group = || Log::Group(lab());
    let text = || sdk::text("hi");
    let transfer = TransferId(7);
    let file = |log, name: &str| {
        let blocks = BoundedVec::first_of([]);
        Download { log, file: FileQuery::from(name), blocks, transfer }
    };
    let blocks = |log, name: &str| FileBlocks { log, file: FileQuery::from(name), first: 0 };
    let below = |log| FilesBelow { log, folder: "photos".parse().unwrap(), after: None };
    let history =
        |log| History { log, selection: Selection::Unread, from: None, before: None, page: None };
    let ranges = || BoundedVec::first_of([SequenceRange { first: Sequence(1), last: Sequence(1) }]);
    let upload = |to| Upload { id: id(), to, name: "new.txt".into(), size: 0, transfer };
    let other = MessageId { log: sdk::user("witness"), sequence: Sequence(1) };
    let new = |what: &str| format!("{what}-{}", caller.kind.as_str().replace(' ', "-"));
    vec![
        (
            "Register",
            Register { id: id(), user: "new".parse().unwrap(), password: password() }.into(),
        ),
        ("Login", Login { user: "witness".parse().unwrap(), password: password() }.into()),
        (
            "Resume",
            Resume { token: caller.token.clone().unwrap_or_else(SessionToken::random) }.into(),
        ),
        ("Users", Users { after: None }.into()),
        (
            "SendText to a person",
            SendText { id: id(), to: sdk::user("witness"), text: text() }.into(),
        ),
        (
            "SendText to the group",
            SendText { id: id(), to: sdk::group("lab"), text: text() }.into(),
        ),
        ("History of the own mailbox", history(Log::Inbox).into()),
        ("History of the group", history(group()).into()),
        ("MarkRead in the own mailbox", MarkRead { log: Log::Inbox, ranges: ranges() }.into()),
        ("MarkRead in the group", MarkRead { log: group(), ranges: ranges() }.into()),
        (
            "MarkDelivered in the own mailbox",
            MarkDelivered { log: Log::Inbox, ranges: ranges() }.into(),
        ),
        ("MarkDelivered in the group", MarkDelivered { log: group(), ranges: ranges() }.into()),
        ("Upload to a person", upload(sdk::user("witness")).into()),
        ("Upload to the group", upload(sdk::group("lab")).into()),
        ("Download of a file that was sent to me", file(Log::Inbox, "mine.txt").into()),
        ("Download of a file that others sent each other", file(Log::Inbox, "others.txt").into()),
        ("Download of the group's file", file(group(), "group.txt").into()),
        ("FileBlocks of a file that was sent to me", blocks(Log::Inbox, "mine.txt").into()),
        (
            "FileBlocks of a file that others sent each other",
            blocks(Log::Inbox, "others.txt").into(),
        ),
        ("FileBlocks of the group's file", blocks(group(), "group.txt").into()),
        ("FilesBelow a folder in the own mailbox", below(Log::Inbox).into()),
        ("FilesBelow a folder in the group", below(group()).into()),
        ("MakeGroup", MakeGroup { id: id(), group: new("made").parse().unwrap() }.into()),
        ("Groups", Groups { after: None }.into()),
        ("Members of the group", Members { group: lab(), after: None }.into()),
        ("Watch (the own mailbox and groups)", Watch { cursors: BoundedVec::first_of([]) }.into()),
        ("Track of my message to a person", Track { message: caller.in_mailbox.clone() }.into()),
        ("Track of my message to the group", Track { message: caller.in_group.clone() }.into()),
        ("Track of somebody else's message", Track { message: other }.into()),
        ("Sessions (the own ones)", Sessions.into()),
        ("RevokeSession of somebody else's", RevokeSession { id: caller.others_session }.into()),
        ("NextKey of the server", NextKey.into()),
        ("SendTexts to a person", SendTexts { transfer: TO_PERSON }.into()),
        ("SendTexts to the group", SendTexts { transfer: TO_GROUP }.into()),
        // The following requests change the caller.
        ("Join", Join { group: "door".parse().unwrap() }.into()),
        ("Leave", Leave { group: lab() }.into()),
        ("RevokeSession of mine", RevokeSession { id: caller.session }.into()),
        ("Logout", Logout.into()),
        (
            "ChangePassword (with the old one)",
            ChangePassword { id: id(), old: password(), new: password() }.into(),
        ),
        ("LogoutEverywhere", LogoutEverywhere.into()),
    ]
}

/// The streams of texts, each to one receiver.
const TO_PERSON: TransferId = TransferId(1);
const TO_GROUP: TransferId = TransferId(2);

/// The wait for a stream that a signed-out caller may not open.
const BRIEFLY: Duration = Duration::from_millis(500);

/// Sends one text on the stream of a `SendTexts`.
async fn bring_text(raw: &RawConnection, transfer: TransferId) {
    // A signed-out caller may open no stream.
    let opened = tokio::time::timeout(BRIEFLY, raw.connection.open_uni()).await;
    let Ok(Ok(mut stream)) = opened else { return };
    let to = if transfer == TO_GROUP { sdk::group("lab") } else { sdk::user("witness") };
    let text = SendText { id: ClientId::random(), to, text: sdk::text("hi") };
    let bytes = [frame::encode_frame(&FileHeader { transfer }), frame::encode_frame(&text)];
    // The server may have refused already.
    let _ = in_time(stream.write_all(&bytes.concat())).await;
    let _ = stream.finish();
}

/// Sends a request. Returns `yes`, or the code of the refusal, from the first frame of the answer.
async fn ask(raw: &RawConnection, request: &Request) -> String {
    let (mut send, mut receive) = raw.stream().await;
    in_time(send.write_all(&frame::encode_frame(request))).await.unwrap();
    send.finish().unwrap();
    if let Request::SendTexts(SendTexts { transfer }) = request {
        bring_text(raw, *transfer).await;
    }
    let length = in_time(receive.read_u32()).await.unwrap();
    assert!(usize::try_from(length).unwrap() <= ANSWER_BYTES_MAX);
    let mut answer = vec![0; length.try_into().unwrap()];
    in_time(AsyncReadExt::read_exact(&mut receive, &mut answer)).await.unwrap();
    if matches!(request, Request::SendTexts(_))
        && let Ok(Ok(outcome)) = frame::decode::<Result<TextOutcome, Refusal>>(&answer)
    {
        return match outcome {
            TextOutcome::Stored { .. } => "yes".to_owned(),
            TextOutcome::Refused(refusal) => refusal.code().to_string(),
        };
    }
    match answer[0] {
        0 => "yes".to_owned(),
        _ => match frame::decode::<Result<(), Refusal>>(&answer) {
            Ok(Err(refusal)) => refusal.code().to_string(),
            other => panic!("no refusal: {other:?}"),
        },
    }
}

/// Sends a file.
async fn send_file(from: &Client, to: &Address, name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, name).unwrap();
    from.send_file(to.clone(), &path, Progress::none()).await.unwrap();
}

/// A message and a session of another user.
struct Witness {
    message: MessageId,
    session: SessionId,
}

/// Makes an account of one kind.
async fn caller(server: &Server, kind: CallerKind, witness: &Witness) -> Caller {
    let name = match kind {
        CallerKind::SignedOut => "nobody",
        CallerKind::Stranger => "stranger",
        CallerKind::Member => "member",
        CallerKind::FormerMember => "former",
        CallerKind::Owner => "owner",
    };
    let mut caller = Caller {
        kind,
        name,
        token: None,
        session: witness.session,
        others_session: witness.session,
        in_group: witness.message.clone(),
        in_mailbox: witness.message.clone(),
    };
    if kind == CallerKind::SignedOut {
        return caller;
    }
    let session = sdk::session(server, name, server.address).await;
    let client = sdk::resume(&session).await;
    sdk::session(server, name, server.address).await;
    let mut sessions = client.sessions().await.unwrap().into_iter();
    caller.session = sessions.find(|session| !session.current).unwrap().id;
    caller.token = Some(session.token);
    caller.in_mailbox = client.send(sdk::user(name), sdk::text("note")).await.unwrap().id;
    send_file(&client, &sdk::user(name), "mine.txt").await;
    let lab = || "lab".parse().unwrap();
    match kind {
        CallerKind::Stranger => return caller,
        CallerKind::Owner => client.make_group(lab()).await.map(drop).unwrap(),
        _ => client.join(lab()).await.map(drop).unwrap(),
    }
    caller.in_group = client.send(sdk::group("lab"), sdk::text("hi")).await.unwrap().id;
    match kind {
        CallerKind::Owner => send_file(&client, &sdk::group("lab"), "group.txt").await,
        CallerKind::FormerMember => client.leave(lab()).await.map(drop).unwrap(),
        _ => {}
    }
    caller
}

/// A connection on which the caller is signed in, unless nobody is.
async fn connect(server: &Server, caller: &Caller, row: &str) -> RawConnection {
    let raw = RawConnection::connect(server).await;
    match &caller.token {
        // No other row needs this session.
        Some(_) if row == "Logout" => {
            let password = PASSWORD.to_owned().try_into().unwrap();
            raw.ask(Login { user: caller.name.parse().unwrap(), password })
                .await
                .map(drop)
                .unwrap();
        }
        Some(token) => raw.ask(Resume { token: token.clone() }).await.map(drop).unwrap(),
        None => {}
    }
    raw
}

#[test]
fn security_md_has_the_permissions_of_the_table_of_commands() {
    let (documented, declared) = (documented(), declared());
    for (row, answers) in &declared {
        assert_eq!(documented.get(row), Some(answers), "{row}");
    }
    assert_eq!(documented.len(), declared.len(), "rows of no command");
}

#[tokio::test]
async fn every_command_answers_every_kind_of_caller_as_its_permission_says() {
    let server = Server::start();
    let witness = sdk::device(&server, "witness").await;
    witness.make_group("door".parse().unwrap()).await.unwrap();
    let message = witness.send(sdk::user("witness"), sdk::text("note")).await.unwrap().id;
    send_file(&witness, &sdk::user("witness"), "others.txt").await;
    let session = witness.sessions().await.unwrap()[0].id;
    let other = Witness { message, session };
    let mut callers = Vec::new();
    // The owner comes first, since the owner makes the group.
    let [others @ .., owner] = CallerKind::ALL;
    for kind in [&[owner], &others[..]].concat() {
        callers.push(caller(&server, kind, &other).await);
    }
    callers.sort_by_key(|caller| caller.kind);
    let mut found = Table::new();
    for caller in &callers {
        for (row, request) in rows(caller) {
            assert_eq!(
                row.split(' ').next(),
                Some(request.name()),
                "a row begins with its command"
            );
            let raw = connect(&server, caller, row).await;
            let mut answer = ask(&raw, &request).await;
            // A signed-out caller has no session to resume, so this refusal is the permitted answer.
            if caller.kind == CallerKind::SignedOut && answer == "session_ended" {
                answer = "yes".to_owned();
            }
            found.entry(row.to_owned()).or_default().push(answer);
        }
    }
    let declared = declared();
    for (row, answers) in &found {
        assert_eq!(declared.get(row), Some(answers), "{row}");
    }
    let missing: Vec<_> = declared.keys().filter(|row| !found.contains_key(*row)).collect();
    assert!(missing.is_empty(), "permissions that no request tries: {missing:?}");
}
