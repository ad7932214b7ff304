//! The server's log, on standard error.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write, stderr};
use std::str::FromStr;

use clap::ValueEnum;
use qchat_terminal::{acts, tell};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let format = <Self as ValueEnum>::from_str(text.trim(), true);
        format.map_err(|_| format!("{text:?} is neither text nor json"))
    }
}

/// The variable that sets another filter.
const VARIABLE: &str = "QCHAT_LOG";

/// Starts logging. `QCHAT_LOG` is the filter, as in `debug` or `qchat_node=debug,warn`.
pub(crate) fn start(format: LogFormat) {
    let wanted = std::env::var(VARIABLE).unwrap_or_default();
    let chosen = filter(&wanted);
    let is_wrong = chosen.is_none() && !wanted.is_empty();
    let filter = chosen.unwrap_or_else(default_filter);
    let log = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(move || OneLine(format));
    match format {
        LogFormat::Text => {
            let log = log.with_target(false).with_ansi(stderr().is_terminal());
            log.finish().with(filter).init();
        }
        LogFormat::Json => log.json().flatten_event(true).finish().with(filter).init(),
    }
    if is_wrong {
        tracing::warn!(
            "{VARIABLE}={wanted} is not understood and changes nothing; write debug, or qchat_node=debug,warn"
        );
    }
}

/// The filter in this text; `None` if it names none. Empty parts are left out: as a filter they would stand for
/// errors alone. A filter of spans is refused: it would be taken for the name of a target.
fn filter(text: &str) -> Option<Targets> {
    let parts: Vec<_> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    let is_filter = !parts.is_empty() && !text.contains('[');
    Targets::from_str(&parts.join(",")).ok().filter(|_| is_filter)
}

/// The filter if `QCHAT_LOG` is not set.
fn default_filter() -> Targets {
    let libraries = ["quinn", "quinn_proto", "rustls"].map(|target| (target, LevelFilter::WARN));
    Targets::new().with_default(LevelFilter::INFO).with_targets(libraries)
}

/// Writes each event as one line that no terminal acts on, whatever text of a peer is in it. The subscriber
/// hands over a whole event at a time.
struct OneLine(LogFormat);

impl Write for OneLine {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        // If the log's disk is full, the server goes on. The logger's own answer to an error is a line on
        // the same stream, by a macro that panics.
        tell(&escaped(line, self.0));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The line with all characters escaped that a terminal would act on. The log's own colours stay.
fn escaped(line: &str, format: LogFormat) -> String {
    let mut escaped = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(character) = rest.chars().next() {
        let length = colour_length(rest).unwrap_or(character.len_utf8());
        let (part, after) = rest.split_at(length);
        rest = after;
        // Writing to a String does not fail.
        let _ = match format {
            _ if length > character.len_utf8() || !acts(character) => escaped.write_str(part),
            LogFormat::Text => write!(escaped, "{}", character.escape_unicode()),
            LogFormat::Json => {
                let units = character.encode_utf16(&mut [0; 2]).to_vec();
                units.iter().try_for_each(|unit| write!(escaped, "\\u{unit:04x}"))
            }
        };
    }
    escaped
}

/// The colour sequences of the log itself: none, bold, dim, italic, and red to cyan. None of them hides or
/// blinks.
const COLOURS: [&str; 10] = ["0", "1", "2", "3", "31", "32", "33", "34", "35", "36"];

/// The length of the colour sequence at the start of `text`, if there is one.
fn colour_length(text: &str) -> Option<usize> {
    let (numbers, _) = text.strip_prefix("\u{1b}[")?.split_once('m')?;
    let is_ours = numbers.split(';').all(|number| COLOURS.contains(&number));
    is_ours.then(|| numbers.len() + "\u{1b}[m".len())
}

/// Checks any bytes as an event: its written form is one line, is safe to print, and does not change when it is
/// written again.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_event(event: &[u8]) {
    let event = String::from_utf8_lossy(event);
    for format in [LogFormat::Text, LogFormat::Json] {
        let line = escaped(&event, format);
        assert_eq!(escaped(&line, format), line, "{event:?}");
        let mut rest = line.as_str();
        while let Some(character) = rest.chars().next() {
            let length = colour_length(rest);
            assert!(length.is_some() || !character.is_control() && !acts(character), "{line:?}");
            rest = rest.split_at(length.unwrap_or(character.len_utf8())).1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_that_no_terminal_acts_on() {
        let text = |line| escaped(line, LogFormat::Text);
        assert_eq!(text("a\nb\u{9b}2J\u{1b}[2Jc\u{202e}"), "a\\u{a}b\\u{9b}2J\\u{1b}[2Jc\\u{202e}");
        assert_eq!(text("\u{1b}[2;32m INFO\u{1b}[0m hi"), "\u{1b}[2;32m INFO\u{1b}[0m hi");
        assert_eq!(text("\u{1b}[8mhidden\u{1b}[m"), "\\u{1b}[8mhidden\\u{1b}[m");
        let json = escaped("{\"a\":\"\u{9b}\u{e0041}é\"}", LogFormat::Json);
        assert_eq!(json, "{\"a\":\"\\u009b\\udb40\\udc41é\"}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&json).unwrap()["a"],
            "\u{9b}\u{e0041}é"
        );
    }
    #[test]
    fn the_corpus_of_events_is_safe_to_print() {
        let inputs = crate::corpus::read(include_str!("../fuzz/corpus/program.txt"));
        assert!(inputs.len() > 20);
        inputs.iter().for_each(|input| check_event(input));
    }

    #[test]
    fn an_empty_part_of_a_filter_changes_nothing() {
        for text in ["info", "info,", ",info", " info , ,"] {
            assert_eq!(
                filter(text),
                Some(Targets::new().with_default(LevelFilter::INFO)),
                "{text}"
            );
        }
        for text in ["", ",", " , ", "qchat_node[span]=debug"] {
            assert_eq!(filter(text), None, "{text}");
        }
    }
}
