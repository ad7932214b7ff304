//! One server with its embedded store, which is killed and started again.

use std::time::Instant;

use super::load::{Load, Servers};
use crate::failures::killed_repeatedly::address;
use crate::harness::{SeededRandom, Server};

const KILLS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_48_clients_were_told_is_broken_by_a_server_that_dies() {
    let mut random = SeededRandom::of_the_run();
    let mut server = Server::listening(&address(&mut random));
    let fingerprint = server.fingerprint.clone();
    let servers = Servers { addresses: server.address.to_string(), fingerprint };
    let mut load = Load::start(&servers, &mut random).await;
    load.watch().await;
    load.answers(500).await;
    for kill in 0..KILLS {
        let fault = Instant::now();
        server = server.kill9().start();
        load.answers(1_000).await;
        load.print_waits(&format!("kill {kill}"), fault);
    }
    assert_eq!(load.finish().await, Vec::<String>::new());
}
