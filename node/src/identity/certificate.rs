//! Makes self-signed certificates, and checks the names for them.

use std::time::SystemTime;

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::pki_types::ServerName;
use time::{Duration, OffsetDateTime};

use crate::identity::error::MakeError;

/// How long a certificate that we make is valid. Clients pin its key, which outlives it; ten years let
/// a server run without a date to remember.
const VALIDITY: Duration = Duration::days(3650);

/// Clocks differ: a certificate is valid from an hour before it was made.
const CLOCK_SKEW: Duration = Duration::hours(1);

/// A self-signed certificate for these DNS names and addresses, in PEM.
pub(crate) fn self_signed(names: &[String], key: &KeyPair) -> Result<String, rcgen::Error> {
    let mut parameters = CertificateParams::new(names)?;
    let now = OffsetDateTime::from(SystemTime::now());
    parameters.not_before = now - CLOCK_SKEW;
    parameters.not_after = now + VALIDITY;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, "qchat server");
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(parameters.self_signed(key)?.pem())
}

/// Checks the names of a certificate before anything is written for it.
///
/// # Errors
/// [`MakeError::Name`]: no client can ask for this name.
pub(crate) fn check_names(names: &[String]) -> Result<(), MakeError> {
    match names.iter().find(|name| !is_name(name)) {
        Some(wrong) => Err(MakeError::Name(wrong.clone())),
        None => Ok(()),
    }
}

/// A DNS name, with `*.` before it for all names below, or an address.
fn is_name(name: &str) -> bool {
    ServerName::try_from(name.strip_prefix("*.").unwrap_or(name)).is_ok()
}
