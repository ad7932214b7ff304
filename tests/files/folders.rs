//! Files that keep the folders from which they were sent.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;

use crate::files::sending::{landed, stored};
use crate::harness::{Client, Server, contents, files_below, items, keys, text};

/// The files of a folder. The content of each is its own path.
const PHOTOS: [&str; 4] =
    ["photos/a.jpg", "photos/b.jpg", "photos/2024/a.jpg", "photos/2024/raw/a.jpg"];

fn write_all(client: &Client, names: &[&str]) {
    for name in names {
        fs::create_dir_all(client.path(name).parent().unwrap()).unwrap();
        client.write(name, name.as_bytes());
    }
}

/// The path of a file in the answer.
#[track_caller]
fn told(file: &Value) -> String {
    let original = text(&file["original"]);
    match file.get("folder") {
        Some(folder) => format!("{}/{original}", text(folder)),
        None => original.to_owned(),
    }
}

/// The paths of the files in an `inbox` or a `send_file` answer.
#[track_caller]
fn all_told(answer: &Value) -> Vec<String> {
    items(&answer["messages"]).iter().map(|message| told(&message["file"])).collect()
}

/// Downloads a file by this name, and checks its place and its content.
#[track_caller]
fn check_fetched(client: &Client, line: &str, expected: &str, content: &str) {
    let fetched = client.ok(line);
    assert_eq!(landed(client, &fetched), client.path(expected), "{line}");
    assert_eq!(fs::read_to_string(client.path(expected)).unwrap(), content, "{line}");
}

