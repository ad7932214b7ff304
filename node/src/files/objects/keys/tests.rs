use super::*;

fn key() -> UploadKey {
    UploadKey { user: "a-b.c".parse().unwrap(), id: ClientId([0xab; 16]) }
}

#[test]
fn the_paths_of_objects_stay_as_they_are() {
    let (upload, hex) = (format!("p/q/a-b.c/{}", "ab".repeat(16)), "07".repeat(32));
    for (object, name) in [
        (UploadObject::Cell(0x1f, Tag([7; 32])), format!("0000001f-{hex}")),
        (UploadObject::BlockList(Digest([7; 32])), format!("blocks-{hex}")),
        (UploadObject::Removal, "removal".to_owned()),
    ] {
        let prefix = Path::from("p/q");
        let path = path(&prefix, &key(), object);
        assert_eq!(path.as_ref(), format!("{upload}/{name}"));
        assert_eq!(parse(&prefix, &path), Some((key(), object)));
    }
    assert_eq!(note_path(&Path::from("")).as_ref(), "README.txt");
}

#[test]
fn other_objects_below_the_prefix_are_no_uploads() {
    let (id, hex) = ("ab".repeat(16), "07".repeat(32));
    for path in [
        "README.txt".to_owned(),
        format!("alice/{id}"),
        format!("alice/{id}/other"),
        format!("alice/{id}/blocks-07"),
        format!("alice/{id}/0000001f-07"),
        format!("alice/{id}/x-{hex}"),
        format!("alice/{id}/0000001f-{hex}/below"),
        format!("alice/ab/0000001f-{hex}"),
        format!("A!/{id}/0000001f-{hex}"),
    ] {
        assert_eq!(parse(&Path::from(""), &Path::from(path.as_str())), None, "{path}");
    }
}

#[test]
fn a_block_list_is_a_version_and_the_hashes() {
    let hashes = [BlockHash([1; 32]), BlockHash([2; 32])];
    let list = encode_list(&hashes);
    assert_eq!(list, [&[1][..], &[1; 32], &[2; 32]].concat());
    assert_eq!(decode_list(&list).unwrap(), hashes);
    for damaged in [&list[..64], &list[1..], &[], &[&[2], &list[1..]].concat()] {
        assert_eq!(decode_list(damaged), None);
    }
}
