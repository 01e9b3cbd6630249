//! Hashes as text, in the PHC form: made, read and compared.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};

use super::blocks::Memory;
use crate::error::{Error, Result};

/// Maximum memory of a stored hash, in KiB.
const MEMORY_MAX: u32 = 64 * 1024;
/// Maximum work of a stored hash, in KiB that are filled: some 10 times as much as that of our own.
const WORK_MAX: u64 = 400_000;

/// A stored hash that is cheap enough to compare with.
#[derive(Clone)]
pub(super) struct Stored {
    argon2: Argon2<'static>,
    salt: Salt,
    output: Output,
}

/// Makes the hash of a password, with a salt of its own.
pub(super) fn hash(memory: &Memory, password: &SecretString) -> Result<String> {
    let params = Params::default();
    let mut salt = [0; argon2::RECOMMENDED_SALT_LEN];
    getrandom::fill(&mut salt).map_err(Error::internal)?;
    let salt = Salt::new(&salt).map_err(|error| Error::internal(error.to_string()))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let output = fill(memory, &argon2, &salt, Params::DEFAULT_OUTPUT_LEN, password)?;
    let hash = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(|error| Error::internal(error.to_string()))?,
        salt: Some(salt),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

/// Reads a stored hash; `None` when it is not one of argon2, or comparing with it would cost too much.
pub(super) fn read(text: &str) -> Option<Stored> {
    let hash = PasswordHash::new(text).ok()?;
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
    let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    let bounded = params.m_cost() <= MEMORY_MAX && work <= WORK_MAX;
    let (Some(salt), Some(output), true) = (hash.salt, hash.hash, bounded) else { return None };
    Some(Stored { argon2: Argon2::new(algorithm, version, params), salt, output })
}

impl Stored {
    /// Compares, in a time that does not tell how much is alike.
    pub(super) fn fits(&self, memory: &Memory, password: &SecretString) -> Result<bool> {
        Ok(fill(memory, &self.argon2, &self.salt, self.output.len(), password)? == self.output)
    }
}

fn fill(memory: &Memory, argon2: &Argon2<'_>, salt: &Salt, length: usize, password: &SecretString) -> Result<Output> {
    let fault = |error: &dyn std::fmt::Display| Error::internal(error.to_string());
    let mut bytes = [0; Output::MAX_LENGTH];
    let bytes = bytes.get_mut(..length).ok_or_else(|| Error::internal("a hash is longer than any can be"))?;
    let password = password.expose_secret().as_bytes();
    memory
        .lend(argon2.params().block_count(), |blocks| {
            argon2.hash_password_into_with_memory(password, salt, bytes, blocks)
        })
        .map_err(|error| fault(&error))?;
    Output::new(bytes).map_err(|error| fault(&error))
}

#[cfg(test)]
mod tests {
    use argon2::{PasswordHasher as _, PasswordVerifier as _};

    use super::*;

    fn fits(stored: &str, password: &str) -> Option<bool> {
        read(stored).map(|stored| stored.fits(&Memory::default(), &password.into()).unwrap())
    }

    #[test]
    fn our_hashes_are_those_of_the_library() {
        let ours = hash(&Memory::default(), &"correct horse".into()).unwrap();
        Argon2::default().verify_password(b"correct horse", ours.as_str()).unwrap();
        let theirs = Argon2::default().hash_password(b"correct horse").unwrap().to_string();
        assert_eq!((fits(&theirs, "correct horse"), fits(&theirs, "wrong horse")), (Some(true), Some(false)));
    }

    #[test]
    fn no_two_hashes_share_a_salt() {
        let memory = Memory::default();
        assert_ne!(hash(&memory, &"same".into()).unwrap(), hash(&memory, &"same".into()).unwrap());
    }

    #[test]
    fn hashes_of_other_parameters_fit_as_well_within_the_bound() {
        for (algorithm, memory, passes, lanes, length) in [
            (Algorithm::Argon2id, 8, 1, 1, 16),
            (Algorithm::Argon2id, 4096, 3, 1, 32),
            (Algorithm::Argon2id, 20 * 1024, 1, 1, 32),
            (Algorithm::Argon2i, 1024, 4, 4, 64),
            (Algorithm::Argon2d, 1024, 4, 2, 32),
        ] {
            for version in [Version::V0x10, Version::V0x13] {
                let params = Params::new(memory, passes, lanes, Some(length)).unwrap();
                let argon2 = Argon2::new(algorithm, version, params);
                let stored = argon2.hash_password_with_salt(b"correct horse", b"some salt").unwrap().to_string();
                assert_eq!(fits(&stored, "correct horse"), Some(true), "{stored}");
                assert_eq!(fits(&stored, "wrong horse"), Some(false), "{stored}");
            }
        }
    }

    #[test]
    fn a_hash_that_costs_too_much_or_is_none_is_not_read() {
        let tail = "c29tZXNhbHQ$Rl1l1H8q7mV0m4pX3mV0m4pX3mV0m4pX3mV0m4pX3mU";
        assert!(read(&format!("$argon2id$v=19$m=65536,t=4,p=1${tail}")).is_some());
        for stored in [
            format!("$argon2id$v=19$m=65537,t=1,p=1${tail}"),
            format!("$argon2id$v=19$m=4194304,t=1,p=1${tail}"),
            format!("$argon2id$v=19$m=65536,t=7,p=1${tail}"),
            format!("$argon2id$v=19$m=8,t=4294967295,p=1${tail}"),
            format!("$scrypt$ln=15,r=8,p=1${tail}"),
            "$argon2id$v=19$m=65536,t=1,p=1".to_owned(),
            "$2y$10$abcdefghijklmnopqrstuv".to_owned(),
            String::new(),
        ] {
            assert!(read(&stored).is_none(), "{stored}");
        }
    }
}
