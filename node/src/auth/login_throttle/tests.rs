use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn from(host: u32) -> IpAddr {
    std::net::Ipv4Addr::from(0x0a00_0000 + host).into()
}

fn origin(host: u32, user: &str) -> Origin {
    Origin { network: from(host), user: user.parse().unwrap() }
}

/// A throttle with a clock that the test moves.
struct ThrottleTest {
    throttle: LoginThrottle,
    now: Instant,
}

impl ThrottleTest {
    fn new() -> Self {
        let accounts_per_hour = NonZeroU32::new(3).unwrap();
        Self { throttle: LoginThrottle::new(accounts_per_hour), now: Instant::now() }
    }

    /// The wait before an attempt, in seconds.
    fn wait(&self, host: u32, user: &str) -> u32 {
        match self.throttle.may_try(&origin(host, user), self.now) {
            Ok(()) => 0,
            Err(Refusal::TooManyAttempts { retry_after_seconds }) => retry_after_seconds,
            Err(refusal) => panic!("{refusal}"),
        }
    }

    fn weight(&self, host: u32, user: &str) -> u32 {
        self.throttle.weight(&origin(host, user), self.now)
    }

    /// Tries a wrong password, if that is allowed.
    fn wrong(&self, host: u32, user: &str) -> bool {
        self.throttle.begin_attempt(&origin(host, user), self.now).is_ok()
    }

    #[track_caller]
    fn right(&self, host: u32, user: &str) {
        assert!(self.wrong(host, user), "{host} may not sign in as {user}");
        self.throttle.note_right(&origin(host, user), self.now);
    }

    /// Tries wrong passwords each second for a time, as often as allowed, and returns the number of attempts.
    fn attack(&mut self, time: Duration, hosts: std::ops::Range<u32>, user: &str) -> usize {
        let (until, mut tries) = (self.now + time, 0);
        while self.now < until {
            tries += hosts.clone().filter(|&host| self.wrong(host, user)).count();
            self.now += SECOND;
        }
        tries
    }
}

#[test]
fn the_waits_of_an_address_grow_whatever_the_account() {
    let mut test = ThrottleTest::new();
    for number in 0..FREE_PER_ADDRESS {
        assert!(test.wrong(1, &format!("user{number}")));
    }
    for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256] {
        assert_eq!(test.wait(1, "another"), expected);
        test.now += SECOND * (expected - 1);
        assert_eq!((test.wait(1, "another"), test.wrong(1, "another")), (1, false));
        assert_eq!(test.wait(2, "another"), 0);
        test.now += SECOND;
        assert!(test.wrong(1, "another"));
        // Other accounts cannot be tried from there in the meantime.
        assert!(!test.wrong(1, "user1"));
    }
}

#[test]
fn a_right_password_takes_back_typing_errors_and_nothing_else() {
    let test = ThrottleTest::new();
    for _ in 1..FREE_PER_ADDRESS {
        assert!(test.wrong(1, "alice"));
    }
    test.right(1, "alice");
    for _ in 1..FREE_PER_ADDRESS {
        assert!(test.wrong(1, "bob"));
    }
    // An attacker with an account of their own.
    test.right(1, "mallory");
    assert!(test.wrong(1, "bob"));
    assert_eq!(test.wait(1, "bob"), 1);
    assert_eq!(test.wait(1, "mallory"), 1);
}

#[test]
fn an_unchecked_attempt_does_not_count() {
    let test = ThrottleTest::new();
    for _ in 0..15 {
        assert!(test.wrong(1, "alice"));
        test.throttle.note_unchecked(&origin(1, "alice"));
    }
    assert_eq!(test.weight(1, "alice"), 1);
    assert_eq!((test.wait(1, "alice"), test.wait(1, "bob")), (0, 0));
}

#[test]
fn many_attempts_at_a_time_count_one_by_one() {
    let test = ThrottleTest::new();
    let tries = (0..100).filter(|number| test.wrong(1, &format!("user{number}"))).count();
    assert_eq!(tries, usize::try_from(FREE_PER_ADDRESS).unwrap());
}

