use qchat_proto::command::{Join, Log, MarkRead, SendText, Upload};
use qchat_proto::{Address, BoundedVec, ClientId, TransferId};

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

fn rate(per_second: u32, burst: u32) -> Rate {
    Rate { per_second: non_zero(per_second), burst: non_zero(burst) }
}

/// Only lower bounds: a busy machine makes everything slower, and nothing faster.
#[tokio::test]
async fn a_burst_passes_and_what_follows_waits_for_its_tokens() {
    let begun = Instant::now();
    let bucket = TokenBucket::of(rate(100, 10));
    bucket.acquire(10).await;
    for _ in 0..5 {
        bucket.acquire(1).await;
    }
    assert!(begun.elapsed() >= Duration::from_millis(50), "{:?}", begun.elapsed());
    bucket.acquire(1000).await;
    assert!(begun.elapsed() >= Duration::from_millis(150), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn who_came_first_pays_first_however_much_that_is() {
    let bucket = Arc::new(TokenBucket::of(rate(1000, 20)));
    bucket.acquire(20).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut paying = tokio::task::JoinSet::new();
    for tokens in [20, 1, 10, 1] {
        let (bucket, order) = (Arc::clone(&bucket), Arc::clone(&order));
        paying.spawn(async move {
            bucket.acquire(tokens).await;
            order.lock().unwrap().push(tokens);
        });
    }
    paying.join_all().await;
    assert_eq!(*order.lock().unwrap(), [20, 1, 10, 1]);
}

#[tokio::test]
async fn an_account_that_comes_back_finds_its_own_purse() {
    let rate_limits = RateLimits::of(PER_SECOND);
    let first = rate_limits.account(&user(0));
    *first.bucket.paying.lock().await = Instant::now() + Duration::from_secs(3600);
    let kept = Arc::downgrade(&first);
    drop(first);
    for number in 1..3 * ACCOUNTS_BEFORE_SWEEP {
        rate_limits.account(&user(number)).acquire(1).await;
    }
    let again = rate_limits.account(&user(0));
    assert!(kept.upgrade().is_some_and(|kept| Arc::ptr_eq(&kept, &again)));
}

#[tokio::test]
async fn accounts_that_are_as_good_as_new_are_forgotten() {
    let rate_limits = RateLimits::of(PER_SECOND);
    let held = rate_limits.account(&user(0));
    let _place = rate_limits.account(&user(1)).place().await;
    let _room = rate_limits.account(&user(2)).room().await;
    let long_ago = Instant::now() - 2 * rate_limits.of_account.fills_in();
    for number in 0..3 * ACCOUNTS_BEFORE_SWEEP {
        let account = rate_limits.account(&user(number));
        *account.bucket.paying.lock().await = long_ago;
    }
    let accounts = rate_limits.accounts.lock().unwrap();
    assert!(accounts.known.len() <= ACCOUNTS_BEFORE_SWEEP, "{}", accounts.known.len());
    assert!((0..3).all(|number| accounts.known.contains_key(&user(number))));
    assert!(Arc::ptr_eq(&accounts.known[&user(0)], &held));
}

#[tokio::test]
async fn only_so_many_commands_of_an_account_are_at_work() {
    let account = AccountLimits::of(rate(1, 1));
    let mut places = Vec::new();
    for _ in 0..AT_WORK_MAX {
        places.push(account.place().await);
    }
    assert!(Arc::clone(&account.at_work).try_acquire_owned().is_err());
    places.pop();
    assert!(account.place().await.is_some());
}

#[test]
fn what_reaches_many_costs_more() {
    assert_eq!((of_telling(0), of_telling(15), of_telling(1000)), (0, 0, 62));
    assert_eq!((of_telling(usize::MAX), of_text(100), of_text(16 * 1024)), (TELLING_MAX, 0, 4));
    assert_eq!((of_rows(127), of_rows(50_000), of_rows(usize::MAX)), (0, 390, u32::MAX));
    // What a connection can have waiting gets through before its client gives up.
    let dearest = 1 + TELLING_MAX + of_text(qchat_proto::limits::MESSAGE_BYTES_MAX);
    assert!(64 * dearest < 10 * PER_SECOND.get());
}

#[test]
fn who_sends_to_many_pays_for_all_of_them() {
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
