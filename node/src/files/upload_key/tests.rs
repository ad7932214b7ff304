use super::*;

#[test]
fn the_name_of_a_partial_file_contains_its_key() {
    let key = UploadKey { user: "a-b.c".parse().unwrap(), id: ClientId([0xab; 16]) };
    assert_eq!(key.to_string(), format!("{}-a-b.c", "ab".repeat(16)));
    assert_eq!(UploadKey::parse(&key.to_string()), Some(key));
    for name in ["", "x", "ab-alice", &format!("{}-", "ab".repeat(16)), "-alice"] {
        assert_eq!(UploadKey::parse(name), None, "{name}");
    }
}
