//! Settings files: TOML with one line for each setting. The errors need no knowledge of TOML.

use std::str::FromStr;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use toml::{Table, Value};

/// Parses a settings file. `names` are the settings that exist; each is optional.
///
/// # Errors
/// One sentence that follows the file's name: the line, the setting, and the expected form.
pub fn parse_settings<T: DeserializeOwned>(text: &str, names: &[&str]) -> Result<T, String> {
    let table: Table = toml::from_str(text).map_err(|error| no_setting(text, &error))?;
    for (name, value) in &table {
        if !names.contains(&name.as_str()) {
            return Err(format!("{}: {}", line_of(text, name), unknown(name, names)));
        }
        // One by one, so that an error belongs to a known setting.
        let alone = Table::from_iter([(name.clone(), value.clone())]);
        T::deserialize(alone)
            .map_err(|error| format!("{}: {name}: {}", line_of(text, name), error.message()))?;
    }
    T::deserialize(table).map_err(|error| format!(": {}", error.message()))
}

/// Parses a setting like its flag. Numbers and `true` need no quotes.
///
/// # Errors
/// The sentence of the setting's type.
pub fn setting<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let text = match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(value) => value.to_string(),
        _ => return Err(D::Error::custom("one value is wanted here, such as \"10G\" or 30")),
    };
    text.parse().map(Some).map_err(D::Error::custom)
}

/// Parses a setting that is true or false.
///
/// # Errors
/// The value is neither.
pub(crate) fn on_or_off<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<bool>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let wrong = || D::Error::custom(format!("{value} is neither true nor false"));
    value.as_bool().map(Some).ok_or_else(wrong)
}

/// The error for a line that is no TOML. The parser's own texts are about its grammar.
fn no_setting(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    match error.message() {
        "duplicate key" => format!(", line {line}: this setting stands here twice"),
        _ => format!(
            ", line {line}: this is no setting; write NAME = \"VALUE\", such as quota = \"10G\""
        ),
    }
}

/// `, line 3` if the name begins a line.
fn line_of(text: &str, name: &str) -> String {
    let sets = |line: &str| {
        let before = line.split(['=', '.', ']']).next().unwrap_or_default();
        before.trim_matches(|part: char| part.is_whitespace() || "\"'[".contains(part)) == name
    };
    let line = text.lines().position(sets);
    line.map(|line| format!(", line {}", line + 1)).unwrap_or_default()
}

fn unknown(name: &str, names: &[&str]) -> String {
    let distance = |known: &&&str| strsim::damerau_levenshtein(known, &name.replace('-', "_"));
    let nearest = names.iter().min_by_key(distance);
    match nearest.filter(|known| distance(known) <= (name.len() / 3).clamp(1, 3)) {
        Some(nearest) => format!("there is no setting {name}; did you mean {nearest}?"),
        None => format!("there is no setting {name}; there are {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests;
