//! Changing the server's key: made beside the one in force, told to clients, then put in its place.
//!
//! Three files lie in the folder of the key: `next-key.pem` from when it is made until it is in force,
//! and `next-cert.pem`, its certificate, for the moment of the change. Two files cannot be replaced in
//! one step. So the key is, and as long as the certificate beside it is that of the old key, the server
//! takes `next-cert.pem`: at no moment is there an identity that cannot be used.

use std::path::PathBuf;

use qchat_proto::Fingerprint;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use crate::identity::certificate;
use crate::identity::error::{IdentityError, MakeError};
use crate::identity::pem_file;
use crate::identity::pem_file::{CERTIFICATE_MODE, unreadable};
use crate::identity::server_identity::{Identity, IdentityFiles, make_or_keep_key};

/// What the file of the next key is called in errors.
const NEXT_KEY: &str = "the next key";

/// The key that is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextKey {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Whether it was there already.
    pub was_there: bool,
}

/// What became of a change of the key.
#[derive(Debug)]
pub enum Rotation {
    /// The next key is in force.
    Done(Identity),
    /// There is no next key; the one that is in force stays.
    Nothing(Identity),
}

impl IdentityFiles {
    /// Where the next key is, while there is one.
    pub fn next_key(&self) -> PathBuf {
        self.key.with_file_name("next-key.pem")
    }

    pub(crate) fn next_certificate(&self) -> PathBuf {
        self.key.with_file_name("next-cert.pem")
    }

    /// The fingerprint of the next key; `None` where there is none.
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

    /// Makes the next key, unless there is one. It is in use only after [`rotate`](Self::rotate).
    ///
    /// # Errors
    /// [`IdentityError`], which names the file: also where there is no key yet that it could follow.
    pub fn make_next(&self) -> Result<NextKey, IdentityError> {
        self.read()?;
        let was_there = self.next()?.is_some();
        make_or_keep_key(NEXT_KEY, &self.next_key())?;
        let missing = || IdentityError::Missing { what: NEXT_KEY, path: self.next_key() };
        Ok(NextKey { fingerprint: self.next()?.ok_or_else(missing)?, was_there })
    }

    /// Puts the next key in force, with a new certificate for these DNS names and addresses. Cut at any
    /// moment, it leaves an identity that the server can use, and the next call goes on with it.
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

    /// Before the key is renamed, its certificate lies ready.
    fn certify_next(&self, names: &[String]) -> Result<(), IdentityError> {
        certificate::check_names(names)?;
        // Where the change before this one was cut, the only certificate of the key in force lies where the
        // next one is written.
        self.name_certificate()?;
        let key = make_or_keep_key(NEXT_KEY, &self.next_key())?;
        let certificate = certificate::self_signed(names, &key).map_err(MakeError::from)?;
        pem_file::write(&self.next_certificate(), certificate.as_bytes(), CERTIFICATE_MODE)?;
        Ok(())
    }

    /// Gives the certificate its name, if it is that of the key in force and has it not yet.
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
    fn the_next_key_stays_the_same_until_it_is_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let files = IdentityFiles::in_folder(folder.path());
        assert!(matches!(files.make_next(), Err(IdentityError::Missing { .. })));
        let first = files.make_default().unwrap().fingerprint().unwrap();
        let next = files.make_next().unwrap();
        assert!(!next.was_there && next.fingerprint != first);
        assert_eq!(files.make_next().unwrap(), NextKey { was_there: true, ..next });
        assert_eq!(fingerprint(&files), first);
        let keys = files.read().unwrap().identification().unwrap().keys;
        assert_eq!((keys.current, keys.next), (first, Some(next.fingerprint)));

        assert!(matches!(files.rotate(&names()), Ok(Rotation::Done(_))));
        assert_eq!(fingerprint(&files), next.fingerprint);
        assert_eq!(files.names().unwrap(), names());
        assert!(matches!(files.rotate(&names()), Ok(Rotation::Nothing(_))));
        assert_eq!(fingerprint(&files), next.fingerprint);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }

    /// Each step of the change, with a crash after it.
    #[test]
    fn a_change_that_is_cut_leaves_a_whole_identity_and_is_gone_on_with() {
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
            check_goes_on(&files, [first, next], cut);
        }
    }

    /// Checks that there is a whole identity after a cut, and that the change goes on from there.
    #[track_caller]
    fn check_goes_on(files: &IdentityFiles, [first, next]: [Fingerprint; 2], cut: usize) {
        let in_force = if files.next_key().exists() { first } else { next };
        assert_eq!(fingerprint(files), in_force, "cut at {cut}");
        assert!(matches!(files.rotate(&names()), Ok(Rotation::Done(_))), "cut at {cut}");
        assert_eq!(fingerprint(files), next, "cut at {cut}");
        assert!(!files.next_certificate().exists() && !files.next_key().exists());
    }

    /// The change before was cut after the key, and nobody went on with it.
    #[test]
    fn a_change_after_one_that_was_cut_leaves_a_whole_identity_too() {
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
            check_goes_on(&files, [first, next], cut);
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
