//! The controller on simulated paths.

use super::simulation::{Link, SLOW, Simulation, seconds};
use super::*;

/// The Wi-Fi of a hotel.
const LOSSY: Link = Link {
    bytes_per_second: 3_750_000,
    delay: Duration::from_millis(30),
    lost_per_cent: 2,
    ..SLOW
};

/// A simulation that has run for a while with one file.
fn after(time: Duration, link: Link) -> Simulation {
    let mut simulation = Simulation::of(link);
    simulation.add(None);
    simulation.run(time);
    simulation
}

/// The part of the link that a file used for some time, in per cent.
fn used(simulation: &mut Simulation, time: Duration) -> u64 {
    let seen = simulation.run(time);
    simulation.used(&seen, time)
}

#[test]
fn a_slow_link_is_used_and_its_queue_stays_short() {
    let mut simulation = after(seconds(4), SLOW);
    let used = used(&mut simulation, seconds(20));
    assert!(used >= 95, "{used} %");
    let (median, most) = (simulation.wait(50), simulation.wait(1));
    assert!(median < Duration::from_millis(15), "{median:?}");
    assert!(most < Duration::from_millis(35), "{most:?}");
}

#[test]
fn a_link_that_loses_packets_without_congestion_is_used() {
    for (lost_per_cent, expected) in [(2, 85), (8, 70)] {
        let mut simulation = after(seconds(4), Link { lost_per_cent, ..LOSSY });
        let used = used(&mut simulation, seconds(10));
        assert!(used >= expected, "{used} % at a loss of {lost_per_cent} %");
    }
}

#[test]
fn a_link_with_slots_is_used() {
    for (bytes_per_second, milliseconds, slot) in
        [(12_500_000, 10, 5), (12_500_000, 10, 20), (125_000_000, 50, 2), (1_250_000, 20, 20)]
    {
        let (delay, slot) = (Duration::from_millis(milliseconds), Duration::from_millis(slot));
        let mut simulation = after(seconds(3), Link { bytes_per_second, delay, slot, ..SLOW });
        let used = used(&mut simulation, seconds(5));
        assert!(used >= 85, "{used} % of {bytes_per_second} bytes a second, in slots of {slot:?}");
    }
}

#[test]
fn a_path_that_becomes_longer_is_filled_again() {
    for times in [2, 4] {
        let mut simulation = after(seconds(6), SLOW);
        simulation.link.delay *= times;
        simulation.run(seconds(4));
        let used = used(&mut simulation, seconds(6));
        assert!(used >= 75, "{used} % at {times} times the delay");
    }
}

#[test]
fn a_path_that_becomes_slower_or_faster_is_followed() {
    let once = SLOW.bytes_per_second;
    for (bytes_per_second, time) in [(once / 4, seconds(4)), (once * 4, seconds(2))] {
        let mut simulation = after(seconds(6), SLOW);
        simulation.link.bytes_per_second = bytes_per_second;
        simulation.run(time);
        let used = used(&mut simulation, seconds(6));
        assert!(used >= 85, "{used} % of {bytes_per_second} bytes a second");
        let most = simulation.wait(1);
        assert!(most < Duration::from_millis(70), "{most:?} at {bytes_per_second} bytes a second");
    }
}

#[test]
fn a_long_path_that_becomes_faster_is_found_in_few_probes() {
    let mut simulation = after(seconds(8), Link { delay: Duration::from_millis(100), ..SLOW });
    simulation.link.bytes_per_second *= 4;
    simulation.run(seconds(7));
    let used = used(&mut simulation, seconds(3));
    assert!(used >= 85, "{used} %");
}

#[test]
fn a_file_that_begins_does_not_fill_a_long_queue() {
    let mut simulation = Simulation::of(Link { queue_max: seconds(2), ..SLOW });
    simulation.add(None);
    simulation.run(seconds(1));
    let most = simulation.wait(0);
    assert!(most < Duration::from_millis(110), "{most:?}");
}

#[test]
fn a_file_after_chat_is_as_fast_as_one_without() {
    let link = Link { bytes_per_second: 12_500_000, ..SLOW };
    let first = used(&mut after(Duration::ZERO, link), seconds(2));
    let mut simulation = Simulation::of(link);
    simulation.add(None);
    // A packet every 70 ms, then a file, then chat again.
    for files in 1..=2 {
        simulation.flows[0].app_bytes = Some(20);
        simulation.run(seconds(60));
        simulation.flows[0].app_bytes = None;
        let used = used(&mut simulation, seconds(2));
        assert!(used + 5 >= first && first > 60, "file {files}: {used} %, and {first} % alone");
    }
}

