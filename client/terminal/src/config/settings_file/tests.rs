use super::*;
use crate::values::{Count, Size};

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct ServerSettings {
    #[serde(deserialize_with = "setting")]
    quota: Option<Size>,
    #[serde(deserialize_with = "setting")]
    password_min: Option<Count>,
}

fn parse(text: &str) -> Result<ServerSettings, String> {
    parse_settings(text, &["quota", "password_min"])
}

#[track_caller]
fn check_wrong(text: &str, expected: &str) {
    assert_eq!(parse(text).unwrap_err(), expected, "{text:?}");
}

#[test]
fn values_are_written_as_for_flags() {
    let quota = |text| parse(text).unwrap().quota;
    assert_eq!(quota("# a comment\nquota = \"10G\""), Some(Size(10 << 30)));
    assert_eq!(quota("quota = 4096"), Some(Size(4096)));
    assert_eq!(quota(""), None);
}

#[test]
fn errors_name_the_line_and_the_setting_in_plain_words() {
    check_wrong(
        "\nquota = 'many'",
        ", line 2: quota: \"many\" is no size; write one such as 500M, 10G or 4096",
    );
    check_wrong(
        "password_min = -1",
        ", line 1: password_min: \"-1\" is no whole number from 1 to 4294967295",
    );
    check_wrong("\n\nquotta = 1", ", line 3: there is no setting quotta; did you mean quota?");
    check_wrong("xyzzy = 1", ", line 1: there is no setting xyzzy; there are quota, password_min");
    check_wrong(
        "[quota]\nx = 1",
        ", line 1: quota: one value is wanted here, such as \"10G\" or 30",
    );
    let unquoted = ", line 2: this is no setting; write NAME = \"VALUE\", such as quota = \"10G\"";
    check_wrong("# x\nquota = 10G", unquoted);
    check_wrong("quota = 1\nquota = 2", ", line 2: this setting stands here twice");
}
