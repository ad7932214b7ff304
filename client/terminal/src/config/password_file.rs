//! The password file.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Context;
use qchat_client::private_file;
use qchat_proto::Password;
use qchat_proto::limits::PASSWORD_BYTES_MAX;
use zeroize::Zeroizing;

/// The first line of a password file, without its line ending.
///
/// # Errors
/// The file cannot be read, others can read it too, or its first line is no password.
pub(super) fn first_line(path: &Path) -> anyhow::Result<Password> {
    let name = || format!("the password file {}", path.display());
    let file = File::open(path).with_context(name)?;
    private_file::check_secret(&file, path).with_context(name)?;
    let mut line = Zeroizing::new(Vec::new());
    // One byte more than the longest password with its line ending shows that a password is too long.
    let limit = u64::try_from(PASSWORD_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(3);
    BufReader::new(file).take(limit).read_until(b'\n', &mut line).with_context(name)?;
    let text = std::str::from_utf8(&line).with_context(name)?;
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    Password::try_from(text.to_owned()).with_context(name)
}

#[cfg(test)]
mod tests;
