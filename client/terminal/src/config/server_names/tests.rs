use qchat_client::Fingerprint;

use super::*;

/// A home, in which lists lead to servers.
struct Home {
    folder: tempfile::TempDir,
    pins: PinFile,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pins = PinFile::at(folder.path().join("known_servers"));
        Self { folder, pins }
    }

    fn names(&self, list: &str) -> ServerNames {
        let home = UserFolders::below(self.folder.path());
        ServerNames::find(&list.parse().unwrap(), &home, Some(&self.pins))
    }

    /// Connects with this list at one of its addresses.
    fn connect(&self, list: &str, route: &str) {
        self.names(list).note_route(&route.parse().unwrap());
    }

    #[track_caller]
    fn check(&self, list: &str, expected: &str) {
        let names = self.names(list).names;
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        assert_eq!(names.join(" "), expected, "{list}");
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("sessions")
    }
}

#[test]
fn an_address_of_an_earlier_list_leads_to_the_state_of_that_list() {
    let home = Home::new();
    home.check("b:1,a:1", "b:1 a:1");
    home.connect("a:1,b:1,c:1", "b:1 10.0.0.2:1");
    for list in ["a:1", "c:1", "b:1,a:1", "c:1,b:1,a:1"] {
        home.check(list, "a:1 b:1 c:1");
    }
    home.check("c:1,d:1", "a:1 b:1 c:1 d:1");
    home.check("d:1", "d:1");
    home.connect("c:1,d:1", "c:1 10.0.0.3:1");
    home.check("d:1", "a:1 b:1 c:1 d:1");
}

#[test]
fn a_list_that_led_nowhere_joins_nothing() {
    let home = Home::new();
    let _ = home.names("a:1,b:1");
    home.check("b:1", "b:1");
    home.connect("b:1", "b:1 10.0.0.2:1");
    home.check("a:1", "a:1");
}

#[test]
fn an_address_with_another_key_is_another_server() {
    let home = Home::new();
    let pin = |address: &str, key: &str| {
        let key = Fingerprint::of_public_key(key.as_bytes());
        home.pins.pin(&address.parse().unwrap(), key).unwrap();
    };
    home.connect("a:1,b:1", "a:1 10.0.0.1:1");
    pin("a:1", "old");
    pin("b:1", "new");
    home.check("b:1", "b:1");
    home.connect("b:1,c:1", "b:1 10.0.0.2:1");
    home.check("c:1", "b:1 c:1");
    home.check("a:1", "a:1");
}

#[test]
fn state_is_found_under_each_name_and_made_under_the_first() {
    let home = Home::new();
    let alice = "alice".parse().unwrap();
    let path = |list: &str| {
        let path = home.names(list).path_of(&home.state(), &alice);
        path.strip_prefix(home.state()).unwrap().to_str().unwrap().to_owned()
    };
    assert_eq!(path("a:1,b:1"), "a%3A1/alice");
    let kept = home.state().join("b%3A1/alice");
    std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
    std::fs::write(kept, "").unwrap();
    assert_eq!(path("a:1,b:1"), "b%3A1/alice");
    assert_eq!(path("a:1"), "a%3A1/alice");
    home.connect("a:1,b:1", "a:1 10.0.0.1:1");
    assert_eq!(path("a:1"), "b%3A1/alice");
}

#[test]
fn the_last_good_address_is_kept_for_all_lists_of_a_server() {
    let home = Home::new();
    assert_eq!(home.names("a:1,b:1").last_route(), None);
    home.connect("a:1,b:1", "b:1 10.0.0.2:1");
    let route = home.names("b:1,a:1").last_route();
    assert_eq!(route.map(|route| route.to_string()).as_deref(), Some("b:1 10.0.0.2:1"));
    assert_eq!(home.names("c:1").last_route(), None);
}

#[test]
fn a_damaged_line_costs_its_own_names_alone() {
    let home = Home::new();
    home.connect("a:1,b:1", "a:1 10.0.0.1:1");
    let lists = UserFolders::below(home.folder.path()).server_lists();
    let text = std::fs::read_to_string(&lists).unwrap();
    assert_eq!(text, "a:1 b:1\n");
    private_file::replace(&lists, &format!("c:x d:1\n\n{text}")).unwrap();
    home.check("b:1", "a:1 b:1");
    home.check("d:1", "d:1");
}
