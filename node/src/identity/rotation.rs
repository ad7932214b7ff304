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
mod tests {
    use std::fs;

    use super::*;

    fn names() -> Vec<String> {
        vec!["chat.example.org".to_owned()]
    }

    fn fingerprint(files: &IdentityFiles) -> Fingerprint {
        files.load().unwrap().unwrap().fingerprint().unwrap()
    }

    #[test]
    fn the_next_key_stays_the_same_until_the_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let files = IdentityFiles::in_folder(folder.path());
        assert!(matches!(files.make_next(), Err(IdentityError::Missing { .. })));
        let first = files.make_default().unwrap().fingerprint().unwrap();
        let next = files.make_next().unwrap();
        assert!(!next.existed && next.fingerprint != first);
        assert_eq!(files.make_next().unwrap(), PreparedKey { existed: true, ..next });
        assert_eq!(fingerprint(&files), first);
        let keys = files.read().unwrap().public_identity().unwrap().keys;
        assert_eq!((keys.current, keys.next), (first, Some(next.fingerprint)));

        assert!(matches!(files.rotate(&names()), Ok(Rotation::Done(_))));
        assert_eq!(fingerprint(&files), next.fingerprint);
        assert_eq!(files.names().unwrap(), names());
        assert!(matches!(files.rotate(&names()), Ok(Rotation::Nothing(_))));
        assert_eq!(fingerprint(&files), next.fingerprint);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }

    /// A crash after each step of a rotation.
    #[test]
    fn an_interrupted_rotation_leaves_a_usable_identity_and_can_be_completed() {
        let steps: [fn(&IdentityFiles); 3] = [
            |_| {},
            |files| files.certify_next(&names()).unwrap(),
            |files| {
                files.certify_next(&names()).unwrap();
                pem_file::rename(&files.next_key(), &files.key).unwrap();
            },
        ];
        for (cut, step) in steps.iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let files = IdentityFiles::in_folder(folder.path());
            let first = files.make_default().unwrap().fingerprint().unwrap();
            let next = files.make_next().unwrap().fingerprint;
            step(&files);
            check_completes(&files, [first, next], cut);
        }
    }

    /// Checks that there is a usable identity after the crash, and that the rotation can be completed.
    #[track_caller]
    fn check_completes(files: &IdentityFiles, [first, next]: [Fingerprint; 2], cut: usize) {
        let current = if files.next_key().exists() { first } else { next };
        assert_eq!(fingerprint(files), current, "cut at {cut}");
        assert!(matches!(files.rotate(&names()), Ok(Rotation::Done(_))), "cut at {cut}");
        assert_eq!(fingerprint(files), next, "cut at {cut}");
        assert!(!files.next_certificate().exists() && !files.next_key().exists());
    }

    /// The rotation before was interrupted after the rename of the key, and was not completed.
    #[test]
    fn a_rotation_after_an_interrupted_one_leaves_a_usable_identity() {
        let steps: [fn(&IdentityFiles); 3] = [
            |files| _ = files.name_certificate().unwrap(),
            |files| files.certify_next(&names()).unwrap(),
            |files| {
                files.certify_next(&names()).unwrap();
                pem_file::rename(&files.next_key(), &files.key).unwrap();
            },
        ];
        for (cut, step) in steps.iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let files = IdentityFiles::in_folder(folder.path());
            files.make_default().unwrap();
            let first = files.make_next().unwrap().fingerprint;
            files.certify_next(&names()).unwrap();
            pem_file::rename(&files.next_key(), &files.key).unwrap();
            let next = files.make_next().unwrap().fingerprint;
            assert_eq!(fingerprint(&files), first, "cut at {cut}");
            step(&files);
            check_completes(&files, [first, next], cut);
        }
    }

    #[test]
    fn a_renewal_keeps_the_names_that_were_given() {
        let folder = tempfile::tempdir().unwrap();
        let files = IdentityFiles::in_folder(folder.path());
        assert_eq!(files.names().unwrap(), ["localhost", "127.0.0.1", "::1"]);
        let given = ["chat.example.org", "192.0.2.7", "2001:db8::1"].map(str::to_owned);
        files.make(&given).unwrap();
        assert_eq!(files.names().unwrap(), given);
    }
}
