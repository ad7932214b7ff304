use super::*;

fn dial(server: &str) -> Dial {
    Dial {
        server: server.parse().unwrap(),
        preference: Preference::None,
        rule: Arc::new(Rule::Key(Fingerprint::of_public_key(b""))),
        purpose: Purpose::Files,
    }
}

/// The address of a socket that never answers.
async fn silent() -> (tokio::net::UdpSocket, String) {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    (socket, address)
}

#[tokio::test]
async fn without_an_answer_the_attempt_ends_in_time() {
    let (_nobody, address) = silent().await;
    let dialled = dial(&address).connect(Duration::from_millis(50)).await;
    assert!(matches!(dialled, Err(ConnectError::Unreachable { .. })));
}

#[tokio::test]
async fn an_attempt_may_last_longer_than_a_connection_may_be_silent() {
    let (_nobody, address) = silent().await;
    let dialled = dial(&address).connect(Duration::from_secs(4)).await;
    let Err(ConnectError::Unreachable { reason, .. }) = dialled else { panic!() };
    assert_eq!(reason, "no answer within 4 s");
}

#[tokio::test]
async fn a_silent_address_holds_up_no_other() {
    let ((_first, one), (second, other)) = (silent().await, silent().await);
    tokio::select! {
        ended = dial(&format!("{one},{other}")).connect(CONNECT_MAX) => panic!("{:?}", ended.err()),
        heard = second.readable() => heard.unwrap(),
    };
}

#[tokio::test]
async fn after_a_closed_port_the_next_address_is_tried_at_once() {
    let ((first, one), (second, other)) = (silent().await, silent().await);
    drop(first);
    let (told, mut hopeless) = tokio::sync::mpsc::unbounded_channel();
    let closed = one.parse().unwrap();
    let candidates = vec![closed, other.parse().unwrap()];
    let attempt = move |ip: SocketAddr, seems: Hopeless| {
        let told = told.clone();
        async move {
            told.send(ip).unwrap();
            until_closed(ip).await;
            seems.tell();
            std::future::pending::<Result<(), ConnectError>>().await
        }
    };
    // Without the message of ICMP, the second attempt would not begin in the time of this test.
    let never = Duration::from_secs(3600);
    let all = Hopeless::unheard();
    tokio::select! {
        _ = race(candidates, never, &all, attempt) => panic!("nothing succeeds"),
        () = async { for _ in 0..2 { hopeless.recv().await.unwrap(); } } => {}
    }
    drop(second);
}

#[test]
fn two_addresses_of_one_ip_version_are_two_machines() {
    let check = |ips: &[&str], expected| {
        let ips: Vec<SocketAddr> = ips.iter().map(|ip| ip.parse().unwrap()).collect();
        assert_eq!(are_machines(&ips), expected, "{ips:?}");
    };
    check(&["127.0.0.1:1"], false);
    check(&["127.0.0.1:1", "[::1]:1"], false);
    check(&["127.0.0.1:1", "[::1]:1", "127.0.0.2:1"], true);
    check(&["[::1]:1", "[::2]:1"], true);
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
