//! Checks a server's identity during the handshake.

use std::path::Path;
use std::sync::{Arc, Mutex};

use qchat_proto::Fingerprint;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, PeerIncompatible, RootCertStore,
    SignatureScheme,
};

use crate::address::{ServerAddress, ServerAddresses};
use crate::error::{ConnectError, DifferentKeys, IdentityError, in_one_line};
use crate::lock::lock;
use crate::trust::known_servers::PinFile;
use crate::trust::listed_pins::ListedPins;
use crate::trust::policy::{Trust, Unknown};

/// The requirement for a server's identity, with all files read.
#[derive(Debug)]
pub(crate) enum Rule {
    /// Exactly this key.
    Key(Fingerprint),
    /// The pinned key, or the key that the server has announced. If no key is pinned, any key, unless unknown
    /// servers are refused.
    Known { pins: PinFile, listed: ListedPins, unknown: Unknown },
    /// A certificate that the roots vouch for.
    Authority(Arc<WebPkiServerVerifier>),
}

impl Rule {
    /// Makes the rule, and reads its files.
    pub(crate) fn load(
        server: &ServerAddresses,
        trust: Trust,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, ConnectError> {
        Ok(match trust {
            Trust::Fingerprint(fingerprint) => Self::Key(fingerprint),
            Trust::Known { pins, unknown } => {
                Self::Known { listed: ListedPins::load(&pins, server)?, pins, unknown }
            }
            Trust::Authority(path) => {
                let verifier = authority(&path, provider);
                Self::Authority(
                    verifier.map_err(|reason| ConnectError::Authority { path, reason })?,
                )
            }
        })
    }
}

const SECONDS_A_DAY: u64 = 24 * 60 * 60;

/// A verifier that trusts the certificates of a PEM file.
fn authority(
    path: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, String> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| error.to_string())
}

/// The reason why no authority vouches for a server, with the remedy if there is one.
fn reason(error: &Error, now: UnixTime) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => {
            let days = now.as_secs().saturating_sub(not_after.as_secs()) / SECONDS_A_DAY;
            let since = match days {
                0 => "today".to_owned(),
                1 => "yesterday".to_owned(),
                days => format!("{days} days ago"),
            };
            format!("its certificate expired {since}; its owner has to renew it")
        }
        Error::InvalidCertificate(CertificateError::NotValidYetContext { .. }) => {
            "its certificate is not valid yet; is the clock of this machine right?".to_owned()
        }
        error => in_one_line(error),
    }
}

/// Checks the server by a [`Rule`], and keeps the result for the caller of the handshake.
#[derive(Debug)]
pub(crate) struct Verifier {
    server: ServerAddress,
    rule: Arc<Rule>,
    provider: Arc<CryptoProvider>,
    judgement: Mutex<Option<Result<Fingerprint, IdentityError>>>,
}

impl Verifier {
    pub(crate) fn new(
        server: ServerAddress,
        rule: Arc<Rule>,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        Self { server, rule, provider, judgement: Mutex::default() }
    }

    /// The server's key, or the reason why it is refused; `None` if the server has shown no certificate yet.
    /// That the server holds the key is certain only once the handshake has succeeded.
    pub(crate) fn judgement(&self) -> Option<Result<Fingerprint, IdentityError>> {
        lock(&self.judgement).clone()
    }

    fn judge_key(&self, presented: Fingerprint) -> Result<Fingerprint, IdentityError> {
        match &*self.rule {
            Rule::Key(asked) if *asked != presented => {
                let server = self.server.clone();
                Err(IdentityError::NotTheOneAsked { server, asked: *asked, presented })
            }
            Rule::Known { pins, listed, unknown } if !listed.accept(presented) => {
                self.judge_other_key(presented, (pins, listed, *unknown))
            }
            Rule::Key(_) | Rule::Known { .. } | Rule::Authority(_) => Ok(presented),
        }
    }

    /// Judges a key that is not pinned for the server.
    fn judge_other_key(
        &self,
        presented: Fingerprint,
        (pins, listed, unknown): (&PinFile, &ListedPins, Unknown),
    ) -> Result<Fingerprint, IdentityError> {
        let (server, pins) = (self.server.clone(), pins.path().to_owned());
        if let Some((other, pin)) = listed.beside(&server) {
            let (other, known) = (other.clone(), pin.key);
            return Err(DifferentKeys { server, presented, other, known, pins }.into());
        }
        match (listed.of(&server), unknown) {
            (Some(pin), _) => {
                Err(IdentityError::Changed { server, presented, pinned: pin.key, pins })
            }
            (None, Unknown::Refuse) => Err(IdentityError::Unknown { server, presented }),
            (None, Unknown::Accept) => Ok(presented),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        let mut judgement = self.judge_key(Fingerprint::of_public_key(&key));
        if let Rule::Authority(authority) = &*self.rule {
            let vouched = authority.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            );
            if let Err(error) = vouched {
                judgement = Err(IdentityError::Authority { reason: reason(&error, now) });
            }
        }
        let trusted = judgement.is_ok();
        *lock(&self.judgement) = Some(judgement);
        match trusted {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // QUIC is TLS 1.3 (RFC 9001, section 4.2).
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
