use proptest::prelude::*;
use redb::backends::InMemoryBackend;

use super::*;

#[derive(Debug, Clone)]
enum Call {
    Write(u64, Vec<u8>),
    SetLength(u64),
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        (0..20_000u64, prop::collection::vec(any::<u8>(), 0..9000))
            .prop_map(|(offset, data)| Call::Write(offset, data)),
        (0..30_000u64).prop_map(Call::SetLength),
    ]
}

fn content(storage: &impl StorageBackend) -> Vec<u8> {
    let mut bytes = vec![0; storage.len().unwrap().try_into().unwrap()];
    if !bytes.is_empty() {
        storage.read(0, &mut bytes).unwrap();
    }
    bytes
}

fn holding(bytes: &[u8]) -> InMemoryBackend {
    let disk = InMemoryBackend::new();
    disk.set_len(bytes.len().try_into().unwrap()).unwrap();
    if !bytes.is_empty() {
        disk.write(0, bytes).unwrap();
    }
    disk
}

proptest! {
    #[test]
    fn writes_are_read_back_and_do_not_change_the_disk(
        first in prop::collection::vec(any::<u8>(), 0..20_000),
        calls in prop::collection::vec(call(), 0..12),
    ) {
        let plain = holding(&first);
        let above = WritesInMemory::above(holding(&first)).unwrap();
        for call in calls {
            match call {
                Call::Write(offset, data) => {
                    let length = plain.len().unwrap();
                    // redb never writes beyond the end of the file.
                    let data = &data[..data.len().min(
                        length.saturating_sub(offset).try_into().unwrap())];
                    if !data.is_empty() {
                        plain.write(offset, data).unwrap();
                        above.write(offset, data).unwrap();
                    }
                }
                Call::SetLength(length) => {
                    plain.set_len(length).unwrap();
                    above.set_len(length).unwrap();
                }
            }
            prop_assert_eq!(content(&above), content(&plain));
        }
        prop_assert_eq!(content(&above.disk), first);
    }
}
