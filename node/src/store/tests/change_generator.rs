//! Random changes of every kind. Most are valid, and many must be refused.

use qchat_proto::command::SequenceRange;
use qchat_proto::{
    Address, ClientId, Digest, File, FileName, FilePath, GroupName, Sequence, StoredName, UserName,
};

use super::model::{Model, Step};
use super::random::Random;
use super::{at, group, text, user};
use crate::store::changes::{
    Content, CreateAccount, CreateGroup, EndSessions, ExpireFiles, JoinGroup, LeaveGroup, Mark,
    MarkMessages, Naming, Post, SessionSelection, SetPassword, StartSession, UseSession,
};
use crate::store::queries::{TokenHash, session_id};

const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dave"];
const GROUPS: [&str; 2] = ["lab", "ops"];

/// The third name looks like a stored name, and is one if the second change sends the file `a.txt`.
const FILES: [&str; 5] = ["a.txt", "b.txt", "0000000000002_a.txt", "p/a.txt", "p/q/a.txt"];

/// The number of different ids, so that some requests have the same id by chance.
const IDS: u64 = 50;

/// Generates random changes.
#[derive(Debug)]
pub(in crate::store) struct ChangeGenerator {
    pub(in crate::store) random: Random,
    now: u64,
    earlier: Vec<Step>,
}

impl ChangeGenerator {
    pub(in crate::store) fn new(random: Random) -> Self {
        Self { random, now: 0, earlier: Vec::new() }
    }

    /// Generates changes to be made one after the other, on a store with the state of `model`.
    pub(in crate::store) fn steps(&mut self, count: u64, model: &Model) -> Vec<Step> {
        let mut model = model.clone();
        let mut steps = Vec::new();
        for _ in 0..count {
            let step = self.step(&model);
            let _ = model.apply(&step);
            steps.push(step.clone());
            self.earlier.push(step);
        }
        steps
    }

    fn step(&mut self, model: &Model) -> Step {
        self.now += 1;
        if !self.earlier.is_empty() && self.random.once_in(6) {
            let again = self.earlier[self.random.index(self.earlier.len())].clone();
            // The same change again, as after a lost answer, or the same content with another id.
            return if self.random.once_in(4) { again.with_id(self.id()) } else { again };
        }
        if model.accounts.len() < 3 && self.random.once_in(2) {
            return self.create_account();
        }
        match self.random.within(0..24) {
            0 => self.create_account(),
            1..4 => self.session(model),
            4..11 => self.post_text(model),
            11..14 => self.post_file(model),
            14..16 => self.create_group(model),
            16..19 => {
                let (group, user, at) = (self.group(), self.sender(model), at(self.now));
                Step::JoinGroup(JoinGroup { group, user, at })
            }
            19 => {
                let (group, user) = (self.group(), self.sender(model));
                Step::LeaveGroup(LeaveGroup { group, user })
            }
            20 => self.expire_files(model),
            _ => self.mark(model),
        }
    }

    /// Expires some of the files, one of them twice, and a file that never existed.
    fn expire_files(&mut self, model: &Model) -> Step {
        let mut names: Vec<_> = model.stored.keys().cloned().collect();
        names.retain(|_| self.random.once_in(3));
        names.extend(names.clone().into_iter().take(1));
        names.push(StoredName::new(at(0), &FileName::from("never")));
        Step::ExpireFiles(ExpireFiles { names, at: at(self.now) })
    }

    fn create_account(&mut self) -> Step {
        let (id, user, at) = (self.id(), self.person(), at(self.now));
        let password_hash = format!("hash {}", self.now);
        Step::CreateAccount(CreateAccount { id, user, password_hash, at })
    }

    fn create_group(&mut self, model: &Model) -> Step {
        let (id, group, owner) = (self.id(), self.group(), self.sender(model));
        Step::CreateGroup(CreateGroup { id, group, owner, at: at(self.now) })
    }

