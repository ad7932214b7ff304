use super::*;

#[track_caller]
fn check(text: &str, folder: Option<&str>, name: &str) {
    let path = FilePath::from(text);
    assert_eq!(path.folder().map(FolderPath::as_str), folder, "{text:?}");
    assert_eq!(path.name().as_str(), name, "{text:?}");
}

#[test]
fn a_path_that_leads_down_has_folders_and_any_other_is_one_name() {
    check("a.jpg", None, "a.jpg");
    check("photos/2024/a.jpg", Some("photos/2024"), "a.jpg");
    check(".config/..config", Some("_config"), "..config");
    check("a:b/NUL/-rf", Some("a_b/NUL"), "-rf");
    check("p/.git/HEAD", Some("p/_git"), "HEAD");
    check("p/.gitignore", Some("p"), ".gitignore");
    check("p/a:b/.git", Some("p/a:b"), "_git");
    check("../../etc/passwd", None, "_._.._etc_passwd");
    check("/etc/passwd", None, "_etc_passwd");
    check("a//b", None, "a__b");
    check("a/./b", None, "a_._b");
    check("a/", None, "a_");
    check("a/..", None, "a_");
    check("..", None, "file");
}

#[test]
fn the_executable_mark_is_no_part_of_a_name_also_for_a_program_that_does_not_know_it() {
    for text in ["run.sh", "p/bin/run.sh", "p/.hidden"] {
        let path = FilePath::from(text);
        assert!(!path.is_executable());
        let executable = path.clone().with_executable(true);
        assert_eq!(executable.to_string(), text);
        let encoded = String::from(executable.clone());
        assert_eq!(FilePath::from(encoded.as_str()), executable);
        // An older program sanitizes every text as a name that stands alone.
        let (_, name) = encoded.rsplit_once('/').unwrap_or(("", &encoded));
        let alone = path.name().as_str();
        assert_eq!(FileName::from(name), FileName::from(alone));
    }
}

#[test]
fn a_path_is_neither_deeper_nor_longer_than_its_bounds() {
    let folders = |count| vec!["d"; count].join("/");
    assert!(folders(FOLDERS_MAX).parse::<FolderPath>().is_ok());
    assert!(folders(FOLDERS_MAX + 1).parse::<FolderPath>().is_err());
    check(
        &format!("{}/a", folders(FOLDERS_MAX + 1)),
        None,
        &format!("{}_a", "d_".repeat(32) + "d"),
    );
    let long = ["x".repeat(200).as_str(); 5].join("/");
    assert_eq!(long.len(), 1004);
    assert!(format!("{long}/{}", "x".repeat(19)).parse::<FolderPath>().is_ok());
    assert!(format!("{long}/{}", "x".repeat(20)).parse::<FolderPath>().is_err());
    let deepest = folders(FOLDERS_MAX).parse().ok();
    assert!(FolderPath::below(deepest.as_ref(), &"d".into()).is_err());
    assert_eq!(FolderPath::below(None, &"d".into()).map(String::from).as_deref(), Ok("d"));
}
