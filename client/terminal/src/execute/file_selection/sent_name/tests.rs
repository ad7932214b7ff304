use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::*;

#[test]
fn no_two_names_of_a_folder_fall_together_and_those_that_can_stay_do() {
    let names: [&[u8]; 7] = [b"a\nb", b"a\tb", b"a_b", b"a\xff", b"a\xfe", b".git", b"a_b (1)"];
    let paths: Vec<_> = names.iter().map(|name| Path::new(OsStr::from_bytes(name))).collect();
    let named = TakenNames::inside(&paths);
    let named: Vec<_> = named.iter().map(FileName::as_str).collect();
    assert_eq!(
        named,
        ["a_b (2)", "a_b (3)", "a_b", "a\u{fffd}", "a\u{fffd} (1)", "_git", "a_b (1)"]
    );
    let mut tops = TakenNames::default();
    let tops: Vec<_> =
        ["x/p", "y/p", ".p"].map(|path| tops.top(Path::new(path)).to_string()).into();
    assert_eq!(tops, ["p", "p (1)", "_p"]);
}
