use super::*;

fn push(outbox: &mut Outbox, text: &str) -> CommandResult<()> {
    outbox.push(ClientId::random(), text, &parse(Input::Line(text)).unwrap())
}

fn texts(outbox: &Outbox) -> Vec<&str> {
    outbox.waiting.iter().map(|one| one.text.as_str()).collect()
}

#[test]
fn lines_wait_in_order_and_outlive_their_client() {
    let folder = tempfile::tempdir().unwrap();
    let (mut outbox, _) = Outbox::open(&[folder.path()]).unwrap();
    for text in ["send bob one", "mkgr lab", "join lab"] {
        push(&mut outbox, text).unwrap();
    }
    let ids: Vec<_> = outbox.waiting.iter().map(|one| one.id).collect();
    outbox.pop().unwrap();
    outbox.save_popped().unwrap();
    drop(outbox);
    let (outbox, remarks) = Outbox::open(&[folder.path()]).unwrap();
    assert_eq!((texts(&outbox), remarks.len()), (vec!["mkgr lab", "join lab"], 0));
    assert_eq!(outbox.waiting.iter().map(|one| one.id).collect::<Vec<_>>(), ids[1..]);
}

#[test]
fn a_file_keeps_the_path_from_when_its_line_was_typed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut outbox, _) = Outbox::open(&[folder.path()]).unwrap();
    let here = std::env::current_dir().unwrap();
    for (text, verb) in [
        ("send_file bob my notes.txt", "send_file bob"),
        ("sendgroup_file lab 'my notes.txt'", "sendgroup_file lab"),
    ] {
        push(&mut outbox, text).unwrap();
        let path = here.join("my notes.txt");
        let last = outbox.waiting.back().unwrap();
        assert_eq!(last.text, format!("{verb} \"{}\"", path.display()));
        assert!(matches!(&last.line, Command::SendFile { files, .. } if files.whole() == path));
    }
    push(&mut outbox, "send_file bob /tmp/\"").unwrap();
    let last = outbox.waiting.back().unwrap();
    assert!(
        matches!(&last.line, Command::SendFile { files, .. } if files.whole() == Path::new("/tmp/\""))
    );
}

#[test]
fn a_line_that_is_wrong_or_too_much_is_refused_and_the_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (mut outbox, _) = Outbox::open(&[folder.path()]).unwrap();
    let refused = |outbox: &mut Outbox, text: &str| push(outbox, text).unwrap_err().code;
    assert_eq!(refused(&mut outbox, "send bob"), Code::EmptyMessage);
    assert_eq!(refused(&mut outbox, &format!("send bob {}", "x".repeat(16_385))), Code::TooLarge);
    assert!(push(&mut outbox, "send bob hi").is_ok());
    let length = outbox.bytes;
    outbox.bytes = BYTES_MAX - length;
    assert!(push(&mut outbox, "send bob ho").is_ok());
    assert_eq!(refused(&mut outbox, "send bob ha"), Code::OutboxFull);
    outbox.bytes = 0;
    let one = outbox.first().unwrap().clone();
    outbox.waiting.resize(LINES_MAX - 1, one);
    assert!(push(&mut outbox, "send bob ha").is_ok());
    assert_eq!(refused(&mut outbox, "send bob ha"), Code::OutboxFull);
    assert_eq!(outbox.len(), LINES_MAX);
}

#[test]
fn a_line_that_the_disk_does_not_take_does_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("outbox");
    let (mut outbox, _) = Outbox::open(&[&below]).unwrap();
    push(&mut outbox, "send bob one").unwrap();
    std::fs::rename(&below, folder.path().join("away")).unwrap();
    assert_eq!(push(&mut outbox, "send bob two").unwrap_err().code, Code::LocalFile);
    assert_eq!(texts(&outbox), ["send bob one"]);
}
