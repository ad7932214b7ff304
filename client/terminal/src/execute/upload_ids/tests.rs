use super::*;

struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.bin"), "abc").unwrap();
        fs::write(folder.path().join("b.bin"), "abc").unwrap();
        Self { folder }
    }

    async fn take(&self, to: &str, file: &str, id: u8) -> Option<UploadNote> {
        self.take_in(None, to, file, id).await
    }

    async fn take_in(
        &self,
        folder: Option<&str>,
        to: &str,
        file: &str,
        id: u8,
    ) -> Option<UploadNote> {
        let folder = folder.map(|folder| folder.parse().unwrap());
        let notes = UnfinishedUploads::new(
            self.folder.path().join("notes"),
            ServerNames::given(&"host".parse().unwrap()),
        );
        let to = Address::User(to.parse().unwrap());
        let path = self.folder.path().join(file);
        let what = (&to, path.as_path(), folder.as_ref());
        notes.take(&"alice".parse().unwrap(), what, ClientId([id; 16])).await
    }

    async fn id(&self, to: &str, file: &str, id: u8) -> u8 {
        self.take(to, file, id).await.unwrap().id.0[0]
    }
}

#[tokio::test]
async fn the_same_upload_has_the_same_id_until_it_is_answered() {
    let case = Case::new();
    assert_eq!(case.id("bob", "a.bin", 1).await, 1);
    assert_eq!(case.id("bob", "a.bin", 2).await, 1);
    assert_eq!(case.id("bob", "./a.bin", 3).await, 1);
    assert_eq!(case.id("bob", "b.bin", 4).await, 4);
    assert_eq!(case.id("carol", "a.bin", 5).await, 5);
    let in_folder = case.take_in(Some("p/q"), "bob", "a.bin", 6).await.unwrap();
    assert_eq!(in_folder.id, ClientId([6; 16]), "in a folder it is another one");
    drop(in_folder);
    case.take("bob", "a.bin", 6).await.unwrap().end().await;
    assert_eq!(case.id("bob", "a.bin", 7).await, 7);
    assert!(case.take("bob", "missing", 8).await.is_none());
}

#[tokio::test]
async fn a_line_of_several_files_has_one_id_until_all_are_sent() {
    let case = Case::new();
    let notes = UnfinishedUploads::new(
        case.folder.path().join("notes"),
        ServerNames::given(&"host".parse().unwrap()),
    );
    let (alice, bob) = ("alice".parse().unwrap(), Address::User("bob".parse().unwrap()));
    let take = async |digest: &str, id| {
        let what = (&bob, digest.to_owned());
        notes.take_many(&alice, what, ClientId([id; 16])).await.unwrap()
    };
    assert_eq!(take("af01", 1).await.id.0[0], 1);
    assert_eq!(take("af01", 2).await.id.0[0], 1);
    assert_eq!(take("af02", 3).await.id.0[0], 3);
    take("af01", 4).await.end().await;
    assert_eq!(take("af01", 5).await.id.0[0], 5);
}

#[tokio::test]
async fn two_at_once_are_two_uploads() {
    let case = Case::new();
    let one = case.take("bob", "a.bin", 1).await.unwrap();
    let other = case.take("bob", "a.bin", 2).await.unwrap();
    assert_eq!((one.id, other.id), (ClientId([1; 16]), ClientId([2; 16])));
    one.end().await;
    drop(other);
    assert_eq!(case.id("bob", "a.bin", 3).await, 2);
}

#[tokio::test]
async fn a_file_that_has_changed_is_noticed_once() {
    let case = Case::new();
    assert!(!case.take("bob", "a.bin", 1).await.unwrap().is_changed);
    assert!(!case.take("bob", "a.bin", 2).await.unwrap().is_changed);
    fs::write(case.folder.path().join("a.bin"), "abcd").unwrap();
    let note = case.take("bob", "a.bin", 3).await.unwrap();
    assert_eq!((note.id, note.is_changed), (ClientId([1; 16]), true));
    drop(note);
    assert!(!case.take("bob", "a.bin", 4).await.unwrap().is_changed);
}

#[tokio::test]
async fn what_makes_no_sense_is_no_note_and_old_ones_go() {
    let case = Case::new();
    let note = case.take("bob", "a.bin", 1).await.unwrap();
    let path = note.path.clone();
    drop(note);
    let mode = fs::metadata(&path).unwrap().mode() & 0o777;
    assert_eq!(mode, 0o600);
    fs::write(&path, "nonsense").unwrap();
    assert_eq!(case.id("bob", "a.bin", 2).await, 2);
    assert!(path.exists());
    let old = SystemTime::now() - NOTE_AGE_MAX - Duration::from_secs(60);
    File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
    assert_eq!(case.id("bob", "a.bin", 3).await, 2);
    assert_eq!(case.id("bob", "b.bin", 4).await, 4);
    assert!(!path.exists());
}
