use super::*;

#[track_caller]
fn check(address: &str, expected: &str) {
    assert_eq!(network(address.parse().unwrap()), expected.parse::<IpAddr>().unwrap());
}

#[test]
fn addresses_of_one_prefix_count_as_one() {
    check("192.0.2.7", "192.0.2.7");
    check("::ffff:192.0.2.7", "192.0.2.7");
    check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::");
    check("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::");
    check("2001:db8:1:3::1", "2001:db8:1:3::");
    check("::1", "::");
}
