use std::sync::mpsc;

use qchat_proto::command::Log;
use qchat_proto::{Body, Message, Timestamp};

use super::*;

fn received(number: u64) -> ReceivedMessage {
    ReceivedMessage {
        reader: "alice".parse().unwrap(),
        log: Log::Inbox,
        message: Message {
            id: format!("@alice:{number}").parse().unwrap(),
            from: "bob".parse().unwrap(),
            at: Timestamp::from_milliseconds(0),
            body: Body::Text(number.to_string().try_into().unwrap()),
            unread: true,
        },
    }
}

fn post(notices: &NoticeQueue, number: u64) {
    notices.post(Notice::Message(received(number)));
}

/// A queue whose printing thread reports its texts here.
struct Printed {
    notices: Arc<NoticeQueue>,
    texts: mpsc::Receiver<String>,
    shown: mpsc::Receiver<Vec<ReceivedMessage>>,
}

fn start() -> Printed {
    let notices = Arc::<NoticeQueue>::default();
    let (text, texts) = mpsc::channel();
    let (tell, shown) = mpsc::channel();
    start_printing(
        Arc::clone(&notices),
        Box::new(move |printed| text.send(printed).is_ok()),
        |batch| {
            let lines = batch.notices.iter().map(|notice| match notice {
                Notice::Message(received) => format!("{} ", received.message.id.sequence),
                Notice::Text(text) => format!("{text} "),
                Notice::Late(sent) => format!("{} ", sent.line),
                Notice::Receipt { stage, messages } => format!("{stage:?} {} ", messages.len()),
            });
            format!("{}and {}", lines.collect::<String>(), batch.left_out)
        },
        move |shown| tell.send(shown).is_ok(),
    );
    Printed { notices, texts, shown }
}

impl Printed {
    /// The next printed text, and how many messages count as shown when the prompt is drawn below it.
    fn next(&self) -> (String, usize) {
        let text = self.texts.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(self.shown.try_recv().is_err(), "shown before the prompt was drawn");
        self.notices.note_drawn();
        (text, self.shown.recv_timeout(Duration::from_secs(60)).unwrap().len())
    }
}

#[test]
fn what_comes_without_a_prompt_is_printed_at_the_next_one() {
    let printed = start();
    post(&printed.notices, 1);
    post(&printed.notices, 2);
    printed.notices.post(Notice::Text("lost".to_owned()));
    assert!(printed.texts.recv_timeout(Duration::from_millis(50)).is_err());
    printed.notices.prompt_shown();
    assert_eq!(printed.next(), ("1 2 lost and 0".to_owned(), 2));
    post(&printed.notices, 3);
    assert_eq!(printed.next(), ("3 and 0".to_owned(), 1));
    printed.notices.prompt_closed();
    post(&printed.notices, 4);
    assert!(printed.texts.recv_timeout(Duration::from_millis(50)).is_err());
}

#[test]
fn what_has_no_room_is_counted_and_is_not_shown() {
    let printed = start();
    for number in 1..=300 {
        post(&printed.notices, number);
    }
    printed.notices.prompt_shown();
    let (text, shown) = printed.next();
    assert!(text.ends_with("255 256 and 44"), "{text}");
    assert_eq!(shown, WAITING_MAX);
    post(&printed.notices, 301);
    assert_eq!(printed.next(), ("301 and 0".to_owned(), 1));
}

#[test]
fn what_a_command_has_shown_is_not_printed_again() {
    let printed = start();
    post(&printed.notices, 1);
    post(&printed.notices, 2);
    let id = |number| received(number).message.id;
    printed.notices.note_seen(vec![id(2), id(3)]);
    post(&printed.notices, 3);
    post(&printed.notices, 4);
    printed.notices.prompt_shown();
    assert_eq!(printed.next(), ("1 4 and 0".to_owned(), 2));
}

#[test]
fn a_stale_prompt_is_drawn_anew_once() {
    let printed = start();
    printed.notices.set_prompt("one> ".to_owned());
    assert_eq!(printed.notices.prompt_shown(), "one> ");
    assert!(!printed.notices.is_stale());
    printed.notices.set_prompt("two> ".to_owned());
    assert_eq!(printed.next(), ("and 0".to_owned(), 0));
    assert!(printed.texts.recv_timeout(Duration::from_millis(50)).is_err());
    assert!(printed.notices.is_stale());
    printed.notices.prompt_interrupted();
    assert_eq!(printed.notices.prompt_shown(), "two> ");
    post(&printed.notices, 1);
    assert_eq!(printed.next(), ("1 and 0".to_owned(), 1));
}

#[test]
fn nothing_is_kept_for_somebody_else() {
    let printed = start();
    post(&printed.notices, 1);
    printed.notices.clear();
    post(&printed.notices, 2);
    printed.notices.prompt_shown();
    assert_eq!(printed.next(), ("2 and 0".to_owned(), 1));
}

#[test]
fn a_prompt_ends_while_the_editor_keeps_a_line_back() {
    let printed = start();
    printed.notices.prompt_shown();
    post(&printed.notices, 1);
    assert!(printed.texts.recv_timeout(Duration::from_secs(60)).is_ok());
    printed.notices.prompt_closed();
    assert!(printed.shown.recv_timeout(Duration::from_millis(50)).is_err());
    printed.notices.prompt_shown();
    printed.notices.note_drawn();
    assert_eq!(printed.shown.recv_timeout(Duration::from_secs(60)).unwrap().len(), 1);
}

#[test]
fn receipts_of_one_kind_that_come_together_are_one() {
    let printed = start();
    for (stage, id) in
        [(Stage::Read, "@bob:1"), (Stage::Read, "@bob:2"), (Stage::Delivered, "@bob:3")]
    {
        printed.notices.post(Notice::Receipt { stage, messages: vec![id.parse().unwrap()] });
    }
    printed.notices.prompt_shown();
    assert_eq!(printed.next(), ("Read 2 Delivered 1 and 0".to_owned(), 0));
}
