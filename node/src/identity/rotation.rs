//! Key rotation: the next key is made, announced to the clients, and then replaces the current key.
//!
//! `next-key.pem` lies beside the current key until the rotation. `next-cert.pem`, its certificate, exists only
//! during the rotation. Two files cannot be replaced in one step, so the key is replaced first. Until the certificate
//! is replaced too, the server uses `next-cert.pem`. So there is a usable identity at every moment.

use std::path::PathBuf;

use qchat_proto::Fingerprint;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use crate::identity::certificate;
use crate::identity::error::{IdentityError, MakeError};
use crate::identity::pem_file::{self, CERTIFICATE_MODE, unreadable};
use crate::identity::server_identity::{Identity, IdentityFiles, make_or_keep_key};

/// The name of the next key in error messages.
const NEXT_KEY: &str = "the next key";

/// The next key, before its rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreparedKey {
    /// The fingerprint of the key.
    pub fingerprint: Fingerprint,
    /// Whether the key existed before.
    pub existed: bool,
}

/// The outcome of a rotation.
#[derive(Debug)]
pub enum Rotation {
    /// The next key is the current key now.
    Done(Identity),
    /// There is no next key, and the current key stays.
    Nothing(Identity),
}

impl IdentityFiles {
    /// The path of the next key, which may not exist.
    pub fn next_key(&self) -> PathBuf {
        self.key.with_file_name("next-key.pem")
    }

    pub(crate) fn next_certificate(&self) -> PathBuf {
        self.key.with_file_name("next-cert.pem")
    }

    /// The fingerprint of the next key; `None` if there is none.
    ///
    /// # Errors
    /// [`IdentityError`], which names the file.
    pub fn next(&self) -> Result<Option<Fingerprint>, IdentityError> {
        let path = self.next_key();
        let pem = match pem_file::read_secret(NEXT_KEY, &path) {
            Err(IdentityError::Missing { .. }) => return Ok(None),
            read => read?,
        };
        let key = PrivateKeyDer::from_pem_slice(&pem);
        let key = key.map_err(|error| unreadable(NEXT_KEY, &path, &error))?;
        let key = aws_lc_rs::sign::any_supported_type(&key);
        let key = key.map_err(|error| unreadable(NEXT_KEY, &path, &error))?;
        let public = key.public_key().ok_or_else(|| unreadable(NEXT_KEY, &path, &"of no use"))?;
        Ok(Some(Fingerprint::of_public_key(&public)))
    }

    /// Makes the next key, unless there is one. It is used only after [`rotate`](Self::rotate).
    ///
    /// # Errors
    /// [`IdentityError`], which names the file, also if there is no current key.
    pub fn make_next(&self) -> Result<PreparedKey, IdentityError> {
        self.read()?;
        let existed = self.next()?.is_some();
        make_or_keep_key(NEXT_KEY, &self.next_key())?;
        let missing = || IdentityError::Missing { what: NEXT_KEY, path: self.next_key() };
        Ok(PreparedKey { fingerprint: self.next()?.ok_or_else(missing)?, existed })
    }

    /// Replaces the current key with the next key, and makes a certificate for these DNS names and addresses. If the
    /// rotation is interrupted, a usable identity remains, and the next call completes the rotation.
    ///
    /// # Errors
    /// [`IdentityError`], which names the file or the name.
    pub fn rotate(&self, names: &[String]) -> Result<Rotation, IdentityError> {
        let rotates = self.next()?.is_some();
        if rotates {
            self.certify_next(names)?;
            pem_file::rename(&self.next_key(), &self.key)?;
        }
        let goes_on = self.name_certificate()?;
        let identity = self.read()?;
        Ok(match rotates || goes_on {
            true => Rotation::Done(identity),
            false => Rotation::Nothing(identity),
        })
    }

    /// Makes the certificate of the next key, before that key is renamed.
    fn certify_next(&self, names: &[String]) -> Result<(), IdentityError> {
        certificate::check_names(names)?;
        // After an interrupted rotation, `next-cert.pem` is the only certificate of the current key, and must be
        // renamed before it is overwritten.
        self.name_certificate()?;
        let key = make_or_keep_key(NEXT_KEY, &self.next_key())?;
        let certificate = certificate::self_signed(names, &key).map_err(MakeError::from)?;
        pem_file::write(&self.next_certificate(), certificate.as_bytes(), CERTIFICATE_MODE)?;
        Ok(())
    }

    /// Renames `next-cert.pem`, if it is the certificate of the current key.
    fn name_certificate(&self) -> Result<bool, IdentityError> {
        let is_ready = !self.is_whole() && self.read_renewed().is_some();
        if is_ready {
            pem_file::rename(&self.next_certificate(), &self.certificate)?;
        }
        Ok(is_ready)
    }
}

#[cfg(test)]
mod tests;
