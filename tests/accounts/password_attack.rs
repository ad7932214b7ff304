//! Many wrong passwords each second, from many addresses, and the users that this must not affect.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use qchat_client::Client as Device;
use qchat_proto::command::{Login, Request, Resume, SignedIn};
use qchat_proto::limits::ANSWER_BYTES_MAX;
use qchat_proto::{Refusal, SessionToken, frame};
use quinn::{ClientConfig, Connection};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::harness::raw_quic::{configuration, endpoint};
use crate::harness::{DEADLINE, PASSWORD, RawConnection, Server, in_time, sdk};
use qchat_proto::ALPN;

/// The number of addresses. Each has two connections, and each of those tries five passwords a second: 500 a
/// second together.
const ADDRESSES: u8 = 50;
const GUESSERS_PER_ADDRESS: usize = 2;
const GUESS_EVERY: Duration = Duration::from_millis(200);

/// The names under attack, of existing and other users.
const NAMES: [&str; 8] = ["alice", "bob", "carol", "dora", "nobody1", "nobody2", "nobody3", "no-4"];

/// The limit of hashes in a second.
const HASHES_PER_SECOND_MAX: f64 = 30.0;

fn attack_time() -> Duration {
    let seconds = std::env::var("QCHAT_ATTACK_SECONDS");
    Duration::from_secs(seconds.map_or(5, |seconds| seconds.parse().expect("a number")))
}

/// The answers that the attackers got.
#[derive(Debug, Default)]
struct AnswerCounts {
    /// Answers after a hash.
    wrong: AtomicUsize,
    too_many: AtomicUsize,
    busy: AtomicUsize,
}

/// A running attack, which ends when it is dropped.
struct Attack {
    counts: Arc<AnswerCounts>,
    begun: Instant,
    _guessers: JoinSet<()>,
}

impl Attack {
    fn begin(server: &Server) -> Self {
        let (counts, begun) = (Arc::<AnswerCounts>::default(), Instant::now());
        let mut guessers = JoinSet::new();
        for address in 0..ADDRESSES {
            let endpoint = endpoint(&format!("127.0.0.{}", 2 + address));
            for guesser in 0..GUESSERS_PER_ADDRESS {
                let (to, config) = (server.address, configuration(server, ALPN));
                let (endpoint, counts) = (endpoint.clone(), Arc::clone(&counts));
                let first = usize::from(address) + guesser;
                guessers.spawn(async move {
                    guess_on(&endpoint, to, &config, first, &counts).await;
                });
            }
        }
        Self { counts, begun, _guessers: guessers }
    }

    fn wrong(&self) -> usize {
        self.counts.wrong.load(Ordering::SeqCst)
    }

    /// Waits until this number of passwords was hashed.
    async fn is_under_way(&self) {
        let mut ticks = interval(Duration::from_millis(5));
        in_time(async {
            while self.wrong() < 10 {
                ticks.tick().await;
            }
        })
        .await;
    }

    /// Prints the counts, and checks the number of hashes.
    #[track_caller]
    fn check(&self) {
        let AnswerCounts { wrong, too_many, busy } = &*self.counts;
        // The counters are read before the time, so that no later hash is counted.
        let [wrong, too_many, busy] =
            [wrong, too_many, busy].map(|count| count.load(Ordering::SeqCst));
        let seconds = self.begun.elapsed().as_secs_f64();
        let guesses = wrong + too_many + busy;
        println!(
            "{guesses} guesses in {seconds:.1} s: {wrong} hashed, {too_many} too many, {busy} busy"
        );
        assert!(wrong > 0 && too_many + busy > wrong);
        let hashes = u32::try_from(wrong).map(f64::from).unwrap();
        // One hash may have begun before the first second, and another at the end of the last.
        assert!(hashes <= HASHES_PER_SECOND_MAX * seconds + 2.0, "{hashes} hashes in {seconds} s");
    }
}

