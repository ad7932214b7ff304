//! Changes of every kind, at random: sensible ones mostly, and many that are to be refused.

use qchat_proto::command::SequenceRange;
use qchat_proto::{
    Address, ClientId, Digest, File, FileName, FilePath, GroupName, Sequence, StoredName, UserName,
};

use super::model::{Model, Step};
use super::random::Random;
use super::{at, group, text, user};
use crate::store::changes::{
    ChangePassword, Content, CreateAccount, CreateGroup, EndSessions, ExpireFiles, JoinGroup,
    LeaveGroup, Mark, MarkMessages, Post, StartSession, UseSession, Which,
};
use crate::store::queries::{TokenHash, session_id};

const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dave"];
const GROUPS: [&str; 2] = ["lab", "ops"];

/// The last one looks like a stored name, and is one where the second change sends a file.
const FILES: [&str; 5] = ["a.txt", "b.txt", "0000000000002_a.txt", "p/a.txt", "p/q/a.txt"];

/// How many ids all requests share: some meet by chance.
const IDS: u64 = 50;

/// Who thinks of changes.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) random: Random,
    now: u64,
    earlier: Vec<Step>,
}

impl Scenario {
    pub(super) fn new(random: Random) -> Self {
        Self { random, now: 0, earlier: Vec::new() }
    }

    /// Some changes, one after the other, to a world like this.
    pub(super) fn steps(&mut self, count: u64, world: &Model) -> Vec<Step> {
        let mut world = world.clone();
        let mut steps = Vec::new();
        for _ in 0..count {
            let step = self.step(&world);
            let _ = world.apply(&step);
            steps.push(step.clone());
            self.earlier.push(step);
        }
        steps
    }

    fn step(&mut self, world: &Model) -> Step {
        self.now += 1;
        if !self.earlier.is_empty() && self.random.once_in(6) {
            let again = self.earlier[self.random.index(self.earlier.len())].clone();
            // The same change again, as after a lost answer, or the same content as something new.
            return if self.random.once_in(4) { again.with_id(self.id()) } else { again };
        }
        if world.accounts.len() < 3 && self.random.once_in(2) {
            return self.create_account();
        }
        match self.random.within(0..24) {
            0 => self.create_account(),
            1..4 => self.session(world),
            4..11 => self.post_text(world),
            11..14 => self.post_file(world),
            14..16 => self.create_group(world),
            16..19 => {
                let (group, user, at) = (self.group(), self.sender(world), at(self.now));
                Step::JoinGroup(JoinGroup { group, user, at })
            }
            19 => {
                let (group, user) = (self.group(), self.sender(world));
                Step::LeaveGroup(LeaveGroup { group, user })
            }
            20 => self.expire_files(world),
            _ => self.mark(world),
        }
    }

    /// Some of the files, twice for some, and one that never was.
    fn expire_files(&mut self, world: &Model) -> Step {
        let mut names: Vec<_> = world.stored.keys().cloned().collect();
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

    fn create_group(&mut self, world: &Model) -> Step {
        let (id, group, owner) = (self.id(), self.group(), self.sender(world));
        Step::CreateGroup(CreateGroup { id, group, owner, at: at(self.now) })
    }

    fn session(&mut self, world: &Model) -> Step {
        let (user, at) = (self.sender(world), at(self.now));
        let token_hash = self.token_hash(&user);
        match self.random.within(0..8) {
            0 => Step::EndSessions(EndSessions { user, which: Which::Token(token_hash) }),
            1 => Step::EndSessions(EndSessions { user, which: Which::Id(session_id(&token_hash)) }),
            2 if self.random.once_in(3) => {
                Step::EndSessions(EndSessions { user, which: Which::All })
            }
            2..4 => self.change_password(world, user),
            4 => Step::UseSession(UseSession { token_hash, at }),
            _ => {
                let verified = self.password_hash(world, &user);
                let rehashed = self.random.once_in(5).then(|| format!("rehashed {}", self.now));
                let online = Vec::new();
                let start = StartSession { user, token_hash, verified, rehashed, online, at };
                Step::StartSession(start)
            }
        }
    }

    fn change_password(&mut self, world: &Model, user: UserName) -> Step {
        let (id, session) = (self.id(), self.token_hash(&user));
        let (verified, password_hash) =
            (self.password_hash(world, &user), format!("changed {}", self.now));
        Step::ChangePassword(ChangePassword { id, user, session, verified, password_hash })
    }

    /// A token belongs to one user; some of theirs have the same id.
    fn token_hash(&mut self, user: &UserName) -> TokenHash {
        let mut token_hash: TokenHash = [0; 32];
        token_hash[0] = u8::try_from(self.random.within(0..3)).unwrap();
        token_hash[1..=user.as_str().len()].copy_from_slice(user.as_str().as_bytes());
        token_hash[31] = u8::try_from(self.random.within(0..4) / 3).unwrap();
        token_hash
    }

    /// The hash of a user's password mostly, or one that was theirs or never was.
    fn password_hash(&mut self, world: &Model, user: &UserName) -> String {
        match world.accounts.get(user).filter(|_| !self.random.once_in(8)) {
            Some(account) => account.password_hash.clone(),
            None => format!("hash {}", self.now / 2),
        }
    }

    fn post_text(&mut self, world: &Model) -> Step {
        let length = if self.random.once_in(10) { 6000 } else { 1 };
        let said = format!("{}{}", self.random.within(0..4), "x".repeat(length));
        self.post(world, text(&said))
    }

    fn post_file(&mut self, world: &Model) -> Step {
        let original = FilePath::from(self.random.pick(FILES));
        let name = StoredName::new(at(self.now), original.name());
        let size = self.random.within(0..400);
        let digest = Digest([u8::try_from(self.random.within(0..3)).unwrap(); 32]);
        let quota = self.random.once_in(2).then_some(1000);
        self.post(world, Content::File { file: File { name, original, size, digest }, quota })
    }

    fn post(&mut self, world: &Model, content: Content) -> Step {
        let (id, from, at) = (self.id(), self.sender(world), at(self.now));
        let to = match self.random.once_in(2) {
            true => Address::Group(self.group()),
            false => Address::User(self.person()),
        };
        Step::Post(Post { id, from, to, at, content })
    }

    fn mark(&mut self, world: &Model) -> Step {
        let mark = if self.random.once_in(2) { Mark::Read } else { Mark::Delivered };
        let user = self.sender(world);
        let log = match self.random.once_in(2) {
            true => Address::Group(self.group()),
            false => Address::User(user.clone()),
        };
        let end = world.length(&log) + 3;
        let ranges = (0..self.random.within(0..3)).map(|_| {
            // Also before the first message, beyond the last one, and the wrong way round.
            let first = self.random.within(0..end);
            let last = (first + self.random.within(0..6)).saturating_sub(1);
            SequenceRange { first: Sequence(first), last: Sequence(last) }
        });
        Step::MarkMessages(MarkMessages { mark, ranges: ranges.collect(), user, log })
    }

    /// Somebody who may not have an account.
    fn person(&mut self) -> UserName {
        user(self.random.pick(PEOPLE))
    }

    /// Somebody who has an account, since others have no session.
    fn sender(&mut self, world: &Model) -> UserName {
        match world.accounts.len() {
            0 => self.person(),
            count => world.accounts.keys().nth(self.random.index(count)).unwrap().clone(),
        }
    }

    fn group(&mut self) -> GroupName {
        group(self.random.pick(GROUPS))
    }

    fn id(&mut self) -> ClientId {
        ClientId([u8::try_from(self.random.within(0..IDS)).unwrap(); 16])
    }
}
