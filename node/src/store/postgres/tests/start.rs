//! The starts of servers on databases of every kind: each bad one gives a sentence with its remedy, and stays as it
//! is.

use super::local_server::shared;
use super::{admin, membership};
use crate::store::postgres::SharedKeys;
use crate::store::{OpenError, Store};

/// The sentence of a start that must fail.
#[track_caller]
fn sentence(opened: Result<Store, OpenError>) -> String {
    opened.err().expect("the start must fail").to_string()
}

#[tokio::test]
async fn servers_that_start_at_once_make_the_tables_once() {
    let Some(server) = shared() else { return };
    let (url, name) = server.database();
    let starts = ["a", "b", "c"].map(|node| {
        let membership = membership(&url, node);
        tokio::task::spawn_blocking(|| Store::connect(membership))
    });
    for start in starts {
        let store = start.await.unwrap().unwrap();
        store.close().await;
    }
    let admin = admin(server, &name).await;
    let locks = admin.query_one("SELECT count(*) FROM entity_lock", &[]).await.unwrap();
    assert_eq!(locks.get::<_, i64>(0), 4096);
}

#[tokio::test]
async fn a_database_with_a_weaker_setting_of_its_commits_can_be_used() {
    let Some(server) = shared() else { return };
    let (url, name) = server.database();
    let admin = admin(server, &name).await;
    let weaker = format!("ALTER DATABASE \"{name}\" SET synchronous_commit = off");
    admin.batch_execute(&weaker).await.unwrap();
    Store::connect(membership(&url, "a")).unwrap().close().await;
}

#[tokio::test]
async fn a_database_of_something_else_is_left_alone() {
    let Some(server) = shared() else { return };
    let (url, name) = server.database();
    let admin = admin(server, &name).await;
    admin.batch_execute("CREATE TABLE invoices (id int)").await.unwrap();
    let sentence = sentence(Store::connect(membership(&url, "a")));
    assert!(sentence.contains("\"invoices\"") && sentence.contains("empty database"), "{sentence}");
    let tables = admin.query("SELECT 1 FROM pg_class WHERE relname = 'kv'", &[]).await.unwrap();
    assert_eq!(tables.len(), 0);
}

#[tokio::test]
async fn a_database_of_a_newer_qchat_or_of_another_key_is_refused() {
    let Some(server) = shared() else { return };
    let (url, name) = server.database();
    Store::connect(membership(&url, "a")).unwrap().close().await;
    let mut stranger = membership(&url, "a");
    stranger.keys.current = "SHA256:other".to_owned();
    let other = sentence(Store::connect(stranger));
    assert!(other.contains("SHA256:ours") && other.contains("SHA256:other"), "{other}");
    let admin = admin(server, &name).await;
    let newer = "UPDATE meta SET value = '2' WHERE name = 'format'";
    admin.batch_execute(newer).await.unwrap();
    let newer = sentence(Store::connect(membership(&url, "a")));
    assert!(newer.contains("format 2") && newer.contains("use a newer qchat"), "{newer}");
    admin.batch_execute("DROP TABLE entity_lock").await.unwrap();
    let damaged = sentence(Store::connect(membership(&url, "a")));
    assert!(damaged.contains("damaged"), "{damaged}");
}

#[tokio::test]
async fn a_rotated_key_follows_the_one_that_announced_it() {
    let Some(server) = shared() else { return };
    let (url, _) = server.database();
    let keys = |current: &str, next: Option<&str>| SharedKeys {
        current: current.to_owned(),
        next: next.map(str::to_owned),
    };
    for (keys, is_accepted) in [
        (keys("one", None), true),
        (keys("two", None), false),
        (keys("one", Some("two")), true),
        (keys("two", None), true),
        (keys("one", Some("two")), true),
        (keys("one", None), false),
        (keys("two", None), true),
    ] {
        let start = super::Membership { keys: keys.clone(), ..membership(&url, "a") };
        match Store::connect(start) {
            Ok(store) => {
                assert!(is_accepted, "{keys:?}");
                store.close().await;
            }
            Err(error) => assert!(!is_accepted, "{keys:?}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_running_server_announces_its_next_key() {
    let Some(server) = shared() else { return };
    let (url, _) = server.database();
    let store = Store::connect(membership(&url, "a")).unwrap();
    let keys = |current: &str, next: Option<&str>| SharedKeys {
        current: current.to_owned(),
        next: next.map(str::to_owned),
    };
    assert!(store.share_keys(&keys("SHA256:new", None)).await.is_err());
    store.share_keys(&keys("SHA256:ours", Some("SHA256:new"))).await.unwrap();
    store.share_keys(&keys("SHA256:new", None)).await.unwrap();
    let old = sentence(Store::connect(membership(&url, "b")));
    assert!(old.contains("SHA256:new"), "{old}");
}

#[tokio::test]
async fn a_second_server_of_one_name_is_refused_while_the_first_lives() {
    let Some(server) = shared() else { return };
    let (url, _) = server.database();
    let first = Store::connect(membership(&url, "a")).unwrap();
    let sentence = sentence(Store::connect(membership(&url, "a")));
    assert!(sentence.contains("another --node"), "{sentence}");
    first.close().await;
    Store::connect(membership(&url, "a")).unwrap().close().await;
}

#[tokio::test]
async fn a_database_that_is_away_or_read_only_or_closed_to_the_user_is_named() {
    let Some(server) = shared() else { return };
    let (url, name) = server.database();
    let admin = admin(server, "postgres").await;
    let away = sentence(Store::connect(membership("postgres://me@127.0.0.1:1/chat", "a")));
    assert!(away.contains("127.0.0.1:1") && away.contains("is it running"), "{away}");
    let unknown = sentence(Store::connect(membership(&server.url("nowhere"), "a")));
    assert!(unknown.contains("\"nowhere\" does not exist"), "{unknown}");
    admin
        .batch_execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"))
        .await
        .unwrap();
    let read_only = sentence(Store::connect(membership(&url, "a")));
    assert!(read_only.contains("can only be read"), "{read_only}");
    let (url, name) = server.database();
    let role = format!("guest_{name}");
    admin.batch_execute(&format!("CREATE ROLE {role} LOGIN")).await.unwrap();
    let url = url.replace("postgres@", &format!("{role}@"));
    let closed = sentence(Store::connect(membership(&url, "a")));
    assert!(closed.contains("the owner of the database"), "{closed}");
}
