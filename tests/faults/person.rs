//! A client that does one thing after the other, and notes each answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use qchat_client::proto::ClientId;
use qchat_client::{Address, CallError, Code, GroupName, ReconnectingClient, SessionToken};
use tempfile::TempDir;
use tokio::time::sleep;

use super::answer_times::AnswerTimes;
use super::checker::{Attempt, Diary, Outcome, content};
use super::deed::Deed;
use super::load::{GROUPS, READERS};
use crate::harness::{SeededRandom, sdk};

/// Shared by all clients of a load.
pub(crate) struct Shared {
    pub(crate) answers: AnswerTimes,
    /// The refusals because a disk is full.
    pub(crate) fulls: AnswerTimes,
    pub(crate) are_enough: AtomicBool,
    /// Counts the attempts to make a group: four clients want each name.
    pub(crate) makings: AtomicU64,
}

pub(crate) struct Person {
    pub(crate) number: usize,
    pub(crate) connection: ReconnectingClient,
    pub(crate) token: SessionToken,
    pub(crate) random: SeededRandom,
    pub(crate) shared: Arc<Shared>,
    pub(crate) diary: Diary,
    /// Has the files that are sent.
    pub(crate) folder: TempDir,
}

impl Person {
    /// Works until it is enough. Each thing that was begun is brought to its answer.
    pub(crate) async fn work(mut self) -> Diary {
        while !self.shared.are_enough.load(Ordering::Relaxed) {
            match self.random.below(100) {
                0..45 => self.text(reader).await,
                45..80 => self.text(group).await,
                80..83 => self.file().await,
                83..97 => self.change_membership().await,
                _ => self.make().await,
            }
            self.shared.answers.add(self.number);
        }
        self.diary
    }

    async fn text(&mut self, receiver: fn(&mut SeededRandom) -> String) {
        let to = receiver(&mut self.random);
        let name = self.name();
        let deed = Deed::Text(address(&to), sdk::text(&name));
        self.send(to, name, deed).await;
    }

    async fn file(&mut self) {
        let to = if self.random.below(2) == 0 { reader } else { group };
        let to = to(&mut self.random);
        let name = self.name();
        let path = self.folder.path().join(&name);
        std::fs::write(&path, content(&name)).unwrap();
        self.send(to.clone(), name, Deed::File(address(&to), path.clone())).await;
        std::fs::remove_file(path).unwrap();
    }

    /// A name that no other message has.
    fn name(&self) -> String {
        format!("{}.{}", self.diary.user, self.diary.attempts.len())
    }

    async fn send(&mut self, log: String, name: String, deed: Deed) {
        let is_member = log.starts_with('@') || self.diary.joined.contains(&log[1..]);
        let outcome = match self.must_answer(&deed).await.0 {
            Ok(sequence) => Outcome::At(sequence),
            Err(code) => Outcome::Refused(code),
        };
        self.diary.attempts.push(Attempt { log, name, is_member, outcome });
    }

    async fn change_membership(&mut self) {
        let name = group(&mut self.random)[1..].to_owned();
        let group: GroupName = name.parse().unwrap();
        if self.diary.joined.remove(&name) {
            let (left, was_repeated) = self.must_answer(&Deed::Leave(group)).await;
            // A repeated leave finds its own work done.
            let is_done = left.is_ok() || was_repeated && left == Err("not_a_member".to_owned());
            assert!(is_done, "{} leaves {name}: {left:?}", self.diary.user);
        } else {
            let joined = self.must_answer(&Deed::Join(group)).await.0;
            assert_eq!(joined, Ok(0), "{} joins {name}", self.diary.user);
            self.diary.joined.insert(name);
        }
    }

    async fn make(&mut self) {
        let name = format!("race{}", self.shared.makings.fetch_add(1, Ordering::Relaxed) / 4);
        let made = self.must_answer(&Deed::Make(name.parse().unwrap())).await.0;
        assert!(made.is_ok() || made == Err("group_exists".to_owned()), "{name}: {made:?}");
        self.diary.makings.push((name, made.is_ok()));
    }

    /// Asks until there is an answer or a refusal, with one id. Tells also whether an earlier attempt may have
    /// been done.
    async fn must_answer(&mut self, deed: &Deed) -> (Result<u64, String>, bool) {
        let id = ClientId::random();
        let mut was_repeated = false;
        loop {
            let client = self.connection.signed_in(&self.token).await.unwrap();
            match deed.ask(&client.with_request_id(id)).await {
                Ok(sequence) => return (Ok(sequence), was_repeated),
                // A full disk, or a bucket that is away: the same works later.
                Err(CallError::Refused(refusal))
                    if [Code::ServerFull, Code::Busy].contains(&refusal.code()) =>
                {
                    if refusal.code() == Code::ServerFull {
                        self.shared.fulls.add(self.number);
                    }
                    sleep(self.connection.next_pause()).await;
                }
                Err(CallError::Refused(refusal)) => {
                    return (Err(refusal.code().as_str().to_owned()), was_repeated);
                }
                Err(CallError::NotSent(_)) => {}
                Err(CallError::OutcomeUnknown(_)) => was_repeated = true,
                Err(error) => panic!("{} with {deed:?}: {error}", self.diary.user),
            }
        }
    }
}

/// A log as `checker` names it: `@reader3` or `+group5`.
pub(crate) fn address(log: &str) -> Address {
    match log.strip_prefix('@') {
        Some(user) => sdk::user(user),
        None => sdk::group(&log[1..]),
    }
}

fn reader(random: &mut SeededRandom) -> String {
    format!("@reader{}", random.below(READERS))
}

fn group(random: &mut SeededRandom) -> String {
    format!("+group{}", random.below(GROUPS))
}
