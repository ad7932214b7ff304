//! Files in a store of objects, which several servers share.

use crate::files::resume::{film, slow_path, user_behind};
use crate::files::sending::{landed, noise};
use crate::harness::{S3, Server, ServerFolder, hash, items, text, until};

const BLOCK: usize = 1 << 20;

/// A server with its files in the bucket.
fn server(s3: &S3, arguments: &[&str]) -> Server {
    let folder = ServerFolder::new();
    reach(&folder, s3);
    Server::in_folder(folder, &[&["--files", &S3::files()], arguments].concat())
}

/// Lets the servers in a folder reach the bucket, and log at debug level.
fn reach(folder: &ServerFolder, s3: &S3) {
    let log = [("QCHAT_LOG", "qchat_node=debug".to_owned())];
    folder.set_variables(&[&s3.variables()[..], &log].concat());
}

/// The cells among the objects of the bucket.
fn cells(s3: &S3) -> Vec<String> {
    let is_cell = |path: &String| path.rsplit('/').next().unwrap().starts_with('0');
    s3.objects().into_iter().filter(is_cell).collect()
}

/// A new machine: it has the store, the certificate and the settings of the other one, and none of its files.
fn other_machine(folder: &ServerFolder, s3: &S3) -> ServerFolder {
    let other = ServerFolder::new();
    reach(&other, s3);
    for path in ["cert/cert.pem", "cert/key.pem", "data/qchat.redb"] {
        let (from, to) = (folder.path().join(path), other.path().join(path));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    }
    other
}

#[test]
fn a_cut_upload_goes_on_at_another_server() {
    let Some(s3) = S3::start() else { return };
    let first = server(&s3, &[]);
    let relay = slow_path(&first);
    let alice = user_behind(&relay, &first, "alice");
    alice.write("film.mkv", &film());
    let mut talk = alice.talk();
    talk.ok("ls");
    talk.tell("send_file alice film.mkv");
    until("cells lie in the bucket", || cells(&s3).len() >= 2);
    let address = first.address.to_string();
    let stopped = first.kill9();
    let folder = other_machine(&stopped.folder, &s3);
    let mut second = Server::in_folder_at(folder, &address, &["--files", &S3::files()]);

    let answer = talk.answer().expect("an answer");

    assert_eq!(answer["ok"], true, "{answer}");
    let line = second.logged("blocks of a file have come");
    let kept = line.split_once("kept=").unwrap().1.split(' ').next().unwrap();
    assert!(kept.parse::<u64>().unwrap() >= 8, "{line}");
    assert!(!second.folder().join("upload").exists(), "nothing lies on the disk of a server");
    let name = text(&answer["message"]["file"]["name"]).to_owned();
    let answer = second.client_of("alice").ok(&format!("download_file {name}"));
    let path = landed(&alice, &answer);
    assert!(!path.exists(), "another device has the file");
    assert_eq!(text(&answer["file"]["blake3"]), blake3::hash(&film()).to_hex().as_str());
    assert_eq!(cells(&s3).len(), 6, "superseded cells are gone");
}

#[test]
fn files_of_every_length_go_through_the_bucket() {
    let Some(s3) = S3::start() else { return };
    let server = server(&s3, &[]);
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    for (number, length) in [0, 1, BLOCK, 4 * BLOCK + 1, 9 * BLOCK].into_iter().enumerate() {
        let (name, bytes) = (format!("{number}.bin"), noise(length));
        alice.write(&name, &bytes);
        alice.ok(&format!("send_file bob {name}"));
        let answer = bob.ok(&format!("download_file {name}"));
        assert_eq!(hash(&landed(&bob, &answer)), blake3::hash(&bytes).to_hex().as_str());
    }
}

#[test]
fn a_damaged_object_is_told_and_its_other_blocks_arrive() {
    let Some(s3) = S3::start() else { return };
    let server = server(&s3, &[]);
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    alice.write("film.mkv", &noise(6 * BLOCK));
    alice.ok("send_file bob film.mkv");
    let cell = cells(&s3).remove(0);
    let whole = s3.get(&cell);
    let mut damaged = whole.clone();
    damaged[130 + 2 * BLOCK + 7] ^= 1;
    s3.put(&cell, &damaged);

    let answer = bob.lines(&["download_file film.mkv"]).remove(0);

    assert_eq!(answer["error"]["code"], "file_damaged", "{answer}");
    let message = text(&answer["error"]["message"]);
    assert!(message.contains("film.mkv"), "{message}");
    s3.put(&cell, &whole);
    let answer = bob.ok("download_file film.mkv");
    assert_eq!(hash(&landed(&bob, &answer)), blake3::hash(&noise(6 * BLOCK)).to_hex().as_str());
}

