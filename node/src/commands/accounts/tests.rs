use std::net::Ipv4Addr;
use std::num::NonZeroU32;

use qchat_proto::ClientId;

use super::*;
use crate::auth::Passwords;
use crate::config::Limits;
use crate::error::CommandError;
use crate::files::FileStore;
use crate::store::Store;

#[tokio::test]
async fn a_repeated_registration_is_answered_also_if_no_more_may_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let (data, upload) = (folder.path().join("data"), folder.path().join("upload"));
    let store = Store::open(&data).unwrap();
    let file_store = FileStore::open(&upload, &data).unwrap();
    let passwords = Passwords::new(NonZeroU32::MIN).unwrap();
    let state = ServerState::new(Limits::default(), store, file_store, passwords);
    let network = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let register = |user: &str, id| {
        let password = "correct horse battery".to_owned().try_into().unwrap();
        let id = ClientId([id; 16]);
        state.register(network, Register { id, user: user.parse().unwrap(), password })
    };
    let first = register("alice", 1).await.unwrap();
    let mut others = 2..;
    let refused = loop {
        let id = others.next().unwrap();
        if let Err(refused) = register(&format!("user{id}"), id).await {
            break refused;
        }
    };
    assert!(matches!(refused, CommandError::Refused(Refusal::TooManyRegistrations { .. })));
    assert_eq!(register("alice", 1).await.unwrap().user, first.user);
    // Without the id of the registration, nothing is revealed.
    assert!(register("alice", 0).await.is_err());
}
