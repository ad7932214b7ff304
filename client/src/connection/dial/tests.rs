use super::*;

#[tokio::test]
async fn without_an_answer_the_attempt_ends_in_time() {
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = nobody.local_addr().unwrap().to_string().parse().unwrap();
    let rule = Arc::new(Rule::Key(Fingerprint::of_public_key(b"")));
    let dialled = dial(&server, &rule, Purpose::Files, Duration::from_millis(50)).await;
    assert!(matches!(dialled, Err(ConnectError::Unreachable { .. })));
}

#[tokio::test]
async fn an_attempt_may_last_longer_than_a_connection_may_be_silent() {
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = nobody.local_addr().unwrap().to_string().parse().unwrap();
    let rule = Arc::new(Rule::Key(Fingerprint::of_public_key(b"")));
    let dialled = dial(&server, &rule, Purpose::Files, Duration::from_secs(4)).await;
    let Err(ConnectError::Unreachable { reason, .. }) = dialled else { panic!() };
    assert_eq!(reason, "no answer within 4 s");
}

#[tokio::test]
async fn a_silent_address_holds_up_no_other() {
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let other = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addresses = vec![silent.local_addr().unwrap(), other.local_addr().unwrap()];
    let server = "localhost".parse().unwrap();
    let rule = Arc::new(Rule::Key(Fingerprint::of_public_key(b"")));
    tokio::select! {
        ended = race(&server, addresses, &rule, Purpose::Files) => panic!("{:?}", ended.err()),
        heard = timeout(CONNECT_MAX, other.readable()) => heard.unwrap().unwrap(),
    };
}

#[track_caller]
fn check(found: &[&str], expected: &[&str]) {
    let parse = |list: &[&str]| -> Vec<SocketAddr> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    };
    assert_eq!(in_turn(parse(found)), parse(expected));
}

#[test]
fn ip_versions_take_turns_and_the_favourite_goes_first() {
    check(&[], &[]);
    check(&["[::1]:1", "127.0.0.1:1"], &["[::1]:1", "127.0.0.1:1"]);
    check(
        &["1.1.1.1:1", "1.1.1.2:1", "1.1.1.3:1", "[::1]:1"],
        &["1.1.1.1:1", "[::1]:1", "1.1.1.2:1", "1.1.1.3:1"],
    );
}
