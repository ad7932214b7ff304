//! Certificates: what we make, and what we read in those of others.

use std::net::IpAddr;
use std::time::SystemTime;

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::pki_types::ServerName;
use time::{Duration, OffsetDateTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

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

/// When a certificate in DER expires.
pub(crate) fn expires(certificate: &[u8]) -> Result<OffsetDateTime, String> {
    Ok(parse(certificate)?.validity().not_after.to_datetime())
}

/// The DNS names and addresses that a certificate in DER is for.
pub(crate) fn names(certificate: &[u8]) -> Result<Vec<String>, String> {
    let certificate = parse(certificate)?;
    let names = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
    let names = names.iter().flat_map(|names| &names.value.general_names);
    Ok(names.filter_map(name).collect())
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
        },
        _ => None,
    }
}

fn parse(certificate: &[u8]) -> Result<X509Certificate<'_>, String> {
    let parsed = X509Certificate::from_der(certificate);
    parsed.map(|(_, certificate)| certificate).map_err(|error| error.to_string())
}
