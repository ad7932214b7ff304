//! Collects figures and prints them.

use std::io::{Write, stdout};
use std::time::Duration;

use serde::Serialize;

/// The results of a subcommand: rows of figures, printed at once or as one JSON object at the end.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    bench: &'static str,
    rows: Vec<Row>,
    #[serde(skip)]
    is_json: bool,
}

/// The figures of one measurement.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    name: String,
    figures: Vec<Figure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Debug, Serialize)]
struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
}

impl Report {
    pub(crate) fn new(bench: &'static str, is_json: bool) -> Self {
        Self { bench, rows: Vec::new(), is_json }
    }

    /// Adds a row. Prints it now unless JSON is wanted.
    pub(crate) fn add(&mut self, row: Row) {
        if !self.is_json {
            // If standard output is closed, the measurement goes on.
            let _ = writeln!(stdout(), "{row}");
        }
        self.rows.push(row);
    }

    /// Prints all rows as JSON, if JSON is wanted.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        if self.is_json {
            writeln!(stdout(), "{}", serde_json::to_string(&self)?)?;
        }
        Ok(())
    }
}

impl Row {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), figures: Vec::new(), note: None }
    }

    /// Prints a remark.
    pub(crate) fn note(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }

    pub(crate) fn figure(mut self, name: &'static str, value: f64, unit: &'static str) -> Self {
        self.figures.push(Figure { name, value, unit });
        self
    }

    pub(crate) fn count(self, name: &'static str, count: u64) -> Self {
        self.figure(name, float(count), "")
    }

    pub(crate) fn seconds(self, name: &'static str, time: Duration) -> Self {
        self.figure(name, time.as_secs_f64(), "s")
    }

    pub(crate) fn milliseconds(self, name: &'static str, time: Duration) -> Self {
        self.figure(name, time.as_secs_f64() * 1000.0, "ms")
    }

    /// A difference of memory in MiB, negative if it shrank.
    pub(crate) fn growth(self, name: &'static str, before: u64, after: u64) -> Self {
        self.figure(name, mebibytes(after) - mebibytes(before), "MiB")
    }

    pub(crate) fn mebibytes(self, name: &'static str, bytes: u64) -> Self {
        self.figure(name, mebibytes(bytes), "MiB")
    }

    /// The median, the 99th percentile and the maximum of some times.
    pub(crate) fn waits(self, mut waits: Vec<Duration>) -> Self {
        waits.sort();
        self.milliseconds("p50", percentile(&waits, 50))
            .milliseconds("p99", percentile(&waits, 99))
            .milliseconds("max", percentile(&waits, 100))
            .count("of", waits.len().try_into().unwrap_or(u64::MAX))
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:<34}", self.name)?;
        for Figure { name, value, unit } in &self.figures {
            let digits = if unit.is_empty() && value.fract() == 0.0 { 0 } else { 2 };
            write!(formatter, "  {name} {value:.digits$}")?;
            if !unit.is_empty() {
                write!(formatter, " {unit}")?;
            }
        }
        match &self.note {
            Some(note) => write!(formatter, "  {note}"),
            None => Ok(()),
        }
    }
}

/// A percentile of sorted times.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// The median of some figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::as_conversions, reason = "a figure need not be exact beyond 53 bits")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

pub(crate) fn mebibytes(bytes: u64) -> f64 {
    float(bytes) / float(1024 * 1024)
}

#[cfg(test)]
mod tests;
