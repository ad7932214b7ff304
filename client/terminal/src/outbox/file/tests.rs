use super::*;

fn waiting(text: &str) -> Waiting {
    let line = parse(Input::Line(text)).unwrap();
    Waiting { id: ClientId::random(), text: text.to_owned(), line }
}

fn open(folder: &Path) -> (OutboxFile, LeftBehind) {
    OutboxFile::open(&[folder]).unwrap()
}

#[test]
fn every_text_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let lines = [
        "send bob it's  \"fine\"",
        "send bob two\nlines\r\n",
        "send bob \u{1b}[2J \\n ü",
        "sendgroup lab x",
        "send_file bob \"/tmp/a b\"",
        "mkgr lab",
        "join lab",
    ]
    .map(waiting);
    let (file, left) = open(folder.path());
    assert_eq!(left.waiting, []);
    file.save(&lines).unwrap();
    drop(file);
    let (file, left) = open(folder.path());
    assert_eq!(left.waiting, lines);
    file.save(&[]).unwrap();
    drop(file);
    assert_eq!(open(folder.path()).1.waiting, []);
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("server/alice");
    let (file, _) = open(&below);
    file.save(&[waiting("send bob secret")]).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file.path), mode(&below)), (0o600, 0o700));
}

#[test]
fn two_clients_do_not_share_a_file_and_the_next_takes_over_from_both() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two, three] = ["send bob one", "send bob two", "send bob three"].map(waiting);
    let (first, _) = open(folder.path());
    let (second, left) = open(folder.path());
    assert_eq!(left.waiting, []);
    first.save([&one]).unwrap();
    second.save([&two, &three]).unwrap();
    drop(second);
    let (third, left) = open(folder.path());
    assert_eq!(left.waiting, [two.clone(), three.clone()]);
    drop((first, third));
    let (fourth, left) = open(folder.path());
    assert_eq!(left.waiting, [one, two, three]);
    // It is the only one that has them.
    assert_eq!(open(folder.path()).1.waiting, []);
    drop(fourth);
    assert_eq!(open(folder.path()).1.waiting.len(), 3);
}

#[test]
fn a_takeover_that_was_cut_short_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let lines = ["send bob one", "send bob two"].map(waiting);
    let (first, _) = open(folder.path());
    let (second, _) = open(folder.path());
    first.save(&lines).unwrap();
    second.save(&lines[1..]).unwrap();
    drop((first, second));
    assert_eq!(open(folder.path()).1.waiting, lines);
}

#[test]
fn lines_under_another_name_of_the_server_come_too() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lines = ["send bob one", "send bob two"].map(waiting);
    let (first, _) = open(one.path());
    let (second, _) = open(other.path());
    first.save(&lines[..1]).unwrap();
    second.save(&lines[1..]).unwrap();
    drop((first, second));
    let (mine, left) = OutboxFile::open(&[one.path(), other.path()]).unwrap();
    assert_eq!(left.waiting, lines);
    assert!(mine.path.starts_with(one.path()));
    drop(mine);
    assert_eq!(open(other.path()).1.waiting, []);
    assert_eq!(open(one.path()).1.waiting, lines);
}

#[test]
fn more_clients_than_files_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let _taken: Vec<_> = (0..FILES_MAX).map(|_| open(folder.path())).collect();
    assert!(matches!(OutboxFile::open(&[folder.path()]), Err(OutboxError::AllInUse(_))));
}

#[test]
fn what_makes_no_sense_is_put_aside_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let good = waiting("send bob one").kept();
    let damaged: [&[u8]; 7] = [
        b"\xff\n",
        b"nonsense\n",
        b"0 \"send bob",
        b"0 \"send bob hi\"",
        b"0 \"auth_login alice secret\"\n",
        b"0 \"send --wait read bob hi\"\n",
        b"123456789012345678901234567890123 \"send bob hi\"\n",
    ];
    for (number, damaged) in damaged.iter().enumerate() {
        let (first, _) = open(folder.path());
        let (second, _) = open(folder.path());
        private_file::replace(&first.path, "").unwrap();
        fs::write(&first.path, damaged).unwrap();
        private_file::replace(&second.path, &good).unwrap();
        drop((first, second));
        let (file, left) = open(folder.path());
        assert_eq!(left.waiting.len(), 1, "{damaged:?}");
        let aside =
            if number == 0 { "1.damaged".to_owned() } else { format!("1.damaged-{}", number + 1) };
        assert!(left.remarks[0].contains(&aside), "{:?}", left.remarks);
        assert_eq!(fs::read(folder.path().join(aside)).unwrap(), *damaged);
        file.save(&[]).unwrap();
    }
}
