use std::fs;
use std::os::unix::fs::symlink;

use super::*;

/// A folder with files in it, each of them with its own name inside.
struct TestFolder {
    folder: tempfile::TempDir,
}

impl TestFolder {
    fn with(files: &[&str]) -> Self {
        let case = Self { folder: tempfile::tempdir().unwrap() };
        for name in files {
            let path = case.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn choose(&self, named: &FileArguments) -> CommandResult<FileSelection> {
        FileSelection::of(named, Some(self.folder.path()))
    }

    fn names(&self, paths: impl IntoIterator<Item = PathBuf>) -> Vec<String> {
        let below = |path: PathBuf| path.strip_prefix(self.folder.path()).unwrap().to_owned();
        paths.into_iter().map(|path| below(path).to_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    fn check(&self, named: &FileArguments, expected: &[&str]) {
        let chosen = self.choose(named).unwrap();
        let files = self.names(chosen.files.into_iter().map(|file| file.path));
        assert_eq!(files, expected, "{named:?}");
    }

    /// Checks what the files are called where they go to.
    #[track_caller]
    fn check_sent_as(&self, rest: &str, expected: &[&str]) {
        let chosen = self.choose(&typed(rest)).unwrap();
        let names: Vec<_> = chosen.files.iter().map(|file| file.name.to_string()).collect();
        assert_eq!(names, expected, "{rest:?}");
    }

    #[track_caller]
    fn check_typed(&self, rest: &str, expected: &[&str]) {
        self.check(&FileArguments::Rest(rest.to_owned()), expected);
    }

    #[track_caller]
    fn check_wrong(&self, named: &FileArguments, part: &str) {
        let failure = self.choose(named).unwrap_err();
        assert_eq!(failure.code, qchat_proto::Code::LocalFile);
        assert!(failure.text.contains(part), "{named:?}: {}", failure.text);
    }
}

fn typed(rest: &str) -> FileArguments {
    FileArguments::Rest(rest.to_owned())
}

fn arguments(names: &[&str]) -> FileArguments {
    FileArguments::Arguments(names.iter().map(ToString::to_string).collect())
}

#[test]
fn the_rest_of_a_line_is_one_name_before_it_is_anything_else() {
    let case = TestFolder::with(&["a b.txt", "a", "b.txt", "x[1].log", "x1.log", "*"]);
    case.check_typed("a b.txt", &["a b.txt"]);
    case.check_typed("\"a b.txt\"", &["a b.txt"]);
    case.check_typed("x[1].log", &["x[1].log"]);
    case.check_typed("*", &["*"]);
    case.check_typed("a  b.txt", &["a", "b.txt"]);
    case.check_typed("b.txt 'a b.txt' b.txt ", &["b.txt", "a b.txt"]);
}

#[test]
fn a_pattern_fits_files_and_no_folders_and_nothing_hidden() {
    let case = TestFolder::with(&["b.log", "a.log", ".c.log", "d.log/e.log", "d.log/f.txt"]);
    case.check_typed("*.log", &["a.log", "b.log"]);
    case.check_typed("[b-z]*.log d.log/*.txt", &["b.log", "d.log/f.txt"]);
    case.check_typed("?.log a.log", &["a.log", "b.log"]);
    case.check_wrong(&typed("'*.log'"), "there is no such file");
    case.check_wrong(&typed("*.pdf"), "no file fits");
    case.check_wrong(&typed("a.log *.pdf"), "no file fits");
}

#[test]
fn of_several_names_all_must_be_there() {
    let case = TestFolder::with(&["a", "b"]);
    case.check_wrong(&typed("a missing"), "/missing: there is no such file");
    case.check_wrong(&typed("my notes.txt"), "/my notes.txt: there is no such file");
    case.check_wrong(&arguments(&["a", "missing"]), "/missing: there is no such file");
}

#[test]
fn each_argument_of_a_shell_is_a_name_and_never_a_pattern() {
    let case = TestFolder::with(&["a", "b", "a b", "my notes.txt", "x.log"]);
    case.check(&arguments(&["a", "b"]), &["a", "b"]);
    case.check(&arguments(&["a b"]), &["a b"]);
    case.check(&arguments(&["my", "notes.txt"]), &["my notes.txt"]);
    case.check_wrong(&arguments(&["*.log"]), "/*.log: there is no such file");
}

#[test]
fn a_folder_is_sent_with_what_lies_below_it_in_order() {
    let case = TestFolder::with(&["p/b", "p/a", "p/c/d/e", "p/c/a", "p/.hidden", "q"]);
    case.check_typed("p", &["p/.hidden", "p/a", "p/b", "p/c/a", "p/c/d/e"]);
    case.check_typed("p/ q", &["p/.hidden", "p/a", "p/b", "p/c/a", "p/c/d/e", "q"]);
    case.check(&arguments(&["p/c", "p/c/a"]), &["p/c/a", "p/c/d/e"]);
    fs::create_dir(case.path("empty")).unwrap();
    case.check_wrong(&typed("empty"), "no file lies in this folder");
}

#[test]
fn the_files_of_a_folder_keep_the_folders_above_them_from_the_one_that_was_named_on() {
    let case = TestFolder::with(&["x/p/b", "x/p/c/d/e", "x/p/.git/a:b", "q"]);
    case.check_sent_as("x/p", &["p/b", "p/_git/a:b", "p/c/d/e"]);
    case.check_sent_as("x/p/", &["p/b", "p/_git/a:b", "p/c/d/e"]);
    case.check_sent_as("x/p/c q", &["c/d/e", "q"]);
    case.check_sent_as("x/p/b x/p", &["b", "p/_git/a:b", "p/c/d/e"]);
    case.check_sent_as("x/p/c/d/*", &["e"]);
    // A folder without a name in the line gets its real name.
    case.check_sent_as("x/p/c/..", &["p/b", "p/_git/a:b", "p/c/d/e"]);
    case.check_sent_as("x/p/.", &["p/b", "p/_git/a:b", "p/c/d/e"]);
    case.check_sent_as("x/p/c/../c/d", &["d/e"]);
    symlink(case.path("x/p"), case.path("link")).unwrap();
    case.check_sent_as("link/", &["link/b", "link/_git/a:b", "link/c/d/e"]);
}

#[test]
fn names_that_must_change_are_found_before_anything_is_sent_and_none_falls_together() {
    let case = TestFolder::with(&[
        "x/p/.gitignore",
        "x/p/-rf",
        "x/p/a:b",
        "x/p/a\nb",
        "x/p/a_b",
        "x/p/.git/HEAD",
        "x/p/.git/config",
        "y/p/a_b",
        ".bashrc",
    ]);
    case.check_sent_as(
        "x/p y/p .bashrc",
        &[
            "p/-rf",
            "p/.gitignore",
            "p/a_b (1)",
            "p/a:b",
            "p/a_b",
            "p/_git/HEAD",
            "p/_git/config",
            "p (1)/a_b",
            "_bashrc",
        ],
    );
    let chosen = case.choose(&typed("x/p y/p .bashrc")).unwrap();
    let renamed: Vec<_> = chosen.renamed.iter().map(|renamed| renamed.sent_as.as_str()).collect();
    assert_eq!(renamed, ["p/_git/", "p/a_b (1)", "p (1)/", "_bashrc"]);
    let paths = case.names(chosen.renamed.into_iter().map(|renamed| renamed.path));
    assert_eq!(paths, ["x/p/.git", "x/p/a\nb", "y/p", ".bashrc"]);
    // One file stays one, whatever it is called.
    assert!(case.choose(&typed(".bashrc")).unwrap().only().is_some());
}

#[test]
fn no_symbolic_link_in_a_folder_is_followed() {
    let case = TestFolder::with(&["p/a", "secret/key"]);
    symlink(case.path("secret"), case.path("p/folder")).unwrap();
    symlink(case.path("secret/key"), case.path("p/file")).unwrap();
    symlink(case.path("p"), case.path("p/loop")).unwrap();
    let chosen = case.choose(&typed("p")).unwrap();
    assert_eq!(chosen.only(), None, "that something was left out is to be told");
    assert_eq!(case.names(chosen.files.into_iter().map(|file| file.path)), ["p/a"]);
    assert!(chosen.left_out.iter().all(|entry| entry.kind.contains("symbolic link")));
    let left_out = chosen.left_out.into_iter().map(|entry| entry.path);
    assert_eq!(case.names(left_out), ["p/file", "p/folder", "p/loop"]);
    // A link that the line names stands for its target.
    symlink(case.path("secret"), case.path("link")).unwrap();
    case.check_typed("link", &["link/key"]);
}

#[test]
fn too_many_files_are_refused_before_one_is_sent() {
    let mut chosen = FileSelection::default();
    for number in 0..FILES_MAX {
        chosen.add(SelectedFile::at(number.to_string().into(), "a".into())).unwrap();
    }
    let failure = chosen.add(SelectedFile::at("one more".into(), "a".into())).unwrap_err();
    assert!(failure.text.contains("10000"), "{}", failure.text);
    let deep = |folders| vec!["d"; folders].join("/") + "/file";
    TestFolder::with(&[&deep(32)]).check_sent_as("d", &[&deep(32)]);
    TestFolder::with(&[&deep(33)]).check_wrong(&typed("d"), "at most 32 names");
}

#[test]
fn a_file_of_a_line_has_one_id_as_long_as_it_is_the_same() {
    let case = TestFolder::with(&["a", "b"]);
    let id =
        |name: &str, line| SelectedFile::at(case.path(name), "a".into()).id(ClientId([line; 16]));
    let before = id("a", 1);
    assert_eq!(id("a", 1), before);
    assert_ne!(id("b", 1), before);
    assert_ne!(id("a", 2), before);
    let in_folder = |folder: &str| {
        let name = format!("{folder}/a").as_str().into();
        SelectedFile::at(case.path("a"), name).id(ClientId([1; 16]))
    };
    assert_ne!(in_folder("p"), before);
    assert_ne!(in_folder("p"), in_folder("q"));
    assert_eq!(in_folder("p"), in_folder("p"));
    fs::write(case.path("a"), "longer than before").unwrap();
    assert_ne!(id("a", 1), before);
}

#[test]
fn what_waits_names_its_files_by_their_whole_paths() {
    let case = TestFolder::with(&["a.log", "b.log"]);
    let path = |name: &str| case.path(name).to_str().unwrap().to_owned();
    let lasting = absolute_names(&typed(&path("*.log"))).unwrap();
    assert_eq!(lasting, format!("\"{}\" \"{}\"", path("a.log"), path("b.log")));
    case.check_typed(&lasting, &["a.log", "b.log"]);
    assert!(absolute_names(&typed(&path("*.pdf"))).is_err());
    let missing = path("my notes.txt");
    assert_eq!(absolute_names(&typed(&missing)).unwrap(), format!("\"{missing}\""));
}

#[test]
fn a_line_is_the_same_however_it_calls_its_files() {
    let case = TestFolder::with(&["a.log", "b.log", "p/c"]);
    let digest = |rest: &str| case.choose(&typed(rest)).unwrap().digest();
    assert_eq!(digest("*.log p"), digest("\"a.log\" b.log p/"));
    let lasting = absolute_names(&typed(&case.path("*.log").to_string_lossy())).unwrap();
    assert_eq!(digest("*.log"), digest(&lasting));
    assert_ne!(digest("*.log"), digest("a.log p"));
}
