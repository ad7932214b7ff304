use super::*;

async fn read_from(bytes: &[u8], limit: usize) -> Result<String, ReadError> {
    read(&mut &bytes[..], limit).await
}

#[tokio::test]
async fn a_frame_is_read_whole_or_not_at_all() {
    let frame = encode_frame(&"hello".to_owned());
    assert_eq!(frame, b"\0\0\0\x06\x05hello");
    assert!(matches!(read_from(&frame, 6).await.as_deref(), Ok("hello")));
    assert!(matches!(read_from(&frame, 5).await, Err(ReadError::TooLong { length: 6, limit: 5 })));
    for cut in 0..frame.len() {
        assert!(matches!(read_from(&frame[..cut], 6).await, Err(ReadError::Stream(_))), "{cut}");
    }
}

#[tokio::test]
async fn a_frame_holds_one_value_and_nothing_else() {
    let long = b"\0\0\0\x07\x05hello!";
    assert!(matches!(
        read_from(long, 9).await,
        Err(ReadError::Decode(DecodeError::TrailingBytes(1)))
    ));
    let lying = b"\0\0\0\x02\xff\xff";
    assert!(matches!(read_from(lying, 9).await, Err(ReadError::Decode(DecodeError::Malformed))));
}
