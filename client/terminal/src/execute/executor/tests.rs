//! The time limit of a line. The clock of the runtime is paused: while nothing else can run, it jumps to the
//! next timer, so these tests neither wait nor depend on the machine.

use std::io::{self, Write};
use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use qchat_client::{Fingerprint, ReconnectingClient, ServerAddresses, Trust};
use tokio::time::Instant;

use super::{Executor, LineStatus};
use crate::config::ServerNames;
use crate::exit::Exit;
use crate::login::{Account, PasswordSource};
use crate::output::Output;

/// The output of an executor.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
    }
}

/// An executor whose server never answers.
fn executor(seconds: u64, written: &Written) -> (Executor, UdpSocket) {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server: ServerAddresses = silent.local_addr().unwrap().to_string().parse().unwrap();
    let names = ServerNames::given(&server);
    let trust = Trust::Fingerprint(Fingerprint::of_public_key(b""));
    let connection = ReconnectingClient::new(server, trust);
    let output = Output::plain(written.clone(), written.clone());
    let per_line = Duration::from_secs(seconds);
    let (account, secrets) = (Account::default(), PasswordSource::none());
    (Executor::new((connection, names), account, secrets, output, per_line), silent)
}

/// Runs a line, and checks that it took its time and no more.
async fn fails_in(executor: &mut Executor, line: &str, seconds: u64) {
    let begun = Instant::now();
    let status = executor.run_line(line).await;
    assert!(matches!(status, LineStatus::Failed(Exit::NoServer)), "{status:?}");
    let took = begun.elapsed();
    let expected = Duration::from_secs(seconds);
    let allowed = expected - Duration::from_millis(100)..=expected + Duration::from_millis(100);
    assert!(allowed.contains(&took), "--timeout {seconds}: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_line_without_a_server_takes_its_whole_time_and_no_more() {
    for seconds in [1, 2, 5, 11, 30, 35, 300] {
        let written = Written::default();
        let (mut executor, _silent) = executor(seconds, &written);
        fails_in(&mut executor, "auth_login alice x", seconds).await;
        let told = written.take();
        let failure = told.lines().last().unwrap();
        let number = format!("tried for {seconds} s");
        assert!(failure.contains("no qchat server answers at 127.0.0.1:"), "{told}");
        assert!(failure.contains(&number), "{told}");
        assert!(!told.contains("within"), "no other time is told: {told}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_line_has_its_own_whole_time() {
    let written = Written::default();
    let (mut executor, _silent) = executor(5, &written);
    for line in ["auth_login alice x", "send bob hi", "ls", "auth_login alice x"] {
        fails_in(&mut executor, line, 5).await;
        let told = written.take();
        assert!(told.lines().last().unwrap().contains("tried for 5 s"), "{line}: {told}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_word_before_trying_again_says_the_time_that_is_left() {
    let written = Written::default();
    let (mut executor, _silent) = executor(30, &written);
    fails_in(&mut executor, "ls", 30).await;
    let told = written.take();
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(lines[0].ends_with("; trying again for 28 s"), "{told}");
}