/// Guesses passwords without end, on one connection after another.
async fn guess_on(
    endpoint: &quinn::Endpoint,
    server: std::net::SocketAddr,
    config: &ClientConfig,
    first: usize,
    counts: &AnswerCounts,
) {
    let mut ticks = interval(GUESS_EVERY);
    // After a long wait for an answer, the attacker catches up.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut names = NAMES.iter().cycle().skip(first);
    loop {
        let Ok(raw) = RawConnection::of(endpoint, server, config.clone()).await else { continue };
        loop {
            ticks.tick().await;
            let name = names.next().expect("a cycle has no end");
            let count = match sign_in(&raw.connection, name, "wrong").await {
                Some(Err(Refusal::BadCredentials)) => &counts.wrong,
                Some(Err(Refusal::TooManyAttempts { .. })) => &counts.too_many,
                Some(Err(Refusal::Busy)) => &counts.busy,
                Some(other) => panic!("{other:?}"),
                // The server closes connections on which nobody signs in.
                None => break,
            };
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// The answer to a password, unless the connection has ended.
async fn sign_in(
    connection: &Connection,
    user: &str,
    password: &str,
) -> Option<Result<SignedIn, Refusal>> {
    let password = password.to_owned().try_into().unwrap();
    let request: Request = Login { user: user.parse().unwrap(), password }.into();
    let (mut send, mut receive) = connection.open_bi().await.ok()?;
    send.write_all(&frame::encode_frame(&request)).await.ok()?;
    send.finish().ok()?;
    frame::read(&mut receive, ANSWER_BYTES_MAX).await.ok()
}

/// Sends messages one after another for some time. Returns the 99th percentile of their times.
async fn p99_of_sends(sender: &Device, to: &str, time: Duration) -> Duration {
    let (begun, mut times) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        let asked = Instant::now();
        in_time(sender.send(sdk::user(to), sdk::text("hi"))).await.unwrap();
        times.push(asked.elapsed());
    }
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

/// Resumes a session repeatedly from an address of the attackers, and returns the number of resumptions.
async fn resume_for(server: &Server, token: &SessionToken, time: Duration) -> usize {
    let (begun, mut resumed) = (Instant::now(), 0);
    let endpoint = endpoint("127.0.0.2");
    let mut ticks = interval(Duration::from_millis(50));
    while begun.elapsed() < time {
        ticks.tick().await;
        let raw = RawConnection::on(&endpoint, server).await.unwrap();
        raw.ask(Resume { token: token.clone() }).await.unwrap();
        resumed += 1;
    }
    resumed
}

/// Signs in with the right password, with as many attempts as necessary. Returns the number of other
/// passwords that were hashed meanwhile.
async fn overtaken(server: &Server, attack: &Attack, address: &str, user: &str) -> usize {
    let (endpoint, begun) = (endpoint(address), Instant::now());
    let (mut refused, mut before) = (0, None);
    loop {
        let raw = RawConnection::on(&endpoint, server).await.unwrap();
        // Hashes before the connection was made are not counted.
        before.get_or_insert_with(|| attack.wrong());
        match in_time(sign_in(&raw.connection, user, PASSWORD)).await {
            Some(Ok(_)) => break,
            // The queue is full of addresses with fewer earlier hashes, so a later attempt is needed.
            Some(Err(Refusal::TooManyAttempts { .. } | Refusal::Busy)) => refused += 1,
            other => panic!("{user} at {address}: {other:?}"),
        }
        assert!(begun.elapsed() < DEADLINE, "{user} is kept out");
    }
    let overtaken = attack.wrong() - before.unwrap_or_default();
    println!(
        "{user} at {address}: in after {:?}, {overtaken} hashes, {refused} refusals",
        begun.elapsed()
    );
    overtaken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_passwords_from_fifty_addresses_affect_no_other_user() {
    let server = Server::start();
    let alice = sdk::device(&server, "alice").await;
    for name in ["bob", "carol", "erin"] {
        server.user(name);
    }
    let session = sdk::session(&server, "dora", server.address).await;
    let quiet = p99_of_sends(&alice, "bob", Duration::from_secs(2)).await;

    let attack = Attack::begin(&server);
    attack.is_under_way().await;
    let others = async {
        let mut overtaken_by = Vec::new();
        // A user without an attack on her name, and a victim at an address of an earlier sign-in.
        for (address, user) in [("127.0.1.1", "erin"), ("127.0.0.1", "alice")] {
            overtaken_by.push(overtaken(&server, &attack, address, user).await);
        }
        // A victim at a new address.
        overtaken(&server, &attack, "127.0.1.2", "bob").await;
        overtaken_by
    };
    let (attacked, resumed, overtaken_by) = tokio::join!(
        p99_of_sends(&alice, "bob", attack_time()),
        resume_for(&server, &session.token, attack_time()),
        others,
    );
    attack.check();
    println!("sends, p99: {quiet:?} before, {attacked:?} in the attack; {resumed} resumed");
    assert!(resumed > 0);
    // Each address may have one hash more, but far fewer than two, also on a slow machine.
    let most = usize::from(ADDRESSES) * 3 / 2;
    assert!(overtaken_by.iter().all(|&hashes| hashes <= most), "{overtaken_by:?}");
    assert!(attacked < quiet * 4 + Duration::from_millis(200), "{quiet:?}, {attacked:?}");
}
