//! The names of files: stored names, names in queries, and hostile names.

use crate::files::sending::{landed, stored};
use crate::harness::{Server, text};

#[test]
fn one_name_for_two_files_is_ambiguous_and_the_candidates_are_listed() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.write("a.txt", b"first");
    let first = stored(&alice.ok("send_file alice a.txt"));
    alice.write("a.txt", b"second");
    let second = stored(&alice.ok("send_file alice a.txt"));

    let answer = alice.lines(&["download_file a.txt"]).remove(0);

    assert_eq!(answer["error"]["code"], "ambiguous_file");
    let message = text(&answer["error"]["message"]);
    assert!(message.contains(&first) && message.contains(&second), "{message}");
    let fetched = alice.ok(&format!("download_file {second}"));
    assert_eq!(std::fs::read(landed(&alice, &fetched)).unwrap(), b"second");
}

#[test]
fn files_of_a_group_are_ambiguous_only_among_themselves() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.lines(&["mkgr lab", "mkgr bus"]);
    alice.write("a.txt", b"a");
    let sent = alice.lines(&[
        "sendgroup_file lab a.txt",
        "sendgroup_file lab a.txt",
        "sendgroup_file bus a.txt",
        "send_file alice a.txt",
    ]);
    let answer = alice.lines(&["downloadgroup_file lab a.txt"]).remove(0);
    assert_eq!(answer["error"]["code"], "ambiguous_file");
    let message = text(&answer["error"]["message"]);
    assert!(message.contains(&stored(&sent[0])) && message.contains(&stored(&sent[1])));
    assert!(!message.contains(&stored(&sent[2])) && !message.contains(&stored(&sent[3])));
    alice.ok("downloadgroup_file bus a.txt");
    alice.ok("download_file a.txt");
}

#[test]
fn only_a_file_that_the_user_may_see_can_be_downloaded() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    let carol = server.user("carol");
    alice.write("secret.txt", b"secret");
    let name = stored(&alice.ok("send_file bob secret.txt"));
    for name in [name.as_str(), "secret.txt"] {
        assert_eq!(carol.refused(&format!("download_file {name}")), "file_not_found");
    }
    alice.ok("mkgr lab");
    let name = stored(&alice.ok("sendgroup_file lab secret.txt"));
    assert_eq!(bob.refused(&format!("download_file {name}")), "file_not_found");
    assert_eq!(bob.refused(&format!("downloadgroup_file lab {name}")), "not_a_member");
    assert_eq!(alice.refused(&format!("download_file {name}")), "file_not_found");
}

#[test]
fn a_name_in_a_query_is_no_path() {
    let server = Server::start();
    let alice = server.user("alice");
    for name in ["../data/qchat.redb", "../cert/key.pem", "/etc/passwd", "..", ".", "*", "\\"] {
        assert_eq!(alice.refused(&format!("download_file {name}")), "file_not_found", "{name}");
    }
    assert!(!alice.path("download/passwd").exists());
}

#[test]
fn a_hostile_name_becomes_harmless_on_both_sides() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    for (hostile, safe) in [
        ("evil\u{1b}[2J\u{7}.txt", "evil_[2J_.txt"),
        (".bashrc", "_bashrc"),
        ("-rf", "_rf"),
        ("C:\\autoexec.bat", "C__autoexec.bat"),
        ("exe.\u{202e}fdp", "exe._fdp"),
        ("NUL.txt", "_UL.txt"),
        ("a:b|c<d>e?f*g\"h", "a_b_c_d_e_f_g_h"),
    ] {
        alice.write(hostile, hostile.as_bytes());
        let sent = alice.ok(&format!("send_file bob ./{hostile}"));
        assert_eq!(text(&sent["message"]["file"]["original"]), safe, "{hostile:?}");
        let name = stored(&sent);
        assert_eq!(name.split_once('_').unwrap().1, safe);
        assert!(server.uploads().contains(&name), "{name}: {:?}", server.uploads());
        let fetched = bob.ok(&format!("download_file {name}"));
        let path = landed(&bob, &fetched);
        assert_eq!(path, bob.path("download/bob").join(safe));
        assert_eq!(std::fs::read(path).unwrap(), hostile.as_bytes());
    }
}

#[test]
fn the_longest_file_name_is_shortened_before_its_extension() {
    let server = Server::start();
    let alice = server.user("alice");
    let long = format!("{}.pdf", "n".repeat(251));
    alice.write(&long, b"long");
    let sent = alice.ok(&format!("send_file alice {long}"));
    let original = text(&sent["message"]["file"]["original"]);
    assert!(original.len() <= 200 && original.ends_with("n.pdf"), "{original}");
    let fetched = alice.ok(&format!("download_file {}", stored(&sent)));
    assert_eq!(std::fs::read(landed(&alice, &fetched)).unwrap(), b"long");
}

#[test]
fn a_file_with_the_form_of_a_stored_name_is_found() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.write("1763833207123_a.txt", b"looks stored");
    let name = stored(&alice.ok("send_file alice 1763833207123_a.txt"));
    for name in [name.as_str(), "1763833207123_a.txt"] {
        let fetched = alice.ok(&format!("download_file {name}"));
        assert_eq!(std::fs::read(landed(&alice, &fetched)).unwrap(), b"looks stored");
    }
}
