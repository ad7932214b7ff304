use std::time::Duration;

use tokio::time::timeout;

use super::*;

#[tokio::test]
async fn a_port_is_closed_once_its_socket_is() {
    let listener = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let peer = listener.local_addr().unwrap();
    let mut watch = std::pin::pin!(until_closed(peer));
    let mut datagram = [9; 2];
    tokio::select! {
        () = &mut watch => panic!("the port is open"),
        asked = listener.recv_from(&mut datagram) => assert_eq!(asked.unwrap().0, 1),
    };
    drop(listener);
    timeout(Duration::from_secs(60), until_closed(peer)).await.unwrap();
}
