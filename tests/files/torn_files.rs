//! Files that change while they are sent.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::files::resume::{check_stored, film, upload_under_way};

#[test]
fn a_file_that_changes_during_its_upload_is_refused_and_the_same_line_sends_the_new_content() {
    let (server, alice, mut talk) = upload_under_way(&[]);
    let file = File::options().write(true).open(alice.path("film.mkv")).unwrap();
    file.write_all_at(b"new", 0).unwrap();
    let refused = talk.answer().unwrap();
    assert_eq!(refused["error"]["code"], "file_changed", "{refused}");
    assert_eq!(talk.done("inbox")["messages"].as_array().map(Vec::len), Some(0));
    talk.ok("send_file alice film.mkv");
    let mut new = film();
    new[..3].copy_from_slice(b"new");
    check_stored(&server, &alice, &new);
}
