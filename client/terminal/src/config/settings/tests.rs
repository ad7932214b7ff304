use super::*;

struct Inputs {
    args: ClientArgs,
    environment: Vec<(&'static str, String)>,
    config: &'static str,
}

impl Inputs {
    fn with_config(config: &'static str) -> Self {
        Self { args: ClientArgs::default(), environment: Vec::new(), config }
    }

    fn resolve(mut self) -> anyhow::Result<Settings> {
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("config.toml");
        std::fs::write(&config, self.config)?;
        self.args.config.get_or_insert(config);
        let variable = |name: &str| {
            let mut found = self.environment.iter().filter(|(variable, _)| *variable == name);
            found.next().map(|(_, value)| value.clone())
        };
        let sources = SettingsSources {
            args: &self.args,
            environment: &variable,
            home: UserFolders::find(),
            unknown: Unknown::Refuse,
        };
        sources.resolve()
    }

    #[track_caller]
    fn check_wrong(self, parts: &[&str]) {
        let wrong = format!("{:#}", self.resolve().unwrap_err());
        for part in parts {
            assert!(wrong.contains(part), "{wrong}");
        }
    }
}

#[track_caller]
fn check_server(flag: Option<&str>, variable: &str, config: &'static str, expected: &str) {
    let mut case = Inputs::with_config(config);
    case.args.server = flag.map(str::to_owned);
    case.environment = vec![("QCHAT_SERVER", variable.to_owned())];
    assert_eq!(case.resolve().unwrap().server.to_string(), expected);
}

#[test]
fn a_flag_outweighs_the_environment_and_that_the_file() {
    let config = "server = 'from.file'";
    check_server(Some("from.flag"), "from.env", config, "from.flag:4433");
    check_server(None, "from.env:1", config, "from.env:1");
    check_server(None, "", config, "from.file:4433");
    check_server(None, "", "", "localhost:4433");
}

#[test]
fn a_user_may_be_named_as_they_are_printed() {
    let mut case = Inputs::with_config("user = '@carol'");
    assert_eq!(case.resolve().unwrap().user, "carol".parse().ok());
    case = Inputs::with_config("");
    case.args.user = Some("@bob".to_owned());
    assert_eq!(case.resolve().unwrap().user, "bob".parse().ok());
}

#[test]
fn passwords_follow_the_same_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    qchat_client::private_file::replace(&path, "of the file\n").unwrap();
    let password = |file: Option<PathBuf>, variable: &str| {
        let mut case = Inputs::with_config("");
        case.args.password_file = file;
        case.environment = vec![("QCHAT_PASSWORD", variable.to_owned())];
        case.resolve().unwrap().password.map(|password| password.expose().to_owned())
    };
    assert_eq!(password(Some(path), "of the env").as_deref(), Some("of the file"));
    assert_eq!(password(None, "of the env").as_deref(), Some("of the env"));
    assert_eq!(password(None, ""), None);
}

#[test]
fn a_flag_that_says_how_to_trust_outweighs_all_that_the_file_says() {
    let trust = |args: ClientArgs, config| {
        let case = Inputs { args, ..Inputs::with_config(config) };
        case.resolve().unwrap().trust
    };
    let new = || ClientArgs { accept_new: true, ..ClientArgs::default() };
    let by_file = "ca = 'authority.pem'";
    assert!(matches!(trust(ClientArgs::default(), by_file), Trust::Authority(_)));
    assert!(matches!(trust(new(), by_file), Trust::Known { unknown: Unknown::Accept, .. }));
    assert!(matches!(
        trust(ClientArgs::default(), ""),
        Trust::Known { unknown: Unknown::Refuse, .. }
    ));
}

#[test]
fn wrong_settings_are_named() {
    Inputs::with_config("\nsever = 'x'").check_wrong(&["config.toml", "line 2", "sever"]);
    Inputs::with_config("timeout = 'x'")
        .check_wrong(&["config.toml, line 1: timeout: ", "such as 30"]);
    Inputs::with_config("timeout = 0").check_wrong(&["timeout"]);
    Inputs::with_config("accept_new = 'yes'").check_wrong(&["accept_new: \"yes\" is neither true"]);
    Inputs::with_config("user = 'b/b'").check_wrong(&["b/b", "1 to 32"]);
    Inputs::with_config("server = 'a b'").check_wrong(&["a b"]);
    let mut missing = Inputs::with_config("");
    missing.args.config = Some("/no/such/config.toml".into());
    missing.check_wrong(&["/no/such/config.toml"]);
    let mut missing = Inputs::with_config("");
    missing.args.password_file = Some("/no/such/password".into());
    missing.check_wrong(&["/no/such/password"]);
}

#[test]
fn a_list_of_addresses_can_stand_in_each_place() {
    let shown = "a:4433,b:1";
    check_server(Some("a,b:1"), "", "", shown);
    check_server(None, "A, b:1", "", shown);
    check_server(None, "", "server = 'a,b:1'", shown);
    for (wrong, said) in [("a,,b", "has an empty part"), ("a,b,a", "a:4433 stands twice")] {
        let mut case = Inputs::with_config("");
        case.args.server = Some(wrong.to_owned());
        case.check_wrong(&["the server's address: ", said]);
    }
}
