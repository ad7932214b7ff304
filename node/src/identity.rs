//! The server's certificate and key: reading them, and making self-signed ones.

use std::fs::Permissions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use qchat_proto::Fingerprint;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use time::{Duration, OffsetDateTime};

/// How long a certificate that we make is valid. Clients pin its key, which outlives it; ten years let
/// a server run without a date to remember.
const VALIDITY: Duration = Duration::days(3650);

/// Clocks differ: a certificate is valid from an hour before it was made.
const CLOCK_SKEW: Duration = Duration::hours(1);

/// The names of a certificate that the server makes for itself.
const DEFAULT_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

const KEY_MODE: u32 = 0o600;
const CERTIFICATE_MODE: u32 = 0o644;

/// Why a certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file that is not there.
    #[error("{what} {} is missing: make one with qchat cert, or name the right file", path.display())]
    Missing {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A file that cannot be read, or does not hold what it should.
    #[error("cannot read {what} {}: {reason}", path.display())]
    Unreadable {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The certificate cannot be parsed, or is not that of the key.
    #[error("the certificate {} and the key {} do not belong together: {reason}", certificate.display(), key.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// No new certificate could be made.
    #[error(transparent)]
    Make(#[from] MakeError),
}

/// Why no certificate could be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// A name, or the key that is there already.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A file that cannot be read or written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

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
        let key = self.key_pair()?;
        let certificate = parameters(names)?.self_signed(&key).map_err(MakeError::from)?;
        write(&self.certificate, certificate.pem().as_bytes(), CERTIFICATE_MODE)?;
        self.read()
    }

    fn key_pair(&self) -> Result<KeyPair, IdentityError> {
        match std::fs::read_to_string(&self.key) {
            Ok(pem) => {
                KeyPair::from_pem(&pem).map_err(|error| unreadable("the key", &self.key, &error))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = KeyPair::generate().map_err(MakeError::from)?;
                write(&self.key, key.serialize_pem().as_bytes(), KEY_MODE)?;
                Ok(key)
            }
            Err(error) => Err(unreadable("the key", &self.key, &error)),
        }
    }

    fn read(&self) -> Result<Identity, IdentityError> {
        let what = "the certificate";
        let pem = read(what, &self.certificate)?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let chain = chain.map_err(|error| unreadable(what, &self.certificate, &error))?;
        if chain.is_empty() {
            return Err(unreadable(what, &self.certificate, &"it holds no certificate in PEM"));
        }
        let pem = read("the key", &self.key)?;
        let key = PrivateKeyDer::from_pem_slice(&pem);
        let key = key.map_err(|error| unreadable("the key", &self.key, &error))?;
        let identity = Identity { chain, key, files: self.clone() };
        identity.check()?;
        Ok(identity)
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

    /// Whether certificate and key belong together.
    fn check(&self) -> Result<(), IdentityError> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
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

fn parameters(names: &[String]) -> Result<CertificateParams, MakeError> {
    let mut parameters = CertificateParams::new(names)?;
    let now = OffsetDateTime::from(SystemTime::now());
    parameters.not_before = now - CLOCK_SKEW;
    parameters.not_after = now + VALIDITY;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, "qchat server");
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(parameters)
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, IdentityError> {
    std::fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => IdentityError::Missing { what, path: path.to_owned() },
        _ => unreadable(what, path, &error),
    })
}

fn unreadable(what: &'static str, path: &Path, reason: &dyn ToString) -> IdentityError {
    IdentityError::Unreadable { what, path: path.to_owned(), reason: reason.to_string() }
}

/// Writes a file aside, with its mode from the start, and renames it.
fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), MakeError> {
    let write = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let permissions: Permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        std::fs::File::open(folder)?.sync_all()
    };
    write().map_err(|source| MakeError::Write { path: path.to_owned(), source })
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