#[test]
fn a_short_queue_is_not_overrun() {
    let queue_max = Duration::from_millis(20);
    let mut simulation = after(seconds(4), Link { queue_max, ..SLOW });
    let time = seconds(10);
    let seen = simulation.run(time);
    let lost = seen.iter().map(|seen| seen.lost * 100 / seen.sent).sum::<u64>();
    assert!(lost < 4, "{lost} %");
    assert!(simulation.used(&seen, time) >= 90);
}

#[test]
fn a_file_that_begins_overruns_no_short_queue() {
    let queue_max = Duration::from_millis(5);
    for (bytes_per_second, milliseconds) in [(12_500_000, 20), (125_000_000, 50)] {
        let delay = Duration::from_millis(milliseconds);
        let link = Link { bytes_per_second, delay, queue_max, ..SLOW };
        let mut simulation = Simulation::of(link);
        simulation.add(None);
        let [seen] = simulation.run(seconds(2))[..] else { panic!("one flow") };
        let lost = seen.lost * 100 / seen.sent;
        assert!(lost < 12, "{lost} % of {bytes_per_second} bytes a second");
    }
}

#[test]
fn an_overrun_queue_ends_slow_start_also_if_the_application_limits_it_for_a_moment() {
    let (mut now, round_trip) = (Instant::now(), Duration::from_millis(10));
    let mut model = BbrController::new(now, 1_400);
    let mut round = |model: &mut BbrController, lost: u64| {
        let sent = now;
        now += round_trip;
        for at in 0..100 {
            let is_app_limited = at == 0;
            model.count_acknowledged(now, Packet { sent, bytes: 1_400, is_app_limited });
        }
        if lost > 0 {
            model.on_congestion_event(now, now, false, lost);
        }
        model.update(now, true);
        model.window()
    };
    let grown = round(&mut model, 0);
    assert_eq!(round(&mut model, 0), 2 * grown - INITIAL_WINDOW);
    let largest = round(&mut model, 0);
    assert!(round(&mut model, 40 * 1_400) < largest * 3 / 4, "{}", model.window());
    let after = model.window();
    assert!(round(&mut model, 0) <= after * 5 / 4, "{}", model.window());
}

#[test]
fn chat_neither_opens_the_window_nor_ends_slow_start_by_some_losses() {
    let (mut now, round_trip) = (Instant::now(), Duration::from_millis(10));
    let mut model = BbrController::new(now, 1_400);
    for round in 0..30 {
        let sent = now;
        now += round_trip;
        for _ in 0..5 {
            model.count_acknowledged(now, Packet { sent, bytes: 1_400, is_app_limited: true });
        }
        if round % 3 == 1 {
            model.on_congestion_event(now, now, false, 5 * 1_400);
        }
        model.update(now, true);
        assert_eq!(model.window(), INITIAL_WINDOW, "round {round}");
        assert!(matches!(model.state, State::SlowStart { .. }), "round {round}");
    }
}

#[test]
fn files_share_a_link_in_any_order_and_its_queue_does_not_grow() {
    for count in [2, 4] {
        let mut simulation = Simulation::of(SLOW);
        for _ in 0..count {
            simulation.add(None);
            simulation.run(seconds(3));
        }
        simulation.run(seconds(15));
        let shares: Vec<_> =
            simulation.run(seconds(10)).iter().map(|seen| seen.delivered).collect();
        let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
        assert!(most < &(least * 3), "{shares:?}");
        let wait = simulation.wait(50);
        assert!(wait < Duration::from_millis(60), "{count} files: {wait:?}");
    }
}

#[test]
fn a_path_that_was_interrupted_is_measured_again() {
    let mut simulation = after(seconds(6), SLOW);
    let model = &mut simulation.flows[0].model;
    let before = model.window();
    let now = Instant::now();
    model.on_congestion_event(now, now, true, 50_000);
    assert!(before > 40_000 && model.window() == 4 * 1_400);
    let mut copy = model.clone_box();
    copy.on_mtu_update(9_000);
    assert_eq!(copy.window(), 36_000);
    simulation.run(seconds(1));
    let used = used(&mut simulation, seconds(4));
    assert!(used >= 85, "{used} %");
}