    fn session(&mut self, model: &Model) -> Step {
        let (user, at) = (self.sender(model), at(self.now));
        let token_hash = self.token_hash(&user);
        match self.random.within(0..8) {
            0 => {
                Step::EndSessions(EndSessions { user, which: SessionSelection::Token(token_hash) })
            }
            1 => Step::EndSessions(EndSessions {
                user,
                which: SessionSelection::Id(session_id(&token_hash)),
            }),
            2 if self.random.once_in(3) => {
                Step::EndSessions(EndSessions { user, which: SessionSelection::All })
            }
            2..4 => self.change_password(model, user),
            4 => Step::UseSession(UseSession { token_hash, at }),
            _ => {
                let verified = self.password_hash(model, &user);
                let rehashed = self.random.once_in(5).then(|| format!("rehashed {}", self.now));
                let online = Vec::new();
                let start = StartSession { user, token_hash, verified, rehashed, online, at };
                Step::StartSession(start)
            }
        }
    }

    fn change_password(&mut self, model: &Model, user: UserName) -> Step {
        let (id, session) = (self.id(), self.token_hash(&user));
        let (verified, password_hash) =
            (self.password_hash(model, &user), format!("changed {}", self.now));
        Step::SetPassword(SetPassword { id, user, session, verified, password_hash })
    }

    /// A token of this user. Some tokens of a user have the same session id.
    fn token_hash(&mut self, user: &UserName) -> TokenHash {
        let mut token_hash: TokenHash = [0; 32];
        token_hash[0] = u8::try_from(self.random.within(0..3)).unwrap();
        token_hash[1..=user.as_str().len()].copy_from_slice(user.as_str().as_bytes());
        token_hash[31] = u8::try_from(self.random.within(0..4) / 3).unwrap();
        token_hash
    }

    /// The current password hash in most cases, else an earlier or a wrong one.
    fn password_hash(&mut self, model: &Model, user: &UserName) -> String {
        match model.accounts.get(user).filter(|_| !self.random.once_in(8)) {
            Some(account) => account.password_hash.clone(),
            None => format!("hash {}", self.now / 2),
        }
    }

    fn post_text(&mut self, model: &Model) -> Step {
        let length = if self.random.once_in(10) { 6000 } else { 1 };
        let said = format!("{}{}", self.random.within(0..4), "x".repeat(length));
        self.post(model, text(&said))
    }

    fn post_file(&mut self, model: &Model) -> Step {
        let original = FilePath::from(self.random.pick(FILES));
        // Names that nobody gives come from few milliseconds, so that some are taken.
        let naming = if self.random.once_in(2) { Naming::Given } else { Naming::NextFree };
        let arrived = if naming == Naming::Given { self.now } else { self.now / 16 };
        let name = StoredName::new(at(arrived), original.name());
        let size = self.random.within(0..400);
        let digest = Digest([u8::try_from(self.random.within(0..3)).unwrap(); 32]);
        let quota = self.random.once_in(2).then_some(1000);
        let file = File { name, original, size, digest };
        self.post(model, Content::File { file, quota, naming })
    }

    fn post(&mut self, model: &Model, content: Content) -> Step {
        let (id, from, at) = (self.id(), self.sender(model), at(self.now));
        let to = match self.random.once_in(2) {
            true => Address::Group(self.group()),
            false => Address::User(self.person()),
        };
        Step::Post(Post { id, from, to, at, content })
    }

    fn mark(&mut self, model: &Model) -> Step {
        let mark = if self.random.once_in(2) { Mark::Read } else { Mark::Delivered };
        let user = self.sender(model);
        let log = match self.random.once_in(2) {
            true => Address::Group(self.group()),
            false => Address::User(user.clone()),
        };
        let end = model.length(&log) + 3;
        let ranges = (0..self.random.within(0..3)).map(|_| {
            // Some ranges begin before the first message, end after the last one, or are reversed.
            let first = self.random.within(0..end);
            let last = (first + self.random.within(0..6)).saturating_sub(1);
            SequenceRange { first: Sequence(first), last: Sequence(last) }
        });
        Step::MarkMessages(MarkMessages { mark, ranges: ranges.collect(), user, log })
    }

    /// A user name, with or without an account.
    fn person(&mut self) -> UserName {
        user(self.random.pick(PEOPLE))
    }

    /// A user with an account, because others have no session.
    fn sender(&mut self, model: &Model) -> UserName {
        match model.accounts.len() {
            0 => self.person(),
            count => model.accounts.keys().nth(self.random.index(count)).unwrap().clone(),
        }
    }

    fn group(&mut self) -> GroupName {
        group(self.random.pick(GROUPS))
    }

    fn id(&mut self) -> ClientId {
        ClientId([u8::try_from(self.random.within(0..IDS)).unwrap(); 16])
    }
}
