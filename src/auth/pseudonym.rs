//! Pseudonyms: names that stand for users whose identity must not be known (R37).
//!
//! A pseudonym is made from the tenant's secret and the user's internal id, never from their key. So it is the same in
//! every answer and on every instance, and another one in another tenant and for a later user of the same key; without
//! the secret there is no way from it to the user.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

use crate::error::{Error, Result};

/// Crockford's base 32: no letter in it can be taken for a digit. `data-encoding` has no constant for it, and making
/// one at run time takes more code than the line below that reads it.
const ALPHABET: [char; 32] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'M', 'N', 'P',
    'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z',
];
/// Number of characters of a pseudonym after its word: 50 bits, so that even among a hundred thousand users two hardly
/// ever share one.
const CHARACTERS: u32 = 10;

/// A tenant's secret for its pseudonyms.
pub type Secret = [u8; 32];

/// Makes a new random secret.
pub fn new_secret() -> Result<Secret> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(Error::internal)?;
    Ok(secret)
}

/// The pseudonyms of one tenant. No `Debug`: it holds the secret.
pub struct Pseudonyms(Hmac<Sha256>);

impl Pseudonyms {
    /// Makes the pseudonyms of the tenant that has this secret.
    pub fn new(secret: &Secret) -> Result<Self> {
        Hmac::new_from_slice(secret).map(Self).map_err(|error| Error::internal(error.to_string()))
    }

    /// Returns the pseudonym of the user with this internal id.
    pub fn of(&self, user: Uuid) -> String {
        let digest = self.0.clone().chain_update(user.as_bytes()).finalize().into_bytes();
        let bits = digest.iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let characters = (1..=CHARACTERS).filter_map(|n| ALPHABET.get((bits >> (64 - 5 * n) & 31) as usize));
        format!("User {}", characters.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r37_a_pseudonym_is_the_same_for_ever() {
        // Computed apart from this program: base 32 of HMAC-SHA-256 over the id's 16 bytes.
        let pseudonyms = Pseudonyms::new(&[7; 32]).unwrap();
        for (id, name) in [(0, "User 1ZPHGX3NVQ"), (1, "User C81NBQC3FH"), (u128::MAX, "User 9BZY3XSQVX")] {
            assert_eq!(pseudonyms.of(Uuid::from_u128(id)), name);
        }
    }

    #[test]
    fn r37_a_pseudonym_is_of_one_user_and_one_secret() {
        let (one, other) = (Pseudonyms::new(&new_secret().unwrap()), Pseudonyms::new(&new_secret().unwrap()));
        let (one, other) = (one.unwrap(), other.unwrap());
        let names: std::collections::BTreeSet<String> =
            (0..10_000).flat_map(|id| [&one, &other].map(|all| all.of(Uuid::from_u128(id)))).collect();
        assert_eq!(names.len(), 20_000);
        for name in names {
            let (word, characters) = name.split_once(' ').unwrap();
            assert_eq!((word, characters.len()), ("User", 10));
            assert!(characters.chars().all(|character| ALPHABET.contains(&character)), "{name}");
        }
    }
}
