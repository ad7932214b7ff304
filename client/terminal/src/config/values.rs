//! Sizes, times and numbers as people write them, in flags, variables, settings files and lines.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// A number of bytes: `500M`, `10G`, `1.5 TiB`, `2GB` or `33554432`.
///
/// `K`, `M`, `G`, `T` and `P` are powers of 1024, with or without `iB`. With a `B` alone they are powers
/// of 1000, as disks are sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

/// A length of time: `90d`, `12h` or `1w 2d`. Days have 24 hours. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age(pub Duration);

/// A whole number from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count(pub NonZeroU32);

/// A number of seconds from 1: `30`, `30s`, `2m` or `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub u64);

const UNITS: &str = "kmgtp";

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = bytes(text.trim()).map(Self);
        bytes.ok_or_else(|| format!("{text:?} is no size; write one such as 500M, 10G or 4096"))
    }
}

fn bytes(text: &str) -> Option<u64> {
    let is_number = |character: char| character.is_ascii_digit() || character == '.';
    let (number, unit) = text.split_at(text.find(|part| !is_number(part)).unwrap_or(text.len()));
    let unit = u128::from(unit_bytes(unit.trim_start())?);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    // More digits after the point make no whole byte, and would overflow.
    let fraction = fraction.get(..fraction.len().min(18))?;
    let tenths = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let below = fraction.parse::<u128>().ok()? * unit / tenths;
    let whole = u128::from(whole.parse::<u64>().ok()?).checked_mul(unit)?;
    u64::try_from(whole.checked_add(below)?).ok()
}

fn unit_bytes(unit: &str) -> Option<u64> {
    let unit = unit.to_ascii_lowercase();
    let Some(power) = unit.chars().next().and_then(|first| UNITS.find(first)) else {
        return matches!(unit.as_str(), "" | "b" | "byte" | "bytes").then_some(1);
    };
    let power = u32::try_from(power).ok()? + 1;
    match unit.get(1..)? {
        "" | "ib" => 1024_u64.checked_pow(power),
        "b" => 1000_u64.checked_pow(power),
        _ => None,
    }
}

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let span = text.parse::<Span>().ok();
        let whole =
            span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
        let whole = whole.and_then(|whole| Duration::try_from(whole).ok());
        let whole = whole.filter(|whole| !whole.is_zero());
        whole.map(Self).ok_or_else(|| {
            format!("{text:?} is no length of time; write one such as 90d, 12h or 30m")
        })
    }
}

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let count = text.trim().parse().map(Self);
        count.map_err(|_| format!("{text:?} is no whole number from 1 to {}", u32::MAX))
    }
}

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = text.trim().parse().ok();
        let seconds = seconds.or_else(|| text.parse().ok().map(|Age(time): Age| time.as_secs()));
        let seconds = seconds.filter(|&seconds| seconds > 0).map(Self);
        seconds.ok_or_else(|| {
            format!("{text:?} is no number of seconds from 1; write one such as 30 or 2m")
        })
    }
}

#[cfg(test)]
mod tests {
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
        for wrong in [
            "",
            "G",
            "10X",
            "-1",
            "1e9",
            "1.2.3",
            "10 G G",
            "99999999P",
            "ten",
            "1.G",
            ".5G",
            "1,5G",
        ] {
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
}
