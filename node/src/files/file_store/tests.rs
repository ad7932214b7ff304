use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use qchat_proto::{BlockHash, ClientId, Timestamp};
use qchat_transfer::Layout;

use super::*;
use crate::files::partial_uploads::tests::NoMessage;
use crate::files::upload_key::UploadKey;
use crate::store::Store;

/// The files in a folder and below, with the mode bits of group and others.
fn modes_of_others(folder: &Path) -> Vec<(PathBuf, u32)> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
    let mode = |path: &PathBuf| path.metadata().unwrap().permissions().mode() & 0o077;
    let files = files.into_iter().map(|path| (path.clone(), mode(&path)));
    files.chain(folders.iter().flat_map(|folder| modes_of_others(folder))).collect()
}

#[tokio::test]
async fn only_the_user_of_the_server_can_read_its_files() {
    let top = tempfile::tempdir().unwrap();
    let (data, upload) = (top.path().join("data"), top.path().join("upload"));
    let open = async || {
        let store = Store::open(&data).unwrap();
        let file_store = FileStore::open(&upload, &data).unwrap();
        store.close().await;
        file_store
    };
    let (name, hashes) = ("1763833207123_a.bin".parse().unwrap(), vec![BlockHash([0; 32]); 2]);
    let file_store = open().await;
    let Storage::Folder(folder) = &file_store.storage else { panic!("no folder") };
    folder.block_lists().save(&name, hashes).await.unwrap();
    let made = modes_of_others(&data);
    assert!(made.len() >= 4 && made.iter().all(|(_, mode)| *mode == 0), "{made:?}");
    // The modes of files from an earlier version.
    for name in ["qchat.redb", "qchat.lock", "upload_folder"] {
        std::fs::set_permissions(data.join(name), Permissions::from_mode(0o644)).unwrap();
    }
    open().await;
    let found = modes_of_others(&data);
    assert!(found.iter().all(|(_, mode)| *mode == 0), "{found:?}");
}

#[tokio::test]
async fn files_of_the_same_millisecond_get_names_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let file_store = FileStore::open(folder.path(), &folder.path().join("data")).unwrap();
    let at = Timestamp::from_milliseconds(1_763_833_207_123);
    let mut names = Vec::new();
    for id in 0..2 {
        let key = UploadKey { user: "alice".parse().unwrap(), id: ClientId([id; 16]) };
        let upload = file_store.partial_uploads.acquire(key, &NoMessage).await.unwrap();
        let slot = file_store.transfer_slot(&upload.key().user).unwrap();
        let (partial, kept) =
            file_store.storage.open_upload(upload.key(), Layout::of(0), slot).await.unwrap();
        assert_eq!(kept, 0);
        let named = (at, &"a.txt".into());
        let (_, name) = file_store.storage.finish(partial, Vec::new(), named).await.unwrap();
        names.push(name.to_string());
    }
    assert_eq!(names, ["1763833207123_a.txt", "1763833207124_a.txt"]);
}

#[tokio::test]
async fn a_transfer_keeps_its_slot_while_a_thread_has_its_partial_file() {
    let folder = tempfile::tempdir().unwrap();
    let file_store = FileStore::open(folder.path(), &folder.path().join("data")).unwrap();
    let alice: UserName = "alice".parse().unwrap();
    let mut partial_files = Vec::new();
    for id in 0..16 {
        let key = UploadKey { user: alice.clone(), id: ClientId([id; 16]) };
        let upload = file_store.partial_uploads.acquire(key, &NoMessage).await.unwrap();
        let slot = file_store.transfer_slot(&alice).unwrap();
        // The guard and the handler's slot are dropped at the end of each turn of the loop.
        let opened = file_store.storage.open_upload(upload.key(), Layout::of(1), slot).await;
        partial_files.push(opened.unwrap());
    }
    assert!(matches!(file_store.transfer_slot(&alice), Err(Refusal::TooManyAtOnce(16))));
    partial_files.pop();
    assert!(file_store.transfer_slot(&alice).is_ok());
}
