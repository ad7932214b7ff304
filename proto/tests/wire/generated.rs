//! Encoding and decoding gives the same request, for requests of every kind.

use proptest::option;
use proptest::prelude::*;
use qchat_proto::command::*;
use qchat_proto::limits::{
    BLOCK_RANGES_MAX, CURSORS_MAX, MESSAGE_BYTES_MAX, READ_RANGES_MAX, REQUEST_BYTES_MAX,
};
use qchat_proto::{
    Address, BoundedVec, ClientId, FilePath, GroupName, MessageId, MessageText, Password, Request,
    Sequence, SessionId, SessionToken, TransferId, UserName, frame,
};

use crate::samples;

const NAME: &str = "[a-z0-9]([a-z0-9._-]{0,30}[a-z0-9])?";

fn user() -> impl Strategy<Value = UserName> {
    NAME.prop_map(|name| name.parse().unwrap())
}

fn group() -> impl Strategy<Value = GroupName> {
    NAME.prop_map(|name| name.parse().unwrap())
}

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![user().prop_map(Address::User), group().prop_map(Address::Group)]
}

fn log() -> impl Strategy<Value = Log> {
    prop_oneof![Just(Log::Inbox), group().prop_map(Log::Group)]
}

fn text() -> impl Strategy<Value = MessageText> {
    let longest = Just("x".repeat(MESSAGE_BYTES_MAX));
    prop_oneof![".{1,300}", any::<String>(), longest]
        .prop_filter_map("a message is not empty", |text| text.try_into().ok())
}

fn password() -> impl Strategy<Value = Password> {
    ".{1,256}".prop_map(|text| text.try_into().unwrap())
}

fn client_id() -> impl Strategy<Value = ClientId> {
    any::<[u8; 16]>().prop_map(ClientId)
}

fn transfer() -> impl Strategy<Value = TransferId> {
    any::<u64>().prop_map(TransferId)
}

fn sequence() -> impl Strategy<Value = Sequence> {
    any::<u64>().prop_map(Sequence)
}

fn file_path() -> impl Strategy<Value = FilePath> {
    prop_oneof![any::<String>(), "([a-zé.]{1,3}/){0,33}[a-z.]{1,3}"].prop_map(FilePath::from)
}

fn token() -> impl Strategy<Value = SessionToken> {
    "[0-9a-f]{64}".prop_map(|hex| SessionToken::from_hex(&hex).unwrap())
}

fn selection() -> impl Strategy<Value = Selection> {
    prop_oneof![
        any::<u32>().prop_map(Selection::UnreadAndNewest),
        any::<u32>().prop_map(Selection::Newest),
        Just(Selection::Unread),
        any::<u32>().prop_map(Selection::NewestUnread),
    ]
}

fn page_mark() -> impl Strategy<Value = PageMark> {
    let mark = (sequence(), sequence(), sequence(), any::<bool>());
    mark.prop_map(|(floor, end, after, more)| PageMark { floor, end, after, more })
}

fn history() -> impl Strategy<Value = Request> {
    let parts =
        (log(), selection(), option::of(user()), option::of(sequence()), option::of(page_mark()));
    parts.prop_map(|(log, selection, from, before, page)| {
        History { log, selection, from, before, page }.into()
    })
}

fn marks() -> impl Strategy<Value = Request> {
    let range = (sequence(), sequence()).prop_map(|(first, last)| SequenceRange { first, last });
    let ranges = proptest::collection::vec(range, 0..=READ_RANGES_MAX);
    (any::<bool>(), log(), ranges.prop_map(BoundedVec::first_of)).prop_map(
        |(is_read, log, ranges)| {
            if is_read {
                MarkRead { log, ranges }.into()
            } else {
                MarkDelivered { log, ranges }.into()
            }
        },
    )
}

fn track() -> impl Strategy<Value = Request> {
    (address(), sequence())
        .prop_map(|(log, sequence)| Track { message: MessageId { log, sequence } }.into())
}

fn file_query() -> impl Strategy<Value = FileQuery> {
    prop_oneof!["[0-9]{13}_[a-z.]{1,20}", "[a-z/]{1,20}", any::<String>()]
        .prop_map(|name| FileQuery::from(name.as_str()))
}

