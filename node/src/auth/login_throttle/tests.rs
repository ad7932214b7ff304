use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn from(host: u32) -> IpAddr {
    std::net::Ipv4Addr::from(0x0a00_0000 + host).into()
}

fn origin(host: u32, user: &str) -> Origin {
    Origin { network: from(host), user: user.parse().unwrap() }
}

/// Attempts, and a time that passes when it is told to.
struct Scene {
    throttle: LoginThrottle,
    now: Instant,
}

impl Scene {
    fn new() -> Self {
        let accounts_per_hour = NonZeroU32::new(3).unwrap();
        Self { throttle: LoginThrottle::new(accounts_per_hour), now: Instant::now() }
    }

    /// How long is to be waited before a try, in seconds.
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

    /// Tries a wrong password, where that may be.
    fn wrong(&self, host: u32, user: &str) -> bool {
        self.throttle.begin(&origin(host, user), self.now).is_ok()
    }

    #[track_caller]
    fn right(&self, host: u32, user: &str) {
        assert!(self.wrong(host, user), "{host} may not sign in as {user}");
        self.throttle.was_right(&origin(host, user), self.now);
    }

    /// Tries wrong passwords for a time, as often as may be, each second, and says how many there were.
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
    let mut scene = Scene::new();
    for number in 0..FREE_PER_ADDRESS {
        assert!(scene.wrong(1, &format!("user{number}")));
    }
    for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256] {
        assert_eq!(scene.wait(1, "another"), expected);
        scene.now += SECOND * (expected - 1);
        assert_eq!((scene.wait(1, "another"), scene.wrong(1, "another")), (1, false));
        assert_eq!(scene.wait(2, "another"), 0);
        scene.now += SECOND;
        assert!(scene.wrong(1, "another"));
        // Others from there do not get ahead meanwhile.
        assert!(!scene.wrong(1, "user1"));
    }
}

#[test]
fn a_right_password_takes_back_what_was_mistyped_and_nothing_else() {
    let scene = Scene::new();
    for _ in 1..FREE_PER_ADDRESS {
        assert!(scene.wrong(1, "alice"));
    }
    scene.right(1, "alice");
    for _ in 1..FREE_PER_ADDRESS {
        assert!(scene.wrong(1, "bob"));
    }
    // An attacker with an account of their own.
    scene.right(1, "mallory");
    assert!(scene.wrong(1, "bob"));
    assert_eq!(scene.wait(1, "bob"), 1);
    assert_eq!(scene.wait(1, "mallory"), 1);
}

#[test]
fn what_was_not_checked_is_not_held_against_anybody() {
    let scene = Scene::new();
    for _ in 0..15 {
        assert!(scene.wrong(1, "alice"));
        scene.throttle.was_not_checked(&origin(1, "alice"));
    }
    assert_eq!(scene.weight(1, "alice"), 1);
    assert_eq!((scene.wait(1, "alice"), scene.wait(1, "bob")), (0, 0));
}

#[test]
fn many_at_a_time_are_one_after_another() {
    let scene = Scene::new();
    let tries = (0..100).filter(|number| scene.wrong(1, &format!("user{number}"))).count();
    assert_eq!(tries, usize::try_from(FREE_PER_ADDRESS).unwrap());
}

#[test]
fn an_attacked_account_makes_addresses_wait_that_were_wrong_there_and_no_others() {
    let mut scene = Scene::new();
    scene.right(1, "alice");
    scene.attack(MINUTE * 10, 100..150, "alice");
    // At home she does not notice, also when she mistypes.
    assert_eq!(scene.wait(1, "alice"), 0);
    assert!(scene.wrong(1, "alice"));
    assert_eq!(scene.wait(1, "alice"), 0);
    scene.right(1, "alice");
    // Elsewhere she mistypes once and waits a minute at the most, whatever the attackers do in it.
    assert!(scene.wrong(2, "alice"));
    assert!((30..=60).contains(&scene.wait(2, "alice")), "{}", scene.wait(2, "alice"));
    assert_eq!(scene.wait(2, "bob"), 0);
    scene.attack(MINUTE, 100..150, "alice");
    scene.right(2, "alice");
    assert_eq!(scene.wait(2, "alice"), 0);
}

#[test]
fn who_signed_in_there_before_goes_before_newcomers_and_those_before_guessers() {
    let scene = Scene::new();
    scene.right(1, "alice");
    assert!(scene.wrong(1, "bob") && scene.wrong(2, "alice") && scene.wrong(2, "bob"));
    assert_eq!([1, 2, 3].map(|host| scene.weight(host, "alice")), [0, 3, 1]);
}

#[test]
fn fifty_addresses_get_few_guesses() {
    let mut scene = Scene::new();
    let first = scene.attack(MINUTE * 10, 0..50, "alice");
    let later = scene.attack(MINUTE * 60, 0..50, "alice");
    // Ten in ten minutes and seventeen an hour from each; without any wait there were 180,000.
    assert!(first <= 50 * 10 && later <= 50 * 20, "{first}, {later}");
}

#[test]
fn a_thousand_new_addresses_share_a_rate_at_an_account() {
    let mut scene = Scene::new();
    let at_once = (0..1000).filter(|&host| scene.wrong(host, "alice")).count();
    assert_eq!(at_once, 20);
    assert_eq!(scene.wait(1000, "alice"), 1);
    assert_eq!(scene.wait(1000, "bob"), 0);
    let in_ten_seconds = scene.attack(SECOND * 10, 1000..2000, "alice");
    assert!((40..=50).contains(&in_ten_seconds), "{in_ten_seconds}");
}

#[test]
fn what_is_held_against_somebody_is_forgiven() {
    let mut scene = Scene::new();
    scene.attack(MINUTE * 60, 0..50, "alice");
    scene.now += FORGIVEN_EVERY * 20;
    for host in 0..50 {
        assert_eq!(scene.weight(host, "alice"), 1);
    }
    assert!(scene.wrong(0, "alice"));
    assert_eq!(scene.wait(0, "alice"), 0);
}

#[test]
fn whoever_fills_the_tables_does_not_get_rid_of_their_own_record() {
    let mut scene = Scene::new();
    while scene.wrong(0, "alice") {}
    let before = scene.weight(0, "alice");
    // As many tries as can be hashed, for as long as the record lives, each from an address of its own.
    for second in 0..240 {
        for number in 0..HASHES_PER_SECOND_MAX {
            let host = 1 + second * HASHES_PER_SECOND_MAX + number;
            assert!(scene.wrong(host, &format!("user{host}")));
        }
        scene.now += SECOND;
    }
    assert_eq!(scene.weight(0, "alice"), before);
}

#[test]
fn an_address_makes_so_many_accounts_and_then_waits() {
    let mut scene = Scene::new();
    let register = |scene: &Scene, host| scene.throttle.register(from(host), scene.now);
    for _ in 0..3 {
        register(&scene, 1).unwrap();
    }
    let too_many = |retry_after_seconds| Err(Refusal::TooManyRegistrations { retry_after_seconds });
    assert_eq!(register(&scene, 1), too_many(1));
    assert_eq!(register(&scene, 2), Ok(()));
    scene.now += SECOND;
    register(&scene, 1).unwrap();
    assert_eq!(register(&scene, 1), too_many(2));
    scene.now += MINUTE * 60;
    register(&scene, 1).unwrap();
    assert_eq!(scene.wait(1, "alice"), 0);
}
