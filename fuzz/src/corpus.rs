//! The corpora: as the repository keeps them, one text a target with an input on each line, and as the
//! fuzzer wants them, a folder of files.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

#[path = "../../tests/corpus/mod.rs"]
mod corpus;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["unpack", text, folder] => unpack(text.as_ref(), folder.as_ref()),
        ["pack", folder, text] => pack(folder.as_ref(), text.as_ref()),
        _ => Err(io::Error::other("usage: corpus unpack TEXT FOLDER | corpus pack FOLDER TEXT")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "corpus: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes each input into a file of its own.
fn unpack(text: &Path, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (number, input) in corpus::read(&fs::read_to_string(text)?).into_iter().enumerate() {
        fs::write(folder.join(format!("kept-{number}")), input)?;
    }
    Ok(())
}

/// Writes the inputs of a folder as lines, the shortest first. The text's head stays.
fn pack(folder: &Path, text: &Path) -> io::Result<()> {
    let before = fs::read_to_string(text).unwrap_or_default();
    let head = before.lines().take_while(|line| line.starts_with('#'));
    let mut lines: Vec<String> = head.map(str::to_owned).collect();
    let mut inputs = Vec::new();
    for entry in fs::read_dir(folder)? {
        inputs.push(fs::read(entry?.path())?);
    }
    inputs.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
    inputs.dedup();
    lines.extend(inputs.iter().map(|input| escaped(input)));
    fs::write(text, lines.join("\n") + "\n")
}

/// The line that stands for these bytes.
fn escaped(input: &[u8]) -> String {
    let last = input.len().saturating_sub(1);
    let escape = |(place, &byte): (usize, &u8)| match byte {
        b'\\' | b'#' => format!("\\{}", char::from(byte)),
        b' ' if place == 0 || place == last => "\\s".to_owned(),
        b'\n' => "\\n".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        byte => format!("\\x{byte:02x}"),
    };
    match input {
        [] => "\\e".to_owned(),
        _ => input.iter().enumerate().map(escape).collect(),
    }
}