fn files_below() -> impl Strategy<Value = Request> {
    let mark = (file_path(), "[0-9]{13}_[a-z]{1,20}");
    let mark = mark.prop_map(|(path, name)| FileMark { path, name: name.parse().unwrap() });
    (log(), "[a-z]{1,9}(/[a-z]{1,9}){0,31}", option::of(mark)).prop_map(|(log, folder, after)| {
        FilesBelow { log, folder: folder.parse().unwrap(), after }.into()
    })
}

fn download() -> impl Strategy<Value = Request> {
    let range = (any::<u64>(), any::<u64>()).prop_map(|(first, count)| BlockRange { first, count });
    let ranges = proptest::collection::vec(range, 0..=BLOCK_RANGES_MAX);
    (log(), file_query(), ranges, transfer()).prop_map(|(log, file, ranges, transfer)| {
        Download { log, file, blocks: BoundedVec::first_of(ranges), transfer }.into()
    })
}

/// The requests that have nothing but their number.
fn without_fields() -> impl Strategy<Value = Request> {
    let requests = samples::requests().into_iter();
    proptest::sample::select(
        requests.filter(|request| frame::encode(request).len() == 1).collect::<Vec<_>>(),
    )
}

fn of_accounts() -> impl Strategy<Value = Request> {
    prop_oneof![
        (client_id(), user(), password()).prop_map(|(id, user, password)| Register {
            id,
            user,
            password
        }
        .into()),
        (user(), password()).prop_map(|(user, password)| Login { user, password }.into()),
        token().prop_map(|token| Resume { token }.into()),
        option::of(user()).prop_map(|after| Users { after }.into()),
    ]
}

fn of_sessions() -> impl Strategy<Value = Request> {
    prop_oneof![
        (client_id(), password(), password()).prop_map(|(id, old, new)| ChangePassword {
            id,
            old,
            new
        }
        .into()),
        any::<[u8; 6]>().prop_map(|id| RevokeSession { id: SessionId(id) }.into()),
    ]
}

fn of_messages() -> impl Strategy<Value = Request> {
    prop_oneof![
        (client_id(), address(), text())
            .prop_map(|(id, to, text)| SendText { id, to, text }.into()),
        transfer().prop_map(|transfer| SendTexts { transfer }.into()),
        history(),
        marks(),
        track(),
        (client_id(), address(), file_path(), any::<u64>(), transfer()).prop_map(
            |(id, to, name, size, transfer)| Upload { id, to, name, size, transfer }.into()
        ),
        download(),
        files_below(),
        (log(), file_query(), any::<u64>()).prop_map(|(log, file, first)| FileBlocks {
            log,
            file,
            first
        }
        .into()),
    ]
}

fn of_groups() -> impl Strategy<Value = Request> {
    prop_oneof![
        (client_id(), group()).prop_map(|(id, group)| MakeGroup { id, group }.into()),
        group().prop_map(|group| Join { group }.into()),
        group().prop_map(|group| Leave { group }.into()),
        option::of(group()).prop_map(|after| Groups { after }.into()),
        (group(), option::of(user())).prop_map(|(group, after)| Members { group, after }.into()),
        watch(),
    ]
}

fn watch() -> impl Strategy<Value = Request> {
    let cursor = (log(), any::<u64>());
    let cursor = cursor.prop_map(|(log, after)| Cursor { log, after: Sequence(after) });
    proptest::collection::vec(cursor, 0..CURSORS_MAX)
        .prop_map(|cursors| Watch { cursors: BoundedVec::first_of(cursors) }.into())
}

pub(crate) fn request() -> impl Strategy<Value = Request> {
    prop_oneof![without_fields(), of_accounts(), of_sessions(), of_messages(), of_groups()]
}

proptest! {
    #[test]
    fn a_request_is_decoded_as_it_was_encoded(request in request()) {
        let bytes = frame::encode(&request);
        prop_assert!(bytes.len() <= REQUEST_BYTES_MAX);
        prop_assert_eq!(frame::decode(&bytes), Ok(request));
    }
}

#[test]
fn requests_of_every_kind_are_generated() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut missing: Vec<_> = Request::NAMES.to_vec();
    for _ in 0..1_000 {
        let request = request().new_tree(&mut runner).unwrap().current();
        missing.retain(|&name| name != request.name());
    }
    assert!(missing.is_empty(), "never generated: {missing:?}");
}
