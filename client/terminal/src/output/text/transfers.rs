//! The list of transfers in the background.

use indicatif::HumanBytes;

use crate::outcome::{Reading, TransferDirection, TransferRow, TransferState};
use crate::output::sanitize;
use crate::output::table::table;
use crate::output::wrap::fold;

/// One row for each: `2  send   50 %  512.00 MiB of 1.00 GiB  11.20 MiB/s  film.mkv`.
pub(crate) fn transfers(rows: &[TransferRow], columns: Option<usize>) -> String {
    if rows.is_empty() {
        return "no transfers; a line that moves a file and ends with & begins one\n".to_owned();
    }
    let table = table(rows.iter().map(cells));
    table.lines().map(|row| format!("{}\n", fold(row, columns))).collect()
}

fn cells(row: &TransferRow) -> [String; 6] {
    let direction = match row.direction {
        TransferDirection::Send => "send",
        TransferDirection::Fetch => "fetch",
    };
    let name = sanitize::line(&row.name);
    let (percent, bytes, rate, name) = match &row.state {
        TransferState::Ended(outcome) => {
            let name = format!("{name}: {}", sanitize::line(outcome));
            ("ended".to_owned(), String::new(), String::new(), name)
        }
        TransferState::Waits(reading) => {
            let [percent, bytes] = how_far(reading);
            (percent, bytes, "waits".to_owned(), name.into_owned())
        }
        TransferState::Moves(reading) => {
            let [percent, bytes] = how_far(reading);
            let rate = reading.rate().map(|rate| format!("{}/s", HumanBytes(rate)));
            (percent, bytes, rate.unwrap_or_default(), format!("{name}{}", which(reading)))
        }
    };
    [row.number.to_string(), direction.to_owned(), percent, bytes, rate, name]
}

fn how_far(reading: &Reading) -> [String; 2] {
    let bytes = format!("{} of {}", HumanBytes(reading.done), HumanBytes(reading.bytes));
    [format!("{} %", reading.percent()), bytes]
}

/// ` (2 of 12)`, if there are several files.
fn which(reading: &Reading) -> String {
    reading.file.map(|(file, files)| format!(" ({file} of {files})")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
