//! Reading the certificate and the key of the server, and making self-signed certificates.

use std::path::{Path, PathBuf};

use qchat_proto::Fingerprint;
use qchat_proto::command::ServerKeys;
use rcgen::KeyPair;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;

use crate::identity::current::PublicIdentity;
use crate::identity::error::{IdentityError, MakeError};
use crate::identity::pem_file::{self, CERTIFICATE_MODE, KEY_MODE, unreadable};
use crate::identity::{certificate, certificate_fields};

/// The names in the certificate that the server makes at its first start.
const DEFAULT_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The paths of the certificate and its key.
#[derive(Debug, Clone)]
pub struct IdentityFiles {
    /// The certificate or the certificate chain, in PEM.
    pub certificate: PathBuf,
    /// The private key, in PEM.
    pub key: PathBuf,
    /// Whether the server makes a certificate if there is none.
    pub make_missing: bool,
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// The fingerprint of the next key.
    next: Option<Fingerprint>,
    files: IdentityFiles,
}

impl IdentityFiles {
    /// `cert.pem` and `key.pem` in a folder. They are made if they are missing.
    pub fn in_folder(folder: &Path) -> Self {
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        Self { certificate, key, make_missing: true }
    }

    /// Reads both files. `None` if there is no certificate and `make_missing` is true.
    ///
    /// # Errors
    /// [`IdentityError`], which names the file.
    pub fn load(&self) -> Result<Option<Identity>, IdentityError> {
        if self.make_missing && !self.certificate.exists() {
            return Ok(None);
        }
        self.read().map(Some)
    }

    /// Makes a certificate for `localhost` and the loopback addresses.
    pub(crate) fn make_default(&self) -> Result<Identity, IdentityError> {
        self.make(&DEFAULT_NAMES.map(str::to_owned))
    }

    /// Makes and writes a self-signed certificate for these DNS names and addresses. An existing key is kept, so that
    /// clients which have pinned it still trust the server. Otherwise a new key is made (ECDSA on P-256).
    ///
    /// # Errors
    /// [`IdentityError`], which names the file or the name.
    pub fn make(&self, names: &[String]) -> Result<Identity, IdentityError> {
        certificate::check_names(names)?;
        let key = make_or_keep_key("the key", &self.key)?;
        let certificate = certificate::self_signed(names, &key).map_err(MakeError::from)?;
        pem_file::write(&self.certificate, certificate.as_bytes(), CERTIFICATE_MODE)?;
        self.read()
    }

    /// The DNS names and addresses of the existing certificate, for a renewal. The default names if there is none.
    ///
    /// # Errors
    /// [`IdentityError`], which names the file.
    pub fn names(&self) -> Result<Vec<String>, IdentityError> {
        if !self.certificate.exists() {
            return Ok(DEFAULT_NAMES.map(str::to_owned).to_vec());
        }
        let chain = read_chain(&self.certificate)?;
        let own = chain.first().map(|own| certificate_fields::names(own)).unwrap_or(Ok(Vec::new()));
        own.map_err(|error| unreadable("the certificate", &self.certificate, &error))
    }

    /// Reads the current identity.
    ///
    /// # Errors
    /// [`IdentityError`], which names the file.
    pub(crate) fn read(&self) -> Result<Identity, IdentityError> {
        let identity = self.read_with(&self.certificate)?;
        let identity = match identity.check() {
            Err(mismatch) => self.read_renewed().ok_or(mismatch)?,
            Ok(()) => identity,
        };
        let next = self.next()?.filter(|next| identity.fingerprint().is_ok_and(|key| key != *next));
        Ok(Identity { next, ..identity })
    }

    /// The identity after an interrupted rotation: the key was renamed already, and its certificate still has the name
    /// of the next one.
    pub(crate) fn read_renewed(&self) -> Option<Identity> {
        let identity = self.read_with(&self.next_certificate()).ok()?;
        identity.check().is_ok().then_some(identity)
    }

    /// Whether the certificate and the key can be read and belong together.
    pub(crate) fn is_whole(&self) -> bool {
        self.read_with(&self.certificate).is_ok_and(|identity| identity.check().is_ok())
    }

    fn read_with(&self, certificate: &Path) -> Result<Identity, IdentityError> {
        let chain = read_chain(certificate)?;
        let pem = pem_file::read_secret("the key", &self.key)?;
        let key = PrivateKeyDer::from_pem_slice(&pem);
        let key = key.map_err(|error| unreadable("the key", &self.key, &error))?;
        Ok(Identity { chain, key, next: None, files: self.clone() })
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let what = "the certificate";
    let pem = pem_file::read(what, path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|error| unreadable(what, path, &error))?;
    match chain.is_empty() {
        true => Err(unreadable(what, path, &"it holds no certificate in PEM")),
        false => Ok(chain),
    }
}

/// Reads the key of a file, or makes a new one if the file is missing.
pub(crate) fn make_or_keep_key(what: &'static str, path: &Path) -> Result<KeyPair, IdentityError> {
    match pem_file::read_secret(what, path) {
        Err(IdentityError::Missing { .. }) => {
            let key = KeyPair::generate().map_err(MakeError::from)?;
            pem_file::write(path, key.serialize_pem().as_bytes(), KEY_MODE)?;
            Ok(key)
        }
        Ok(pem) => {
            let pem = String::from_utf8(pem).map_err(|error| unreadable(what, path, &error))?;
            KeyPair::from_pem(&pem).map_err(|error| unreadable(what, path, &error))
        }
        Err(error) => Err(error),
    }
}

impl Identity {
    /// The certificate chain. The certificate of the server is the first.
    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.clone()
    }

    /// The private key.
    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }

    /// The fingerprint of the public key, which clients pin.
    ///
    /// # Errors
    /// [`IdentityError::Mismatch`] if the certificate cannot be parsed.
    pub fn fingerprint(&self) -> Result<Fingerprint, IdentityError> {
        let own = self.chain.first().ok_or_else(|| self.mismatch(&"there is no certificate"))?;
        let parsed = ParsedCertificate::try_from(own).map_err(|error| self.mismatch(&error))?;
        Ok(Fingerprint::of_public_key(&parsed.subject_public_key_info()))
    }

    /// The public part of the identity.
    ///
    /// # Errors
    /// [`IdentityError`] if the certificate cannot be parsed.
    pub(crate) fn public_identity(&self) -> Result<PublicIdentity, IdentityError> {
        let keys = ServerKeys { current: self.fingerprint()?, next: self.next };
        let own = self.chain.first().map(|own| certificate_fields::expires(own));
        let expires = own.unwrap_or_else(|| Err("there is no certificate".to_owned()));
        let file = &self.files.certificate;
        let expires = expires.map_err(|error| unreadable("the certificate", file, &error))?;
        Ok(PublicIdentity { keys, expires })
    }

    /// Checks that the certificate and the key belong together.
    fn check(&self) -> Result<(), IdentityError> {
        let provider = aws_lc_rs::default_provider();
        rustls::sign::CertifiedKey::from_der(self.chain(), self.key(), &provider)
            .and_then(|certified| certified.keys_match())
            .map_err(|error| self.mismatch(&error))
    }

    fn mismatch(&self, reason: &dyn ToString) -> IdentityError {
        IdentityError::Mismatch {
            certificate: self.files.certificate.clone(),
            key: self.files.key.clone(),
            reason: reason.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