#[test]
fn an_attacked_account_makes_addresses_wait_that_were_wrong_there_and_no_others() {
    let mut test = ThrottleTest::new();
    test.right(1, "alice");
    test.attack(MINUTE * 10, 100..150, "alice");
    // At home the owner is not affected, also if she mistypes.
    assert_eq!(test.wait(1, "alice"), 0);
    assert!(test.wrong(1, "alice"));
    assert_eq!(test.wait(1, "alice"), 0);
    test.right(1, "alice");
    // Elsewhere she mistypes once and waits a minute at most, whatever the attackers do in it.
    assert!(test.wrong(2, "alice"));
    assert!((30..=60).contains(&test.wait(2, "alice")), "{}", test.wait(2, "alice"));
    assert_eq!(test.wait(2, "bob"), 0);
    test.attack(MINUTE, 100..150, "alice");
    test.right(2, "alice");
    assert_eq!(test.wait(2, "alice"), 0);
}

#[test]
fn known_addresses_weigh_less_than_new_ones_and_guessers_most() {
    let test = ThrottleTest::new();
    test.right(1, "alice");
    assert!(test.wrong(1, "bob") && test.wrong(2, "alice") && test.wrong(2, "bob"));
    assert_eq!([1, 2, 3].map(|host| test.weight(host, "alice")), [0, 3, 1]);
}

#[test]
fn fifty_addresses_get_few_guesses() {
    let mut test = ThrottleTest::new();
    let first = test.attack(MINUTE * 10, 0..50, "alice");
    let later = test.attack(MINUTE * 60, 0..50, "alice");
    // Ten in ten minutes and seventeen an hour from each; without any wait there were 180,000.
    assert!(first <= 50 * 10 && later <= 50 * 20, "{first}, {later}");
}

#[test]
fn a_thousand_new_addresses_share_a_rate_at_an_account() {
    let mut test = ThrottleTest::new();
    let at_once = (0..1000).filter(|&host| test.wrong(host, "alice")).count();
    assert_eq!(at_once, 20);
    assert_eq!(test.wait(1000, "alice"), 1);
    assert_eq!(test.wait(1000, "bob"), 0);
    let in_ten_seconds = test.attack(SECOND * 10, 1000..2000, "alice");
    assert!((40..=50).contains(&in_ten_seconds), "{in_ten_seconds}");
}

#[test]
fn wrong_passwords_are_forgiven() {
    let mut test = ThrottleTest::new();
    test.attack(MINUTE * 60, 0..50, "alice");
    test.now += FORGIVEN_EVERY * 20;
    for host in 0..50 {
        assert_eq!(test.weight(host, "alice"), 1);
    }
    assert!(test.wrong(0, "alice"));
    assert_eq!(test.wait(0, "alice"), 0);
}

#[test]
fn filling_the_tables_clears_no_counter() {
    let mut test = ThrottleTest::new();
    while test.wrong(0, "alice") {}
    let before = test.weight(0, "alice");
    // As many attempts as can be hashed while the counter lives, each from an address of its own.
    for second in 0..240 {
        for number in 0..HASHES_PER_SECOND_MAX {
            let host = 1 + second * HASHES_PER_SECOND_MAX + number;
            assert!(test.wrong(host, &format!("user{host}")));
        }
        test.now += SECOND;
    }
    assert_eq!(test.weight(0, "alice"), before);
}

#[test]
fn an_address_makes_so_many_accounts_and_then_waits() {
    let mut test = ThrottleTest::new();
    let register = |test: &ThrottleTest, host| test.throttle.register(from(host), test.now);
    for _ in 0..3 {
        register(&test, 1).unwrap();
    }
    let too_many = |retry_after_seconds| Err(Refusal::TooManyRegistrations { retry_after_seconds });
    assert_eq!(register(&test, 1), too_many(1));
    assert_eq!(register(&test, 2), Ok(()));
    test.now += SECOND;
    register(&test, 1).unwrap();
    assert_eq!(register(&test, 1), too_many(2));
    test.now += MINUTE * 60;
    register(&test, 1).unwrap();
    assert_eq!(test.wait(1, "alice"), 0);
}
