use super::*;

#[track_caller]
fn check(name: &str, expected: &str) {
    assert_eq!(FileName::from(name).as_str(), expected, "{name:?}");
}

#[test]
fn a_name_becomes_one_safe_component() {
    check("report.pdf", "report.pdf");
    check("r\u{e9}sum\u{e9} (final) #2.pdf", "r\u{e9}sum\u{e9} (final) #2.pdf");
    check("../../etc/passwd", "_._.._etc_passwd");
    check("..", "file");
    check("", "file");
    check(".bashrc", "_bashrc");
    check("-rf", "_rf");
    check("C:\\x", "C__x");
    check("a\u{1b}[2Jb", "a_[2Jb");
    check("a\u{202e}fdp.exe", "a_fdp.exe");
    check("nul\0", "nul_");
    check("NUL.txt", "_UL.txt");
    check("com1", "_om1");
    check("compute", "compute");
    check("name. . ", "name");
    check("a\u{2028}b", "a b");
    check("a\u{2216}b", "a_b");
    check("\u{3164}", "_");
    check("\u{301}a", "_a");
}

#[track_caller]
fn check_inside(name: &str, expected: &str) {
    assert_eq!(FileName::inside(name).as_str(), expected, "{name:?}");
}

#[test]
fn a_name_inside_of_a_folder_is_kept_where_it_does_no_harm() {
    let kept = [
        ".gitignore",
        ".github",
        ".env",
        "...",
        "-rf",
        "a:b",
        "C:\\x",
        "a?*\"<>|",
        "NUL.txt",
        "com1",
        " edge ",
        "name. . ",
        "\u{ff0f}",
        "a\u{a0}b",
        "e\u{301}",
        "_git",
        ".gitx",
        "x.git",
    ];
    kept.into_iter().for_each(|name| check_inside(name, name));
    let long = "n".repeat(255);
    check_inside(&long, &long);
    for (name, expected) in [
        (".git", "_git"),
        (".GIT", "_GIT"),
        (".git. ", "_git. "),
        (".git::$INDEX_ALLOCATION", "_git::$INDEX_ALLOCATION"),
        (".hg", "_hg"),
        (".jj", "_jj"),
        (".part-1763833207123_a", "_part-1763833207123_a"),
        (".Part-x", "_Part-x"),
        (".", "_"),
        ("..", "_."),
        ("", "_"),
        (" \u{3000}", "_"),
        ("a\nb", "a_b"),
        ("a/b", "a_b"),
        ("a\u{1b}[2Jb", "a_[2Jb"),
        ("a\u{202e}fdp.exe", "a_fdp.exe"),
        ("a\u{2028}b\u{2029}", "a_b_"),
        ("\u{3164}", "_"),
        ("\u{301}a", "_a"),
    ] {
        check_inside(name, expected);
        check_inside(expected, expected);
    }
    check_inside(&format!("{}.pdf", "n".repeat(252)), &format!("{}.pdf", "n".repeat(251)));
}

#[test]
fn a_long_name_keeps_its_extension() {
    let name = FileName::from(format!("{}.pdf", "\u{e9}".repeat(300)));
    assert!(name.as_str().len() <= FILE_NAME_BYTES_MAX && name.as_str().ends_with("\u{e9}.pdf"));
}

#[test]
fn copies_are_numbered_before_the_extension() {
    assert_eq!(FileName::from("report.pdf").numbered(0), "report.pdf");
    assert_eq!(FileName::from("report.pdf").numbered(1), "report (1).pdf");
    assert_eq!(FileName::from("a.tar.gz").numbered(2), "a (2).tar.gz");
    assert_eq!(FileName::from("README").numbered(1), "README (1)");
    let long = FileName::inside(&format!("{}.pdf", "n".repeat(251)));
    assert_eq!(long.numbered(9999), format!("{} (9999).pdf", "n".repeat(244)));
}
