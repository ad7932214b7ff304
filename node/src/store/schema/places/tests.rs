use proptest::prelude::*;

use super::*;
use crate::store::schema::records;

proptest! {
    #[test]
    fn places_are_the_same_after_storing(stored in proptest::collection::vec((0..KEYS_END, any::<bool>()), 0..40)) {
        let places = Places(
            stored
                .into_iter()
                .map(|(key, is_copy)| Place { key: MessageKey(key), is_copy })
                .collect(),
        );
        let bytes = records::encode(&places);
        prop_assert_eq!(records::decode::<Places>(&bytes, "places").unwrap(), places);
    }

    #[test]
    fn any_numbers_are_places_or_an_error(stored in proptest::collection::vec(any::<u64>(), 0..40)) {
        if let Ok(places) = Places::try_from(stored.clone()) {
            prop_assert_eq!(Vec::from(places), stored);
        }
    }
}

#[test]
fn neighbouring_messages_take_a_byte_each() {
    let place = |key| Place { key: MessageKey(key), is_copy: false };
    let places = Places((1_000_000..1_000_016).map(place).collect());
    assert!(records::encode(&places).len() < 24);
}
