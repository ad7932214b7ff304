//! argon2id with reused memory.
//!
//! A hash works in 19 MiB. Once such a block has been freed, glibc's allocator serves later ones from its
//! heaps, where a small live allocation keeps the whole block from the system: a server to which a thousand
//! people had signed in held 1 GiB. So the memory of a hash is kept for the next one. There is as much of it
//! as hashes ever ran at a time.

use std::sync::{Arc, Mutex};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{CustomizedPasswordHasher, Error, PasswordHasher};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use crate::lock::lock;

/// argon2id with today's parameters: 19 MiB, t=2, p=1.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReusableArgon2 {
    spare: Arc<Mutex<Vec<Memory>>>,
}

type Memory = Vec<Block>;

impl ReusableArgon2 {
    fn take(&self, params: &Params) -> Memory {
        let spare = lock(&self.spare).pop();
        let mut memory = spare.unwrap_or_default();
        memory.resize(params.block_count(), Block::default());
        memory
    }

    fn give_back(&self, memory: Memory) {
        lock(&self.spare).push(memory);
    }
}

impl PasswordHasher<PasswordHash> for ReusableArgon2 {
    fn hash_password_with_salt(&self, password: &[u8], salt: &[u8]) -> Result<PasswordHash, Error> {
        self.hash_password_customized(password, salt, None, None, Params::default())
    }
}

impl CustomizedPasswordHasher<PasswordHash> for ReusableArgon2 {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<u32>,
        params: Params,
    ) -> Result<PasswordHash, Error> {
        let algorithm = algorithm.map(Algorithm::try_from).transpose()?.unwrap_or_default();
        let version = version.map(Version::try_from).transpose()?.unwrap_or_default();
        let mut output = [0; Output::MAX_LENGTH];
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let output = output.get_mut(..length).ok_or(Error::OutputSize)?;
        let mut memory = self.take(&params);
        let argon = Argon2::new(algorithm, version, params.clone());
        let hashed = argon.hash_password_into_with_memory(password, salt, output, &mut memory);
        self.give_back(memory);
        hashed?;
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: ParamsString::try_from(&params)?,
            salt: Some(Salt::new(salt)?),
            hash: Some(Output::new(output)?),
        })
    }
}

#[cfg(test)]
mod tests;
