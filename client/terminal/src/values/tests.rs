use super::*;

#[test]
fn a_size_is_read_as_people_write_it() {
    for (text, bytes) in [
        ("4096", 4096),
        ("0", 0),
        ("10G", 10 << 30),
        ("10g", 10 << 30),
        ("10 GiB", 10 << 30),
        ("10GB", 10_000_000_000),
        ("1.5K", 1536),
        (" 64 KiB ", 65536),
        ("500M", 500 << 20),
        ("1T", 1 << 40),
        ("12 bytes", 12),
        ("0.5B", 0),
        ("18446744073709551615", u64::MAX),
    ] {
        assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
    }
    for wrong in
        ["", "G", "10X", "-1", "1e9", "1.2.3", "10 G G", "99999999P", "ten", "1.G", ".5G", "1,5G"]
    {
        assert!(wrong.parse::<Size>().is_err_and(|why| why.contains("10G")), "{wrong}");
    }
}

#[test]
fn a_time_is_read_as_people_write_it() {
    for (text, seconds) in [("90d", 7_776_000), ("12h", 43_200), ("1w 1d", 691_200)] {
        assert_eq!(text.parse(), Ok(Age(Duration::from_secs(seconds))), "{text}");
    }
    for wrong in ["", "90", "0s", "-1d", "1 month", "soon"] {
        assert!(wrong.parse::<Age>().is_err_and(|why| why.contains("90d")), "{wrong}");
    }
}

#[test]
fn numbers_begin_at_one() {
    assert_eq!("7".parse::<Count>().map(|Count(count)| count.get()), Ok(7));
    for wrong in ["0", "-1", "x", "", "1.5", "4294967296"] {
        assert!(wrong.parse::<Count>().is_err_and(|why| why.contains("from 1")), "{wrong}");
    }
    for (text, seconds) in [("30", 30), ("30s", 30), ("2m", 120), ("1h", 3600)] {
        assert_eq!(text.parse(), Ok(Seconds(seconds)), "{text}");
    }
    for wrong in ["0", "-1", "soon", "", "0.5s"] {
        assert!(wrong.parse::<Seconds>().is_err_and(|why| why.contains("30")), "{wrong}");
    }
}
