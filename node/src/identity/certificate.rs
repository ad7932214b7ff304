//! Makes self-signed certificates, and checks the names for them.

use std::time::SystemTime;

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::pki_types::ServerName;
use time::{Duration, OffsetDateTime};

use crate::identity::error::MakeError;

/// The validity of a self-signed certificate. Clients pin the key and not the certificate, so ten years are safe and
/// spare the operator a date to remember.
const VALIDITY: Duration = Duration::days(3650);

/// A certificate is valid from one hour before it was made, because clocks differ.
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

/// Checks the names of a certificate before any file is written.
///
/// # Errors
/// [`MakeError::Name`]: no client can connect to a server of this name.
pub(crate) fn check_names(names: &[String]) -> Result<(), MakeError> {
    match names.iter().find(|name| !is_name(name)) {
        Some(wrong) => Err(MakeError::Name(wrong.clone())),
        None => Ok(()),
    }
}

/// Whether the name is a DNS name, a wildcard (`*.`) with a DNS name, or an IP address.
fn is_name(name: &str) -> bool {
    ServerName::try_from(name.strip_prefix("*.").unwrap_or(name)).is_ok()
}