#[test]
fn expired_files_and_abandoned_uploads_leave_the_bucket() {
    let Some(s3) = S3::start() else { return };
    let server = server(&s3, &["--keep-files", "2s", "--quota", "28M"]);
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    alice.write("a.bin", &noise(6 * BLOCK));
    alice.ok("send_file bob a.bin");
    assert_eq!(s3.objects().len(), 3);
    alice.write("large.bin", &noise(25 * BLOCK));
    assert_eq!(alice.refused("send_file bob large.bin"), "quota_exceeded");
    until("the file has expired", || s3.objects().is_empty());
    let shown = bob.ok("inbox");
    assert_eq!(items(&shown["messages"])[0]["file"]["expired"], true);
    assert_eq!(bob.refused("download_file a.bin"), "file_expired");
    // The file no longer counts against the quota.
    alice.ok("send_file bob large.bin");

    let relay = slow_path(&server);
    let carol = user_behind(&relay, &server, "carol");
    carol.write("film.mkv", &film());
    let mut talk = carol.talk();
    talk.ok("ls");
    talk.tell("send_file carol film.mkv");
    until("cells lie in the bucket", || cells(&s3).iter().any(|path| path.contains("carol")));
    talk.kill();
    let stopped = server.terminate();
    let folder = other_machine(&stopped.folder, &s3);
    let arguments = ["--files", &S3::files(), "--keep-files", "60s", "--keep-unfinished", "1s"];
    let server = Server::in_folder(folder, &arguments);
    // A store that knows none of the files removes nothing.
    let bob = server.client_of("bob");
    bob.write("b.bin", b"known");
    bob.ok("send_file bob b.bin");
    until("the abandoned upload is gone", || {
        !s3.objects().iter().any(|path| path.contains("carol"))
    });
}

#[test]
fn an_upload_waits_for_a_bucket_that_is_away() {
    let Some(mut s3) = S3::start() else { return };
    let server = server(&s3, &[]);
    let relay = slow_path(&server);
    let alice = user_behind(&relay, &server, "alice");
    alice.write("film.mkv", &film());
    let mut talk = alice.talk();
    talk.ok("ls");
    talk.tell("send_file alice film.mkv");
    until("cells lie in the bucket", || !cells(&s3).is_empty());
    s3.kill9();
    s3.run();
    let answer = talk.answer().expect("an answer");
    assert_eq!(answer["ok"], true, "{answer}");
    let answer = alice.ok("download_file film.mkv");
    assert_eq!(hash(&landed(&alice, &answer)), blake3::hash(&film()).to_hex().as_str());
}

#[test]
fn a_bucket_that_cannot_be_used_is_named_at_the_start() {
    let Some(s3) = S3::start() else { return };
    let [key, secret, endpoint] = s3.variables();
    let wrong = ("AWS_SECRET_ACCESS_KEY", "of another".to_owned());
    let files = S3::files();
    for (files, variables, parts) in [
        ("s3://no-such-bucket", vec![&key, &secret, &endpoint], ["does not exist", "make it"]),
        (&files, vec![&key, &wrong, &endpoint], ["no right to read and write", "check AWS_"]),
    ] {
        check_refused(files, &variables, &parts);
    }
}

#[test]
fn settings_of_a_bucket_that_cannot_work_are_named_at_the_start() {
    let variable = |name, value: &str| (name, value.to_owned());
    let (key, secret) =
        (variable("AWS_ACCESS_KEY_ID", "k"), variable("AWS_SECRET_ACCESS_KEY", "s"));
    let closed = variable("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let open = variable("AWS_ENDPOINT_URL", "http://192.0.2.1:9");
    for (files, variables, parts) in [
        (
            "s3://files",
            vec![&key, &secret, &closed],
            ["http://127.0.0.1:9", "check AWS_ENDPOINT_URL"],
        ),
        ("s3://files", vec![&closed], ["need credentials", "set AWS_ACCESS_KEY_ID"]),
        ("s3://files", vec![&key, &secret, &open], ["not encrypted", "AWS_ALLOW_HTTP"]),
        ("/srv/files", vec![&key, &secret, &closed], ["--files", "s3://BUCKET/PREFIX"]),
    ] {
        check_refused(files, &variables, &parts);
    }
}

#[track_caller]
fn check_refused(files: &str, variables: &[&(&str, String)], parts: &[&str]) {
    let folder = ServerFolder::new();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.clone())).collect();
    folder.set_variables(&variables);
    let ended = folder.refuses_to_start(&["--files", files]);
    assert!(matches!(ended.status, Some(1 | 2)), "{files}: {ended:?}");
    for part in parts {
        assert!(ended.error.contains(part), "{files}: {part}: {}", ended.error);
    }
}
