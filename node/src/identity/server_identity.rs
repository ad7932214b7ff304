//! The server's certificate and key: reading them, and making self-signed ones.

use std::path::{Path, PathBuf};

use qchat_proto::Fingerprint;
use qchat_proto::command::ServerKeys;
use rcgen::KeyPair;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;

use crate::identity::certificate;
use crate::identity::certificate_fields;
use crate::identity::current::PublicIdentity;
use crate::identity::error::{IdentityError, MakeError};
use crate::identity::pem_file;
use crate::identity::pem_file::{CERTIFICATE_MODE, KEY_MODE, unreadable};

/// The names of a certificate that the server makes for itself.
const DEFAULT_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Where the certificate and its key are.
#[derive(Debug, Clone)]
pub struct IdentityFiles {
    /// The certificate, or a chain of them, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
    /// Whether the server makes a certificate where there is none.
    pub make_missing: bool,
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// The fingerprint of the key that is to take its place.
    next: Option<Fingerprint>,
    files: IdentityFiles,
}

impl IdentityFiles {
    /// `cert.pem` and `key.pem` in a folder, made where they are missing.
    pub fn in_folder(folder: &Path) -> Self {
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        Self { certificate, key, make_missing: true }
    }

    /// Reads both files; `None` where there is no certificate and one may be made.
    ///
    /// # Errors
    /// [`IdentityError`], which names the file.
    pub fn load(&self) -> Result<Option<Identity>, IdentityError> {
        if self.make_missing && !self.certificate.exists() {
            return Ok(None);
        }
        self.read().map(Some)
    }

    /// Makes a certificate for this machine's own names.
    pub(crate) fn make_default(&self) -> Result<Identity, IdentityError> {
        self.make(&DEFAULT_NAMES.map(str::to_owned))
    }

    /// Makes a self-signed certificate for these DNS names and addresses and writes it. A key that is
    /// there is kept, so that clients which know it go on trusting the server; else a new one is made
    /// (ECDSA on P-256).
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

    /// The DNS names and addresses of the certificate that is there, by which a new one goes on; those
    /// of this machine where there is none.
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

    /// Reads the identity that is in force.
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

    /// The identity with the certificate that was made for a key which has just come into force, where
    /// the change was cut before the certificate had its name.
    pub(crate) fn read_renewed(&self) -> Option<Identity> {
        let identity = self.read_with(&self.next_certificate()).ok()?;
        identity.check().is_ok().then_some(identity)
    }

    /// Whether certificate and key are there and belong together.
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

/// The key of a file, which is made where it is missing.
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
    /// The certificates, the server's own first.
    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.clone()
    }

    /// The private key.
    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }

    /// The fingerprint of the public key, by which clients know the server.
    ///
    /// # Errors
    /// [`IdentityError::Mismatch`], where the certificate cannot be parsed.
    pub fn fingerprint(&self) -> Result<Fingerprint, IdentityError> {
        let own = self.chain.first().ok_or_else(|| self.mismatch(&"there is no certificate"))?;
        let parsed = ParsedCertificate::try_from(own).map_err(|error| self.mismatch(&error))?;
        Ok(Fingerprint::of_public_key(&parsed.subject_public_key_info()))
    }

    /// What others may know of it.
    ///
    /// # Errors
    /// [`IdentityError`], where the certificate cannot be parsed.
    pub(crate) fn identification(&self) -> Result<PublicIdentity, IdentityError> {
        let keys = ServerKeys { current: self.fingerprint()?, next: self.next };
        let own = self.chain.first().map(|own| certificate_fields::expires(own));
        let expires = own.unwrap_or_else(|| Err("there is no certificate".to_owned()));
        let file = &self.files.certificate;
        let expires = expires.map_err(|error| unreadable("the certificate", file, &error))?;
        Ok(PublicIdentity { keys, expires })
    }

    /// Whether certificate and key belong together.
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
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_renewed_certificate_keeps_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let files = IdentityFiles::in_folder(folder.path());
        assert!(files.load().unwrap().is_none());
        let first = files.make_default().unwrap();
        let renewed = files.make(&["chat.example.org".to_owned()]).unwrap();
        assert_eq!(first.fingerprint().unwrap(), renewed.fingerprint().unwrap());
        assert_ne!(first.chain, renewed.chain);
        assert_eq!(std::fs::metadata(&files.key).unwrap().mode() & 0o777, KEY_MODE);
    }

    #[test]
    fn a_certificate_without_its_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let files = IdentityFiles::in_folder(folder.path());
        files.make_default().unwrap();
        std::fs::remove_file(&files.key).unwrap();
        let error = files.load().unwrap_err().to_string();
        assert!(error.contains("key.pem is missing"), "{error}");
    }

    #[test]
    fn a_foreign_key_does_not_fit() {
        let folder = tempfile::tempdir().unwrap();
        let files = IdentityFiles::in_folder(folder.path());
        files.make_default().unwrap();
        let other = KeyPair::generate().unwrap().serialize_pem();
        std::fs::write(&files.key, other).unwrap();
        assert!(matches!(files.load(), Err(IdentityError::Mismatch { .. })));
        std::fs::write(&files.key, "rubbish").unwrap();
        assert!(matches!(files.load(), Err(IdentityError::Unreadable { .. })));
    }
}
