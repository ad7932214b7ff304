use super::*;

#[test]
fn no_line_with_a_password_may_be_remembered() {
    for kept in [
        "ls",
        "send bob hi",
        " inbox",
        "help passwd",
        "sned bob hi",
        "sessions",
        "send bob several\n\nlines of text",
    ] {
        assert!(may_be_remembered(kept), "{kept}");
    }
    for secret in [
        "auth_login alice secret",
        "  auth_register alice secret",
        "AUTH_LOGIN alice secret",
        "auth_logn alice secret",
        "auth-login alice secret",
        "login alice secret",
        "atuh_login alice secret",
        "register a b",
        "logn a b",
        "Auth a b",
        "passwd old new",
        " PASSWD old new",
        "paswd old new",
        "pass old new",
        "password old new",
        "change_password old new",
        "ls\nauth_login alice secret",
        "send bob hi\r\n\r\n  passwd old new\r\nls",
        "",
        "  ",
    ] {
        assert!(!may_be_remembered(secret), "{secret}");
    }
}
