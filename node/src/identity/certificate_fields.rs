//! Reads the fields of a certificate that rustls checks and does not expose (RFC 5280, section 4.1).
#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the callbacks of yasna are general over lifetimes, and the path of a method is not"
)]

use std::net::IpAddr;

use time::OffsetDateTime;
use yasna::models::ObjectIdentifier;
use yasna::tags::TAG_UTCTIME;
use yasna::{ASN1Error, ASN1ErrorKind, ASN1Result, BERReader, Tag, TagClass, parse_der};

/// The tag of the optional version, which comes first: `[0]`, constructed.
const VERSION: u8 = 0xa0;

/// The tag of the optional extensions: `[3]`, constructed.
const EXTENSIONS: u8 = 0xa3;

/// The index of the validity after the version: behind serial number, signature algorithm and issuer.
const VALIDITY: usize = 3;

/// The object identifier of the subject alternative names.
const SUBJECT_ALT_NAME: &[u64] = &[2, 5, 29, 17];

/// The tags of a DNS name and an address in the subject alternative names.
const DNS_NAME: Tag = Tag { tag_class: TagClass::ContextSpecific, tag_number: 2 };
const IP_ADDRESS: Tag = Tag { tag_class: TagClass::ContextSpecific, tag_number: 7 };

/// The time at which a certificate in DER expires.
pub(crate) fn expires(certificate: &[u8]) -> Result<OffsetDateTime, String> {
    fields(certificate).and_then(|fields| not_after(&fields)).map_err(text)
}

/// The DNS names and addresses that a certificate in DER is for.
pub(crate) fn names(certificate: &[u8]) -> Result<Vec<String>, String> {
    fields(certificate).and_then(|fields| alternative_names(&fields)).map_err(text)
}

fn text(error: ASN1Error) -> String {
    format!("it is no X.509 certificate: {error}")
}

/// The fields of the signed part, in DER, without the version.
fn fields(certificate: &[u8]) -> ASN1Result<Vec<Vec<u8>>> {
    let parts = sequence(certificate)?;
    let mut fields = sequence(item(&parts, 0)?)?;
    if fields.first().is_some_and(|field| field.first() == Some(&VERSION)) {
        fields.remove(0);
    }
    Ok(fields)
}

fn not_after(fields: &[Vec<u8>]) -> ASN1Result<OffsetDateTime> {
    let validity = sequence(item(fields, VALIDITY)?)?;
    parse_der(item(&validity, 1)?, |reader| match reader.lookahead_tag()? {
        TAG_UTCTIME => Ok(*reader.read_utctime()?.datetime()),
        _ => Ok(*reader.read_generalized_time()?.datetime()),
    })
}

fn alternative_names(fields: &[Vec<u8>]) -> ASN1Result<Vec<String>> {
    let Some(extensions) = fields.iter().find(|field| field.first() == Some(&EXTENSIONS)) else {
        return Ok(Vec::new());
    };
    let extensions = parse_der(extensions, |reader| {
        reader.read_tagged(Tag::context(3), |reader| {
            reader.collect_sequence_of(|reader| reader.read_der())
        })
    })?;
    let mut names = Vec::new();
    for extension in extensions {
        // An identifier, whether the extension is critical, and the value. The second may be absent.
        let extension = sequence(&extension)?;
        let identifier = parse_der(item(&extension, 0)?, |reader| reader.read_oid())?;
        if identifier == ObjectIdentifier::from_slice(SUBJECT_ALT_NAME) {
            let value = extension.last().map(Vec::as_slice).unwrap_or_default();
            names.extend(general_names(&parse_der(value, |reader| reader.read_bytes())?)?);
        }
    }
    Ok(names)
}

/// The DNS names and addresses among general names.
fn general_names(names: &[u8]) -> ASN1Result<Vec<String>> {
    let names = parse_der(names, |reader| reader.collect_sequence_of(general_name))?;
    Ok(names.into_iter().flatten().collect())
}

fn general_name(reader: BERReader<'_, '_>) -> ASN1Result<Option<String>> {
    match reader.lookahead_tag()? {
        DNS_NAME => {
            reader.read_tagged_implicit(DNS_NAME, |reader| reader.read_ia5_string()).map(Some)
        }
        IP_ADDRESS => reader
            .read_tagged_implicit(IP_ADDRESS, |reader| reader.read_bytes())
            .map(|bytes| address(&bytes)),
        _ => reader.read_der().map(|_| None),
    }
}

/// An address of IPv4 or IPv6.
fn address(bytes: &[u8]) -> Option<String> {
    let short = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let address = short.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
    address.ok().map(|address| address.to_string())
}

/// The items of a sequence, each in DER.
fn sequence(der: &[u8]) -> ASN1Result<Vec<Vec<u8>>> {
    parse_der(der, |reader| reader.collect_sequence_of(|reader| reader.read_der()))
}

fn item(items: &[Vec<u8>], index: usize) -> ASN1Result<&[u8]> {
    let item = items.get(index).map(Vec::as_slice);
    item.ok_or_else(|| ASN1Error::new(ASN1ErrorKind::Eof))
}

#[cfg(test)]
mod tests;
