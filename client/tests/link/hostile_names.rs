//! Hostile names from a server, and a folder with hostile links: neither may harm other files.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use qchat_client::{CallError, Code, FilePath, FolderPath, Log, Progress};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::corpus;
use crate::downloads::{Way, client_getting, content, wire_file};

/// The number of files that are fetched at a time.
const AT_ONCE: usize = 8;

/// The content of a file outside, before and after.
const UNTOUCHED: &str = "nobody writes here";

/// A folder for downloads, with other files beside it.
struct Place {
    top: TempDir,
    downloads: PathBuf,
}

impl Place {
    fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        let downloads = top.path().join("one/two/downloads");
        fs::create_dir_all(&downloads).unwrap();
        fs::create_dir(top.path().join("elsewhere")).unwrap();
        let place = Self { top, downloads };
        fs::write(place.victim(), UNTOUCHED).unwrap();
        place
    }

    fn elsewhere(&self) -> PathBuf {
        self.top.path().join("elsewhere")
    }

    fn victim(&self) -> PathBuf {
        self.elsewhere().join("victim")
    }

    /// The files outside of the folder for downloads: paths and contents.
    fn outside(&self) -> Vec<(PathBuf, Option<Vec<u8>>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.top.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                match entry.file_type().unwrap() {
                    kind if kind.is_dir() && entry.path() == self.downloads => {}
                    kind if kind.is_dir() => folders.push(entry.path()),
                    kind if kind.is_file() => {
                        found.push((entry.path(), Some(fs::read(entry.path()).unwrap())));
                    }
                    _ => found.push((entry.path(), None)),
                }
            }
        }
        found.sort();
        found
    }
}

/// Fetches a file from a server that calls it by this name.
async fn download(name: &str, folder: &Path, way: Way) -> Result<PathBuf, CallError> {
    let client = client_getting(wire_file(name), way).await;
    let landed = client.download(Log::Inbox, "report.pdf", folder, Progress::none()).await;
    landed.map(|landed| landed.path)
}

/// Whether the path has the fetched file, and not a link.
fn is_whole(path: &Path) -> bool {
    fs::symlink_metadata(path).unwrap().is_file() && fs::read(path).unwrap() == content()
}

/// Whether the path is a copy of this name in this folder, below the folders of the name.
fn is_copy(path: &Path, name: &str, folder: &Path) -> bool {
    let safe = FilePath::from(name);
    let folder = folder.join(safe.folder().map_or("", FolderPath::as_str));
    let mut copies = (0..500).map(|copy| folder.join(safe.name().numbered(copy)));
    copies.any(|copy| copy == path)
}

/// Hostile texts. Bytes that are not UTF-8 cannot be in an answer: the tests of the protocol refuse them.
fn hostile_texts() -> Vec<String> {
    let names = corpus::read(include_str!("../../../tests/corpus/names.txt"));
    names.into_iter().flat_map(String::from_utf8).collect()
}

#[tokio::test]
async fn no_name_leaves_the_folder_for_downloads() {
    let place = Place::new();
    let before = place.outside();
    let mut names = hostile_texts();
    // A file and a folder with the same name are another test.
    names.retain(|name| FilePath::from(name.as_str()).folder().is_none());
    let mut fetching = JoinSet::new();
    for first in 0..AT_ONCE {
        let (names, folder) = (names.clone(), place.downloads.clone());
        fetching.spawn(async move {
            for name in names.iter().skip(first).step_by(AT_ONCE) {
                let path = download(name, &folder, Way::Whole).await.unwrap();
                assert!(is_copy(&path, name, &folder) && is_whole(&path), "{name:?}: {path:?}");
            }
        });
    }
    fetching.join_all().await;
    assert_eq!(place.outside(), before);
    // Names that become the same name have the same bytes. Only fetched together may they get numbers.
    let distinct: HashSet<_> = names.iter().map(|name| FilePath::from(name.as_str())).collect();
    let landed = fs::read_dir(&place.downloads).unwrap().count();
    assert!((distinct.len()..=names.len()).contains(&landed), "{landed}");
    assert!(!Path::new("/tmp/qchat-escaped").exists());
}

/// Paths of files in hostile folders; of paths that become the same one, only the first.
fn hostile_paths() -> Vec<String> {
    let texts = hostile_texts().into_iter();
    let paths = texts.flat_map(|text| [format!("{text}/a"), text]);
    let mut seen = HashSet::new();
    let is_new = |path: &String| {
        let path = FilePath::from(path.as_str());
        // Plain names, and texts that are not paths, belong to the test before.
        path.folder().is_some() && seen.insert(path)
    };
    paths.filter(is_new).collect()
}

#[tokio::test]
async fn no_folder_of_a_servers_leaves_the_folder_for_downloads() {
    let place = Place::new();
    let before = place.outside();
    let paths = hostile_paths();
    assert!(paths.len() >= 200, "{}", paths.len());
    let mut fetching = JoinSet::new();
    for first in 0..AT_ONCE {
        let (paths, top) = (paths.clone(), place.downloads.clone());
        fetching.spawn(async move {
            for (number, name) in paths.iter().enumerate().skip(first).step_by(AT_ONCE) {
                // Each has a folder of its own: a name may be a folder in one and a file in another.
                let folder = top.join(number.to_string());
                let path = download(name, &folder, Way::Whole).await.unwrap();
                assert!(is_copy(&path, name, &folder) && is_whole(&path), "{name:?}: {path:?}");
                fs::remove_file(path).unwrap();
            }
        });
    }
    fetching.join_all().await;
    assert_eq!(place.outside(), before);
    assert!(!Path::new("/tmp/qchat-escaped").exists());
}

