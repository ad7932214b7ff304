use super::*;

fn address(port: u16) -> SocketAddr {
    ([192, 0, 2, 1], port).into()
}

#[test]
fn the_latest_addresses_are_remembered_and_no_more_than_there_is_room_for() {
    let mut recent = RecentAddresses::new(10);
    for port in 0..1_000 {
        recent.insert(address(port), port);
        *recent.touch(address(7_000)) = port;
        assert!(recent.young.len() + recent.old.len() <= 20);
        for earlier in port.saturating_sub(8)..=port {
            assert_eq!(recent.get_mut(&address(earlier)), Some(&mut earlier.clone()));
        }
        assert_eq!(recent.get_mut(&address(7_000)), Some(&mut port.clone()));
    }
    assert_eq!(recent.get_mut(&address(900)), None);
    assert_eq!(*recent.touch(address(990)), 990);
    assert_eq!(*recent.touch(address(5)), 0, "it is forgotten");
    assert_eq!(recent.remove(&address(999)), Some(999));
    assert_eq!(recent.remove(&address(999)), None);
}
