use tokio_postgres::config::SslMode;

use super::{DatabaseAddress, Encryption};

fn read(url: &str, environment: &[(&str, &str)]) -> Result<DatabaseAddress, String> {
    let variable = |name: &str| {
        let found = environment.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    DatabaseAddress::read(url, variable).map_err(|error| error.to_string())
}

#[test]
fn a_url_names_several_hosts_and_the_environment_the_password() {
    let address = read("postgres://qchat@a:1,b:2/chat", &[("PGPASSWORD", "secret")]).unwrap();
    assert_eq!(address.text, "a:1, b:2");
    for config in &address.hosts {
        assert_eq!(config.get_user(), Some("qchat"));
        assert_eq!(config.get_password(), Some(b"secret".as_slice()));
        assert_eq!(config.get_dbname(), Some("chat"));
        assert_eq!(config.get_hosts().len(), 1);
    }
}

#[test]
fn the_environment_completes_a_url_and_never_overrides_it() {
    let environment =
        [("PGHOST", "x,y"), ("PGPORT", "7"), ("PGUSER", "other"), ("PGDATABASE", "base")];
    let address = read("postgres://", &environment).unwrap();
    assert_eq!(address.text, "x:7, y:7");
    let config = &read("postgres://me@a/mine", &environment).unwrap().hosts[0];
    assert_eq!((config.get_user(), config.get_dbname()), (Some("me"), Some("mine")));
}

#[test]
fn the_modes_of_tls_are_those_of_postgresql() {
    for (options, expected, mode) in [
        ("", "unchecked", SslMode::Prefer),
        ("?sslmode=disable", "never", SslMode::Disable),
        ("?sslmode=require", "unchecked", SslMode::Require),
    ] {
        let address = read(&format!("postgres://a/b{options}"), &[]).unwrap();
        let found = match address.encryption {
            Encryption::Never(_) => "never",
            Encryption::Unchecked(_) => "unchecked",
            Encryption::Checked(_) => "checked",
        };
        assert_eq!((found, address.hosts[0].get_ssl_mode()), (expected, mode), "{options}");
    }
}

#[test]
fn a_wrong_url_is_refused_without_its_password() {
    for (url, environment, expected) in [
        ("mysql://a", &[][..], "does not begin with postgres://"),
        ("postgres://me:secret@a/b?sslmode=verify-full", &[], "needs sslrootcert=FILE"),
        ("postgres://me:secret@a/b?sslmode=perhaps", &[], "may be disable, prefer"),
        ("postgres://me:secret@a/b?colour=red", &[], "colour"),
        ("postgres:///b", &[("PGHOST", "a,b,c"), ("PGPORT", "1,2")], "as many ports as hosts"),
        ("postgres:///b", &[("PGPORT", "x")], "PGPORT is no number"),
        (
            "postgres://me:secret@a/b?sslmode=verify-full&sslrootcert=/nowhere.pem",
            &[],
            "/nowhere.pem",
        ),
    ] {
        let error = read(url, environment).err().unwrap();
        assert!(error.contains(expected), "{url}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
