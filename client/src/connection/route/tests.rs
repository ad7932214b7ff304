use super::*;

fn route(text: &str) -> Route {
    text.parse().unwrap()
}

#[track_caller]
fn check(preference: &Preference, expected: &str) {
    let order = preference.order(&"a:1,b:1,c:1".parse().unwrap());
    let order: Vec<_> = order.iter().map(ToString::to_string).collect();
    assert_eq!(order.join(","), expected, "{preference:?}");
}

#[test]
fn the_last_good_address_is_the_first_and_a_lost_one_the_last() {
    check(&Preference::None, "a:1,b:1,c:1");
    check(&Preference::First(route("c:1 10.0.0.3:1")), "c:1,a:1,b:1");
    check(&Preference::Last(route("a:1 10.0.0.1:1")), "b:1,c:1,a:1");
    check(&Preference::First(route("d:1 10.0.0.4:1")), "a:1,b:1,c:1");
}

#[test]
fn the_addresses_of_a_name_are_ordered_likewise() {
    let listed = ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"].map(|ip| ip.parse().unwrap());
    let ordered = |preference: Preference| {
        let mut ips = listed;
        preference.order_ips(&mut ips);
        ips.map(|ip: SocketAddr| ip.ip().to_string())
    };
    let first = ordered(Preference::First(route("a:1 10.0.0.2:1")));
    assert_eq!(first, ["10.0.0.2", "10.0.0.1", "10.0.0.3"]);
    let last = ordered(Preference::Last(route("a:1 10.0.0.1:1")));
    assert_eq!(last, ["10.0.0.2", "10.0.0.3", "10.0.0.1"]);
}

#[test]
fn the_text_of_a_route_survives_a_round() {
    for text in ["a:1 10.0.0.1:1", "[::1]:1 [::1]:1"] {
        assert_eq!(route(text).to_string(), text);
    }
    for text in ["", "a:1", "a:1 b:1", "a:x 10.0.0.1:1"] {
        assert!(text.parse::<Route>().is_err(), "{text:?}");
    }
}
