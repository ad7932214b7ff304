use super::*;

#[test]
fn a_stage_is_that_of_the_last_receiver() {
    let stage = |delivered, read| Receipt { receivers: 2, delivered, read }.stage();
    assert_eq!([stage(0, 0), stage(1, 1)], [Stage::Stored; 2]);
    assert_eq!([stage(2, 0), stage(2, 1)], [Stage::Delivered; 2]);
    assert_eq!(stage(2, 2), Stage::Read);
    assert_eq!(Receipt { receivers: 0, delivered: 0, read: 0 }.stage(), Stage::Read);
}

#[test]
fn an_id_survives_its_text_form() {
    for text in ["@bob:17", "+lab.2026:1"] {
        let id = text.parse::<MessageId>();
        assert_eq!(id.map(|id| id.to_string()).as_deref(), Ok(text));
    }
    for wrong in ["bob:17", "@bob", "@bob:x", "@:1", "@bob:-1", ""] {
        assert!(wrong.parse::<MessageId>().is_err(), "{wrong}");
    }
}
