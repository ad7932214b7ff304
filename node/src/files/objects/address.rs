//! The address of a bucket, as it is written on the command line.

use std::fmt;
use std::str::FromStr;

/// The address of the files in S3: `s3://BUCKET` or `s3://BUCKET/PREFIX`. It has no credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesAddress {
    pub(super) bucket: String,
    /// Without `/` at its ends. May be empty.
    pub(super) prefix: String,
}

/// The text is not the address of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no place for files; write s3://BUCKET or s3://BUCKET/PREFIX, and put credentials into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)]
pub struct FilesAddressError(String);

impl FromStr for FilesAddress {
    type Err = FilesAddressError;

    fn from_str(text: &str) -> Result<Self, FilesAddressError> {
        let wrong = || FilesAddressError(text.to_owned());
        let path = text.trim().strip_prefix("s3://").ok_or_else(wrong)?;
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let is_plain = |text: &str, others: &str| {
            text.chars().all(|char| char.is_ascii_alphanumeric() || others.contains(char))
        };
        let prefix = prefix.trim_matches('/');
        let is_prefix = prefix.is_empty()
            || prefix
                .split('/')
                .all(|part| !part.is_empty() && !part.starts_with('.') && is_plain(part, "._-"));
        // The lengths and characters of a bucket's name are those of S3.
        match (3..=63).contains(&bucket.len()) && is_plain(bucket, ".-") && is_prefix {
            true => Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() }),
            false => Err(wrong()),
        }
    }
}

impl fmt::Display for FilesAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix.as_str() {
            "" => write!(formatter, "s3://{}", self.bucket),
            prefix => write!(formatter, "s3://{}/{prefix}", self.bucket),
        }
    }
}

#[cfg(test)]
mod tests;
