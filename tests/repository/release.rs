//! `scripts/release`, in a small repository with a stub of cargo.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Builds a program that prints the version in Cargo.toml, and notes its arguments.
const CARGO: &str = r#"#!/bin/sh
echo "$@" >>cargo_calls
[ "$1" != build ] && exit
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
mkdir -p target/release
printf '#!/bin/sh\necho qchat %s\n' "$version" >target/release/qchat
chmod +x target/release/qchat
"#;

struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/release");
        repository.write("scripts/release", &fs::read_to_string(script).unwrap());
        repository.write("scripts/check", "#!/bin/sh\necho checked >>cargo_calls\n");
        repository.write("stub/cargo", CARGO);
        for script in ["scripts/release", "scripts/check", "stub/cargo"] {
            fs::set_permissions(repository.path(script), PermissionsExt::from_mode(0o755)).unwrap();
        }
        repository.write("Cargo.toml", "[workspace.package]\nversion = \"0.1.0\"\n");
        repository
            .write("CHANGELOG.md", "## 0.2.0\n\n- Something new.\n\n## 0.1.0\n\n- The first.\n");
        for file in ["README.md", "SECURITY.md", "LICENSE-APACHE", "LICENSE-MIT", "docs/a.md"] {
            repository.write(file, file);
        }
        repository.write(".gitignore", "target\ncargo_calls\n");
        repository.git(&["init", "--quiet"]);
        repository.git(&["add", "."]);
        repository.git(&["commit", "--quiet", "--message", "first"]);
        repository
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Output {
        let path = std::env::var("PATH").unwrap();
        Command::new(program)
            .args(arguments)
            .current_dir(self.0.path())
            .env("PATH", format!("{}:{path}", self.path("stub").display()))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .envs(["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"].map(|name| (name, "a")))
            .envs(["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"].map(|name| (name, "a@example.org")))
            .env_remove("CARGO_TARGET_DIR")
            .output()
            .unwrap()
    }

    #[track_caller]
    fn git(&self, arguments: &[&str]) -> String {
        let done = self.run(Path::new("git"), arguments);
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    fn release(&self, arguments: &[&str]) -> Output {
        self.run(&self.path("scripts/release"), arguments)
    }

    #[track_caller]
    fn released(&self, arguments: &[&str]) -> String {
        let done = self.release(arguments);
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    #[track_caller]
    fn check_refused(&self, arguments: &[&str], reason: &str) {
        let done = self.release(arguments);
        assert!(!done.status.success(), "{done:?}");
        let error = String::from_utf8(done.stderr).unwrap();
        assert!(error.contains(reason), "{error}");
        assert!(!self.path("cargo_calls").exists(), "nothing is built");
    }

    /// The names of the files in the only release.
    fn packed(&self, version: &str) -> Vec<PathBuf> {
        let folder = fs::read_dir(self.path(&format!("target/release-{version}"))).unwrap();
        let mut files: Vec<_> = folder.map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    }
}

#[test]
fn a_release_checks_sets_the_version_tags_and_packs() {
    let repository = Repository::new();
    repository.released(&["0.2.0"]);
    let manifest = fs::read_to_string(repository.path("Cargo.toml")).unwrap();
    assert_eq!(manifest, "[workspace.package]\nversion = \"0.2.0\"\n");
    assert_eq!(repository.git(&["status", "--porcelain"]), "");
    assert_eq!(repository.git(&["log", "-1", "--format=%s"]), "release: 0.2.0\n");
    let tag = repository.git(&["tag", "--list", "--format=%(contents)", "v0.2.0"]);
    assert!(tag.contains("qchat 0.2.0\n\n- Something new."), "{tag}");
    assert!(!tag.contains("The first."), "{tag}");
    let calls = fs::read_to_string(repository.path("cargo_calls")).unwrap();
    assert!(calls.contains("checked\nbuild --release --locked"), "{calls}");

    let [tarball, digest] = &repository.packed("0.2.0")[..] else { panic!("two files") };
    assert_eq!(digest.to_str().unwrap(), format!("{}.sha256", tarball.display()));
    let folder = tarball.parent().unwrap();
    let mut check = Command::new("sha256sum");
    let checked = check.arg("--check").arg(digest).current_dir(folder).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let listed = Command::new("tar").arg("-tzf").arg(tarball).output().unwrap();
    let names = String::from_utf8(listed.stdout).unwrap();
    for name in ["qchat", "README.md", "LICENSE-MIT", "docs/a.md"] {
        let is_in =
            names.lines().any(|line| line.split_once('/').is_some_and(|(_, rest)| rest == name));
        assert!(is_in, "{name}: {names}");
    }
}

#[test]
fn a_dry_run_says_the_steps_and_changes_nothing() {
    let repository = Repository::new();
    let said = repository.released(&["--dry-run", "0.2.0"]);
    for step in ["set_version", "scripts/check", "cargo build --release --locked", "commit", "tag"]
    {
        assert!(said.lines().any(|line| line == format!("== {step}")), "{step}: {said}");
    }
    assert!(!repository.path("cargo_calls").exists());
    assert!(!repository.path("target").exists());
    assert_eq!(repository.git(&["tag"]), "");
    assert_eq!(repository.git(&["log", "--format=%s"]), "first\n");
}

#[test]
fn a_release_is_refused_before_anything_is_done() {
    let repository = Repository::new();
    repository.check_refused(&[], "which version?");
    repository.check_refused(&["v0.2.0"], "which version?");
    repository.check_refused(&["--force", "0.2.0"], "unknown option --force");
    repository.check_refused(&["0.3.0"], "CHANGELOG.md has no text under '## 0.3.0'");
    repository.git(&["tag", "v0.2.0"]);
    repository.check_refused(&["0.2.0"], "the tag v0.2.0 exists");
    repository.write("README.md", "changed");
    repository
        .check_refused(&["--dry-run", "0.1.0"], "commit or remove what git status shows first");
}
