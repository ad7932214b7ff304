use rcgen::{CertificateParams, CustomExtension, KeyPair, KeyUsagePurpose, SanType, date_time_ymd};

use super::{expires, names};

fn certificate(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let names = ["chat.example.org", "*.example.org", "192.0.2.7", "2001:db8::7"];
    let mut parameters = CertificateParams::new(names.map(String::from).to_vec()).unwrap();
    change(&mut parameters);
    parameters.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

#[test]
fn both_forms_of_a_time_are_read() {
    // RFC 5280: UTCTime until 2049, GeneralizedTime from 2050.
    for time in [date_time_ymd(2049, 12, 31), date_time_ymd(2050, 1, 1)] {
        let der = certificate(|parameters| parameters.not_after = time);
        assert_eq!(expires(&der), Ok(time));
    }
}

#[test]
fn names_and_addresses_are_read_among_other_extensions() {
    let der = certificate(|parameters| {
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.subject_alt_names.push(SanType::URI("https://example.org".parse().unwrap()));
        let unknown = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99], vec![1, 2, 3]);
        parameters.custom_extensions.push(unknown);
    });
    let expected = ["chat.example.org", "*.example.org", "192.0.2.7", "2001:db8::7"];
    assert_eq!(names(&der).unwrap(), expected);
}

#[test]
fn a_certificate_without_names_has_none() {
    let der = certificate(|parameters| parameters.subject_alt_names.clear());
    assert_eq!(names(&der), Ok(Vec::new()));
}

#[test]
fn a_damaged_certificate_is_an_error_and_no_panic() {
    let whole = certificate(|_| {});
    for length in 0..whole.len() {
        assert!(expires(&whole[..length]).is_err(), "{length}");
        assert!(names(&whole[..length]).is_err(), "{length}");
    }
    for place in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 0xff;
        let _ = (expires(&damaged), names(&damaged));
    }
}
