use std::fs;

use super::*;

fn server(text: &str) -> ServerAddress {
    text.parse().unwrap()
}

fn key(text: &str) -> Fingerprint {
    Fingerprint::of_public_key(text.as_bytes())
}

#[test]
fn a_pinned_key_stays_until_it_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let pins = PinFile::at(folder.path().join("new/known_servers"));
    assert_eq!(pins.lookup(&server("a")).unwrap(), None);
    assert!(!pins.forget(&server("a")).unwrap() && !pins.path().exists());

    assert_eq!(pins.pin(&server("a"), key("1")).unwrap(), key("1"));
    assert_eq!(pins.pin(&server("a"), key("2")).unwrap(), key("1"));
    assert_eq!(pins.pin(&server("[::1]:1"), key("3")).unwrap(), key("3"));
    let third = Some(Pin { key: key("3"), next: None });
    assert_eq!(pins.lookup(&server("[::1]:1")).unwrap(), third);

    assert!(pins.forget(&server("a")).unwrap());
    assert_eq!(pins.lookup(&server("a")).unwrap(), None);
    assert_eq!(pins.lookup(&server("[::1]:1")).unwrap(), third);
}

#[test]
fn an_announced_key_takes_the_place_of_its_own_server_alone() {
    let folder = tempfile::tempdir().unwrap();
    let pins = PinFile::at(folder.path().join("known_servers"));
    let before = format!("# mine\nb:1 {}\na:1 {}\nc:1 {}", key("9"), key("1"), key("9"));
    fs::write(pins.path(), &before).unwrap();
    let a = server("a:1");
    // A server with another key cannot announce the successor of the pinned one.
    pins.announce(&a, key("2"), Some(key("3"))).unwrap();
    assert_eq!(pins.change(&a, key("3")).unwrap(), Some(key("1")));
    pins.announce(&server("d:1"), key("1"), Some(key("3"))).unwrap();
    assert_eq!(pins.change(&server("d:1"), key("3")).unwrap(), None);
    assert_eq!(fs::read_to_string(pins.path()).unwrap(), before);

    for next in [Some(key("2")), None, Some(key("3"))] {
        pins.announce(&a, key("1"), next).unwrap();
        assert_eq!(pins.lookup(&a).unwrap(), Some(Pin { key: key("1"), next }));
    }
    assert_eq!(pins.change(&a, key("2")).unwrap(), Some(key("1")));
    let line = format!("a:1 {} next {}\n", key("1"), key("3"));
    assert!(fs::read_to_string(pins.path()).unwrap().contains(&line));
    for _ in 0..2 {
        assert_eq!(pins.change(&a, key("3")).unwrap(), Some(key("3")));
    }
    let after = before.replace(&key("1").to_string(), &key("3").to_string());
    assert_eq!(fs::read_to_string(pins.path()).unwrap(), after);
}

#[test]
fn processes_that_pin_at_once_lose_no_pin() {
    let folder = tempfile::tempdir().unwrap();
    let pins = PinFile::at(folder.path().join("known_servers"));
    std::thread::scope(|scope| {
        for port in 1..=32 {
            let pins = &pins;
            scope.spawn(move || pins.pin(&server(&format!("a:{port}")), key("1")).unwrap());
        }
    });
    for port in 1..=32 {
        assert!(pins.lookup(&server(&format!("a:{port}"))).unwrap().is_some(), "{port}");
    }
}

#[test]
fn a_damaged_line_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let pins = PinFile::at(folder.path().join("known_servers"));
    let good = format!("a:1 {}", key("1"));
    for damaged in [
        "b:1",
        "b:1 SHA256:short",
        &format!("{good} more"),
        &format!("{good} next"),
        &format!("{good} next SHA256:"),
        &format!("{good} next {} more", key("2")),
        "b:x SHA256:",
    ] {
        let text = format!("# mine\n\n{good}\n{damaged}");
        fs::write(pins.path(), &text).unwrap();
        for error in [
            pins.lookup(&server("a:1")).unwrap_err(),
            pins.pin(&server("c"), key("1")).unwrap_err(),
            pins.forget(&server("a:1")).unwrap_err(),
        ] {
            assert!(matches!(error, PinError::Damaged { line: 4, .. }), "{damaged}");
            assert!(error.to_string().contains("known_servers"), "{error}");
        }
        assert_eq!(fs::read_to_string(pins.path()).unwrap(), text);
    }
}

#[test]
fn remarks_and_a_missing_last_newline_are_kept_apart_from_new_pins() {
    let folder = tempfile::tempdir().unwrap();
    let pins = PinFile::at(folder.path().join("known_servers"));
    fs::write(pins.path(), format!("# mine\na:1 {}", key("1"))).unwrap();
    pins.pin(&server("b:1"), key("2")).unwrap();
    pins.forget(&server("a:1")).unwrap();
    let text = fs::read_to_string(pins.path()).unwrap();
    assert_eq!(text, format!("# mine\nb:1 {}\n", key("2")));
}

#[test]
fn addresses_with_one_key_know_its_announced_successor_together() {
    let folder = tempfile::tempdir().unwrap();
    let pins = PinFile::at(folder.path().join("known_servers"));
    for (address, known) in [("a", "1"), ("b", "1"), ("other", "9")] {
        pins.pin(&server(address), key(known)).unwrap();
    }
    pins.announce(&server("a"), key("1"), Some(key("2"))).unwrap();
    pins.pin(&server("c"), key("1")).unwrap();
    let pin = |address: &str| pins.lookup(&server(address)).unwrap().unwrap();
    let announced = Pin { key: key("1"), next: Some(key("2")) };
    assert_eq!(["a", "b", "c"].map(pin), [announced; 3]);
    assert_eq!(pins.change(&server("b"), key("2")).unwrap(), Some(key("2")));
    let changed = Pin { key: key("2"), next: None };
    assert_eq!(
        ["a", "b", "other"].map(pin),
        [announced, changed, Pin { key: key("9"), next: None }]
    );
    assert!(announced.shares_key(&changed) && changed.shares_key(&announced));
    assert!(!changed.shares_key(&pin("other")));
    // An announcement that is taken back is taken back for all that still have the key.
    pins.announce(&server("c"), key("1"), None).unwrap();
    assert_eq!(pin("a"), Pin { key: key("1"), next: None });
    assert_eq!(pin("b"), changed);
}