/// Puts an obstacle at the path of a file that is about to be saved.
type Trap = fn(&Place, &Path);

const TRAPS: [(&str, Trap); 6] = [
    ("a link to a file", |place, path| symlink(place.victim(), path).unwrap()),
    ("a link to nothing yet", |place, path| {
        symlink(place.elsewhere().join("not there"), path).unwrap();
    }),
    ("a link to a folder", |place, path| symlink(place.elsewhere(), path).unwrap()),
    ("a link to itself", |_, path| symlink(path, path).unwrap()),
    ("another name of a file", |place, path| fs::hard_link(place.victim(), path).unwrap()),
    ("a folder", |_, path| fs::create_dir(path).unwrap()),
];

#[tokio::test]
async fn what_lies_under_a_files_name_is_neither_followed_nor_replaced() {
    for (what, trap) in TRAPS {
        let place = Place::new();
        let before = place.outside();
        for name in ["report.pdf", "report (1).pdf"] {
            trap(&place, &place.downloads.join(name));
        }
        let path = download("report.pdf", &place.downloads, Way::Whole).await.unwrap();
        assert_eq!(path, place.downloads.join("report (2).pdf"), "{what}");
        assert!(is_whole(&path), "{what}");
        assert_eq!(place.outside(), before, "{what}");
    }
}

#[tokio::test]
async fn a_folder_for_downloads_that_is_a_link_replaces_nothing_where_it_leads() {
    let place = Place::new();
    let link = place.top.path().join("link");
    symlink(place.elsewhere(), &link).unwrap();
    let path = download("victim", &link, Way::Whole).await.unwrap();
    assert_eq!(path, link.join("victim (1)"));
    assert_eq!(fs::read_to_string(place.victim()).unwrap(), UNTOUCHED);
    // The missing target of a dangling link is not made.
    let nowhere = place.top.path().join("nowhere");
    symlink(place.top.path().join("not there"), &nowhere).unwrap();
    let refused = download("victim", &nowhere, Way::Whole).await.unwrap_err();
    assert_eq!(refused.code(), Code::LocalFile);
    assert!(!place.top.path().join("not there").exists());
}

#[tokio::test]
async fn links_in_the_place_of_an_unfinished_download_are_not_written_through() {
    for (what, trap) in TRAPS {
        let place = Place::new();
        let before = place.outside();
        download("report.pdf", &place.downloads, Way::Cut).await.unwrap_err();
        let parts: Vec<_> = fs::read_dir(&place.downloads).unwrap().flatten().collect();
        let [part] = parts.as_slice() else { panic!("{parts:?}") };
        fs::remove_file(part.path()).unwrap();
        trap(&place, &part.path());
        // Whether the download succeeds does not matter here.
        let _ = download("report.pdf", &place.downloads, Way::Whole).await;
        assert_eq!(place.outside(), before, "{what}");
    }
}

#[tokio::test]
async fn what_lies_in_the_place_of_a_folder_is_neither_followed_nor_replaced() {
    const PATH: &str = "photos/2024/report.pdf";
    for (what, trap) in TRAPS {
        for trapped in ["photos", "photos/2024"] {
            let place = Place::new();
            let before = place.outside();
            let in_the_way = place.downloads.join(trapped);
            fs::create_dir_all(in_the_way.parent().unwrap()).unwrap();
            trap(&place, &in_the_way);
            let landed = download(PATH, &place.downloads, Way::Whole).await;
            match landed {
                // A folder is needed there, so this is no obstacle.
                Ok(path) => assert!(what == "a folder" && is_whole(&path), "{what}: {path:?}"),
                Err(error) => {
                    assert_eq!(error.code(), Code::LocalFile, "{what}");
                    let named = format!("{}: this is ", in_the_way.display());
                    assert!(error.to_string().starts_with(&named), "{what}: {error}");
                    assert_ne!(what, "a folder");
                }
            }
            assert_eq!(place.outside(), before, "{what}");
        }
    }
}

#[tokio::test]
async fn a_file_in_folders_that_was_cut_is_gone_on_with_in_its_folder() {
    let place = Place::new();
    let before = place.outside();
    let path = "photos/2024/report.pdf";
    download(path, &place.downloads, Way::Cut).await.unwrap_err();
    let folder = place.downloads.join("photos/2024");
    let names = || {
        let entries = fs::read_dir(&folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(names(), [".part-1763833207123_report.pdf"]);
    let landed = download(path, &place.downloads, Way::Whole).await.unwrap();
    assert_eq!(landed, place.downloads.join(path));
    assert!(is_whole(&landed));
    assert_eq!(names(), ["report.pdf"]);
    assert_eq!(place.outside(), before);
}