/// The paths of the files below a folder, relative to this folder.
fn tree(folder: &Path) -> Vec<String> {
    let below = |path: std::path::PathBuf| path.strip_prefix(folder).unwrap().to_owned();
    files_below(folder).into_iter().map(|path| below(path).to_str().unwrap().to_owned()).collect()
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

#[test]
fn a_folder_is_downloaded_with_its_tree() {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    write_all(&alice, &PHOTOS);
    let sent = alice.ok("send_file bob photos/");
    assert_eq!(all_told(&sent), PHOTOS);
    let inbox = bob.ok("inbox");
    assert_eq!(all_told(&inbox), PHOTOS);
    let file = &inbox["messages"][2]["file"];
    assert_eq!(keys(file), ["blake3", "folder", "name", "original", "size"]);
    assert_eq!((&file["folder"], &file["original"]), (&"photos/2024".into(), &"a.jpg".into()));
    for name in PHOTOS {
        check_fetched(
            &bob,
            &format!("download_file {name}"),
            &format!("download/bob/{name}"),
            name,
        );
    }
    let photos = PHOTOS.map(|name| format!("bob/{name}")).to_vec();
    assert_eq!(tree(&bob.path("download")), sorted(photos));
    // The server keeps all files in one folder.
    assert!(
        server.uploads().iter().all(|name| name.ends_with("_a.jpg") || name.ends_with("_b.jpg"))
    );
    assert_eq!(server.uploads().len(), PHOTOS.len());
    // A file that was sent on its own has no folder.
    let sent = alice.ok("send_file bob photos/2024/a.jpg");
    assert_eq!(keys(&sent["message"]["file"]), ["blake3", "name", "original", "size"]);
    let shown = bob.run(&["inbox"]).output;
    assert!(shown.contains("alice + photos/2024/raw/a.jpg, 21 B, stored as "), "{shown}");
}

#[test]
fn a_file_in_a_folder_is_found_by_its_name_if_the_name_is_unique() {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    write_all(&alice, &PHOTOS);
    let sent = alice.ok("send_file bob photos");
    check_fetched(&bob, "download_file b.jpg", "download/bob/photos/b.jpg", "photos/b.jpg");
    check_fetched(&bob, "download_file photos/b.jpg", "download/bob/photos/b.jpg", "photos/b.jpg");
    assert_eq!(bob.refused("download_file a.jpg"), "ambiguous_file");
    for name in
        ["2024/a.jpg", "photos/c.jpg", "photos/2024", "photos/../photos/b.jpg", "/photos/b.jpg"]
    {
        assert_eq!(bob.refused(&format!("download_file {name}")), "file_not_found", "{name}");
    }
    let name = text(&sent["messages"][3]["file"]["name"]);
    let line = format!("download_file {name}");
    check_fetched(&bob, &line, "download/bob/photos/2024/raw/a.jpg", "photos/2024/raw/a.jpg");
    // The same path twice is as ambiguous as the same name.
    alice.ok("send_file bob photos/");
    assert_eq!(bob.refused("download_file photos/2024/a.jpg"), "ambiguous_file");
}

#[test]
fn a_folder_in_a_group_is_downloaded_with_its_tree() {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    write_all(&alice, &PHOTOS);
    alice.ok("mkgr lab");
    bob.ok("join lab");
    // The folder keeps its name also if the path is written from inside of it.
    let sent = alice.ok("sendgroup_file lab photos/2024/..");
    assert_eq!(all_told(&sent), PHOTOS);
    assert_eq!(all_told(&bob.ok("inboxgroup lab")), PHOTOS);
    for name in PHOTOS {
        let line = format!("downloadgroup_file lab {name}");
        check_fetched(&bob, &line, &format!("downloadgroup/bob/{name}"), name);
    }
    assert_eq!(bob.refused("download_file photos/a.jpg"), "file_not_found");
}

/// The paths in the answer to the download of a folder.
#[track_caller]
fn paths(answer: &Value) -> Vec<&str> {
    items(&answer["files"]).iter().map(|saved| text(&saved["path"])).collect()
}

#[test]
fn a_folder_is_downloaded_by_one_line_and_existing_files_are_skipped() {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    write_all(&alice, &PHOTOS);
    write_all(&alice, &["photos2/x.jpg", "alone.jpg"]);
    alice.ok("send_file bob photos photos2 alone.jpg");
    write_all(&bob, &["photos/mine.jpg"]);
    bob.ok("send_file alice photos");
    let fetched = bob.ok("download_file photos/");
    assert_eq!(keys(&fetched), ["command", "files", "ok"]);
    let expected = sorted(PHOTOS.map(|name| format!("download/bob/{name}")).to_vec());
    assert_eq!(paths(&fetched), expected);
    let downloads = || contents(&bob.path("download"));
    let before = downloads();
    assert_eq!(before.len(), PHOTOS.len());
    for path in PHOTOS {
        let landed = bob.path("download/bob").join(path);
        assert_eq!(fs::read_to_string(landed).unwrap(), path);
    }
    // A repetition downloads the missing file, and does not replace the changed one.
    fs::remove_file(bob.path("download/bob/photos/2024/a.jpg")).unwrap();
    assert_eq!(paths(&bob.ok("download_file photos/")), expected);
    assert_eq!(downloads(), before);
    fs::write(bob.path("download/bob/photos/b.jpg"), "changed").unwrap();
    let again = bob.run(&["download_file", "photos/"]).output;
    assert_eq!(again, "saved 4 files (62 B), of which 3 were here before\n");
    assert_eq!(
        fs::read_to_string(bob.path("download/bob/photos/b (1).jpg")).unwrap(),
        "photos/b.jpg"
    );
    let deeper = bob.ok("download_file photos/2024/raw/");
    assert_eq!(paths(&deeper), ["download/bob/photos/2024/raw/a.jpg"]);
    for nothing in ["photo/", "photos/202/", "alone.jpg/", "../photos/", "/", "photos//"] {
        assert_eq!(bob.refused(&format!("download_file {nothing}")), "file_not_found", "{nothing}");
    }
}

#[test]
fn files_of_a_folder_that_cannot_be_downloaded_are_listed_and_the_others_arrive() {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    write_all(&alice, &PHOTOS);
    alice.ok("mkgr lab");
    alice.ok("sendgroup_file lab photos");
    bob.ok("join lab");
    write_all(&bob, &["downloadgroup/bob/photos/2024"]);
    let answer = bob.lines(&["downloadgroup_file lab photos/"]).remove(0);
    assert_eq!(answer["error"]["code"], "not_all_fetched");
    let expected = ["downloadgroup/bob/photos/a.jpg", "downloadgroup/bob/photos/b.jpg"];
    assert_eq!(paths(&answer), expected);
    let failed = items(&answer["failed"]);
    assert_eq!(failed.len(), 2);
    assert!(text(&failed[0]["file"]).ends_with("_a.jpg"));
    assert_eq!(failed[0]["error"]["code"], "local_file");
    let ended = bob.run(&["downloadgroup_file", "lab", "photos/"]);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    let told = format!("{}{}", ended.output, ended.error);
    assert!(told.contains("photos/2024: this is no folder"), "{ended:?}");
}

#[test]
fn a_folder_with_one_file_is_one_message_with_its_folder() {
    let server = Server::start();
    let alice = server.user("alice");
    write_all(&alice, &["only/one/file.txt"]);
    let sent = alice.ok("send_file alice only");
    assert_eq!(told(&sent["message"]["file"]), "only/one/file.txt");
    check_fetched(
        &alice,
        &format!("download_file {}", stored(&sent)),
        "download/alice/only/one/file.txt",
        "only/one/file.txt",
    );
}

#[test]
fn a_folder_arrives_with_its_names_except_the_harmful_ones() {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    let long = format!("p/{}", "n".repeat(255));
    let kept = [
        "p/.gitignore",
        "p/_gitignore",
        "p/.github/x",
        "p/-rf",
        "p/a:b/c?.txt",
        "p/a_b/c_.txt",
        "p/NUL.txt",
        "p/dots..",
        "p/ edges ",
        &long,
    ];
    write_all(&alice, &kept);
    write_all(&alice, &["p/.git/hooks/post-checkout", "p/new\nline", "p/new_line"]);
    let bytes = OsStr::from_bytes(b"p/no\xfftext");
    fs::write(alice.path("").join(bytes), "p/no\u{fffd}text").unwrap();
    alice.ok("send_file bob p");
    let fetched = bob.ok("download_file p/");
    let mut expected: Vec<_> = kept.into_iter().map(String::from).collect();
    expected.extend([
        "p/_git/hooks/post-checkout".to_owned(),
        "p/new_line (1)".to_owned(),
        "p/new_line".to_owned(),
        "p/no\u{fffd}text".to_owned(),
    ]);
    assert_eq!(items(&fetched["files"]).len(), expected.len());
    assert_eq!(tree(&bob.path("download/bob")), sorted(expected));
    for name in kept {
        assert_eq!(fs::read_to_string(bob.path("download/bob").join(name)).unwrap(), name);
    }
    let changed = bob.path("download/bob/p/new_line (1)");
    assert_eq!(fs::read_to_string(changed).unwrap(), "p/new\nline");
    // Each file is found by its path, and by its name without the folder.
    for name in ["p/.gitignore", "p/a:b/c?.txt", ".github/x", "p/.github/x"] {
        let answer = bob.lines(&[&format!("download_file {name}")]).remove(0);
        assert_eq!(answer["ok"], name.starts_with("p/"), "{answer}");
    }
    assert_eq!(bob.ok("download_file -rf")["path"], "download/bob/p/-rf");
}

#[test]
fn names_that_will_change_are_reported_before_anything_is_sent() {
    let server = Server::start();
    let alice = server.user("alice");
    write_all(&alice, &["p/.git/HEAD", "p/a\nb", "p/a_b", ".bashrc"]);
    let told = "\"p/.git\" is sent as p/_git/\n\"p/a\\nb\" is sent as p/a_b (1)\n";
    let ended = alice.run(&["send_file", "alice", "p"]);
    assert_eq!((ended.status, ended.error.as_str()), (Some(0), told), "{ended:?}");
    let ended = alice.run(&["send_file", "alice", ".bashrc"]);
    assert_eq!(ended.error, "\".bashrc\" is sent as _bashrc\n", "{ended:?}");
    let ended = alice.run(&["--json", "send_file", "alice", "p"]);
    let told: Value = serde_json::from_str(&ended.error).unwrap();
    let expected = serde_json::json!([
        { "file": "p/.git", "sent_as": "p/_git/" },
        { "file": "p/a\nb", "sent_as": "p/a_b (1)" },
    ]);
    assert_eq!(told, serde_json::json!({ "event": "renamed", "renamed": expected }));
    assert_eq!(ended.json()[0]["renamed"], expected);
    // The report comes also if no file is sent in the end.
    let ended = alice.run(&["send_file", "nobody", "p"]);
    assert!(
        ended.status == Some(1) && ended.error.starts_with("\"p/.git\" is sent as"),
        "{ended:?}"
    );
    // Unchanged names are not reported.
    fs::remove_dir_all(alice.path("p/.git")).unwrap();
    fs::remove_file(alice.path("p/a\nb")).unwrap();
    let ended = alice.run(&["--json", "send_file", "alice", "p"]);
    assert_eq!(ended.error, "");
    assert_eq!(ended.json()[0].get("renamed"), None);
}

#[test]
fn a_symbolic_link_in_the_place_of_a_folder_is_named_and_not_followed() {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    write_all(&alice, &["photos/2024/a.jpg"]);
    alice.ok("send_file bob photos");
    let elsewhere = bob.home().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for place in ["download/bob/photos", "download/bob/photos/2024"] {
        fs::create_dir_all(bob.path(place).parent().unwrap()).unwrap();
        symlink(&elsewhere, bob.path(place)).unwrap();
        let answer = bob.lines(&["download_file photos/2024/a.jpg"]).remove(0);
        assert_eq!(answer["error"]["code"], "local_file", "{answer}");
        let message = text(&answer["error"]["message"]);
        assert!(message.contains(&format!("{place}: ")) && message.contains("link"), "{message}");
        assert_eq!(files_below(&elsewhere), [""; 0].map(std::path::PathBuf::from));
        fs::remove_file(bob.path(place)).unwrap();
    }
    let landed = "download/bob/photos/2024/a.jpg";
    check_fetched(&bob, "download_file photos/2024/a.jpg", landed, "photos/2024/a.jpg");
}
