use data_encoding::HEXLOWER;

use super::*;

/// The record of a file's message, from a version without folders.
const WITHOUT_FOLDERS: &str = "010003626f621105616c696365d3b29be5aa33c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1\
        0118313736333833333230373132335f7265706f72742e7064660a7265706f72742e706466b960\
        dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";

#[test]
fn a_record_from_a_version_without_folders_can_be_read() {
    let bytes = HEXLOWER.decode(WITHOUT_FOLDERS.as_bytes()).unwrap();
    let entry: LogEntry = decode(&bytes, "message").unwrap();
    assert_eq!(encode(&entry), bytes);
    let Body::File(file) = &entry.body else { panic!("{entry:?}") };
    assert_eq!((file.original.folder(), file.original.name().as_str()), (None, "report.pdf"));
    // A version without folders reads the path as a safe name.
    let mut in_folder = entry.clone();
    let Body::File(file) = &mut in_folder.body else { panic!("{in_folder:?}") };
    file.original = "photos/2024/a.jpg".into();
    let encoded = encode(&in_folder);
    assert_eq!(decode::<LogEntry>(&encoded, "message").unwrap(), in_folder);
    let path = frame::encode(&"photos/2024/a.jpg");
    let name: qchat_proto::FileName = frame::decode(&path).unwrap();
    assert_eq!(name.as_str(), "photos_2024_a.jpg");
}
