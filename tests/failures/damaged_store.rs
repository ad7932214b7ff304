//! A damaged store is named and left unchanged, because its data may still be recovered.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use crate::harness::{Server, texts};
use crate::server::start::{check_refused, used_folder};

/// Checks that a server with a damaged store does not start, and changes no file.
#[track_caller]
fn check_damaged(damage: impl FnOnce(&Path)) {
    let folder = used_folder();
    let store = folder.store();
    damage(&store);
    let name = store.file_name().unwrap().to_str().unwrap().to_owned();
    check_refused(&folder, &[], &[&name]);
    // A second start finds the same damage.
    check_refused(&folder, &[], &[&name]);
}

fn overwrite(file: &Path, from: u64, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(file).unwrap();
    file.seek(SeekFrom::Start(from)).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn an_empty_store_file_is_refused() {
    check_damaged(|store| drop(File::create(store).unwrap()));
}

#[test]
fn a_store_file_of_garbage_is_refused() {
    check_damaged(|store| std::fs::write(store, crate::files::sending::noise(100_000)).unwrap());
}

#[test]
fn a_store_file_of_a_few_bytes_is_refused() {
    check_damaged(|store| std::fs::write(store, b"redb").unwrap());
}

#[test]
fn a_store_with_a_damaged_header_is_refused() {
    check_damaged(|store| overwrite(store, 0, &crate::files::sending::noise(4096)));
}

#[test]
fn a_store_with_damaged_pages_is_refused() {
    check_damaged(|store| {
        let length = std::fs::metadata(store).unwrap().len();
        overwrite(
            store,
            4096,
            &crate::files::sending::noise(usize::try_from(length).unwrap() - 4096),
        );
    });
}

#[test]
fn a_truncated_store_is_refused() {
    check_damaged(|store| {
        let file = OpenOptions::new().write(true).open(store).unwrap();
        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    });
}

#[test]
fn a_store_file_of_zeros_is_refused() {
    check_damaged(|store| {
        let length = std::fs::metadata(store).unwrap().len();
        std::fs::write(store, vec![0; usize::try_from(length).unwrap()]).unwrap();
    });
}

#[test]
fn a_backup_of_a_stopped_server_is_a_valid_store() {
    let folder = used_folder();
    let store = folder.store();
    let backup = std::fs::read(&store).unwrap();
    std::fs::write(&store, b"damaged").unwrap();
    check_refused(&folder, &[], &[]);
    std::fs::write(&store, backup).unwrap();
    let server = Server::in_folder(folder, &[]);
    assert_eq!(texts(&server.client_of("alice").ok("inbox")), ["hi"]);
}
