use super::*;

#[test]
fn a_fingerprint_survives_its_text_form() {
    let fingerprint = Fingerprint::of_public_key(b"key");
    assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
    // As `printf key | openssl dgst -sha256 -binary | base64` prints it.
    assert_eq!(fingerprint.to_string(), "SHA256:LHDhK3oGRvkiefQnx7OOczTY5Tic/xZ6HcMOc/gmtoM");
    assert!("SHA256:short".parse::<Fingerprint>().is_err());
    assert!("MD5:abc".parse::<Fingerprint>().is_err());
}
