//! Sizes, times and numbers as people write them in flags, variables, settings files and lines.

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
    // More digits make no whole byte, and would overflow.
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
mod tests;
