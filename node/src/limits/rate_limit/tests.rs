use std::time::Duration;

use qchat_proto::command::{Join, Log, MarkRead, SendText, Upload};
use qchat_proto::{Address, BoundedVec, ClientId, TransferId};
use tokio::time::Instant;

use super::*;
use crate::auth::Passwords;
use crate::config::Limits;
use crate::connection::Handler;
use crate::files::FileStore;
use crate::live::Topic;
use crate::state::ServerState;
use crate::store::Store;

fn user(number: usize) -> UserName {
    format!("user{number}").parse().unwrap()
}

#[tokio::test]
async fn an_account_that_comes_back_finds_its_own_bucket() {
    let rate_limits = RateLimits::of(TOKENS_PER_SECOND);
    let first = rate_limits.account(&user(0));
    first.bucket.set_full_at(Instant::now() + Duration::from_secs(3600)).await;
    let kept = Arc::downgrade(&first);
    drop(first);
    for number in 1..3 * ACCOUNTS_BEFORE_SWEEP {
        rate_limits.account(&user(number)).bucket.acquire(1).await;
    }
    let again = rate_limits.account(&user(0));
    assert!(kept.upgrade().is_some_and(|kept| Arc::ptr_eq(&kept, &again)));
}

#[tokio::test]
async fn idle_accounts_are_removed() {
    let rate_limits = RateLimits::of(TOKENS_PER_SECOND);
    let held = rate_limits.account(&user(0));
    let _command = rate_limits.account(&user(1)).command_slot().await;
    let _session_control = rate_limits.account(&user(2)).session_control_slot().await;
    let _long_request = rate_limits.account(&user(3)).long_request_slot().await;
    for number in 0..3 * ACCOUNTS_BEFORE_SWEEP {
        rate_limits.account(&user(number));
    }
    let accounts = rate_limits.accounts.lock().unwrap();
    assert!(accounts.known.len() <= ACCOUNTS_BEFORE_SWEEP, "{}", accounts.known.len());
    assert!((0..4).all(|number| accounts.known.contains_key(&user(number))));
    assert!(Arc::ptr_eq(&accounts.known[&user(0)], &held));
}

#[tokio::test]
async fn only_so_many_commands_of_an_account_are_at_work() {
    let account = RateLimits::of(TOKENS_PER_SECOND).account(&user(0));
    let mut slots = Vec::new();
    for _ in 0..COMMANDS_AT_WORK_MAX {
        slots.push(account.command_slot().await);
    }
    assert!(Arc::clone(&account.commands).try_acquire_owned().is_err());
    assert!(account.session_control_slot().await.is_some());
    assert!(account.long_request_slot().await.is_some());
    slots.pop();
    assert!(account.command_slot().await.is_some());
}

#[test]
fn a_command_that_reaches_many_watchers_costs_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let file_store = FileStore::open(&folder.path().join("upload"), folder.path()).unwrap();
    let limits = Limits::default();
    let passwords = Passwords::new(limits.accounts_per_hour).unwrap();
    let state = ServerState::new(limits, store, file_store, passwords);
    let lab = Address::Group("lab".parse().unwrap());
    let mut watchers: Vec<_> = (0..320).map(|_| state.notifier.watcher()).collect();
    for watcher in &mut watchers {
        watcher.follow(Topic::Log(lab.clone()));
        watcher.follow(Topic::Marks(lab.clone()));
    }
    let send = |to: &Address, bytes| SendText {
        id: ClientId([1; 16]),
        to: to.clone(),
        text: "x".repeat(bytes).try_into().unwrap(),
    };
    let (id, transfer) = (ClientId([1; 16]), TransferId(1));
    let upload = Upload { id, to: lab.clone(), name: "a".into(), size: 1, transfer };
    let mark = MarkRead {
        log: Log::Group("lab".parse().unwrap()),
        ranges: BoundedVec::first_of(Vec::new()),
    };
    assert_eq!(send(&Address::User(user(1)), 100).tokens(&state), 1);
    assert_eq!(send(&lab, 100).tokens(&state), 21);
    assert_eq!(send(&lab, 16 * 1024).tokens(&state), 25);
    assert_eq!(upload.tokens(&state), 21);
    assert_eq!(mark.tokens(&state), 21);
    assert_eq!(Join { group: "lab".parse().unwrap() }.tokens(&state), 21);
}
