//! Opaque tokens: 32 random bytes with a prefix that names their kind. They are stored hashed. A plain SHA-256 is
//! enough: 256 random bits cannot be guessed.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use strum::VariantArray as _;

use crate::error::{Error, Result};

/// The kinds of tokens, each with the prefix of its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::AsRefStr, strum::VariantArray)]
pub enum TokenKind {
    /// A session.
    #[strum(serialize = "bws_")]
    Session,
    /// An API key.
    #[strum(serialize = "bwk_")]
    ApiKey,
    /// The link in a mail that sets a new password.
    #[strum(serialize = "bwr_")]
    PasswordReset,
}

/// A token. Its text is shown once, to the person it is made for.
#[derive(Clone)]
pub struct Token {
    kind: TokenKind,
    text: SecretString,
}

/// The hash of a token, which is all that is stored of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

/// Number of characters of an API key that stay readable, so that people can tell keys apart.
const SHOWN: usize = 10;

impl Token {
    /// Makes a new random token.
    pub fn generate(kind: TokenKind) -> Result<Self> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(Error::internal)?;
        let text = format!("{}{}", kind.as_ref(), BASE64URL_NOPAD.encode(&bytes));
        Ok(Self { kind, text: text.into() })
    }

    /// Reads a token that a caller sent; `None` when it cannot be one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let kind = TokenKind::VARIANTS.iter().copied().find(|kind| text.starts_with(kind.as_ref()))?;
        (text.len() == kind.as_ref().len() + 43).then(|| Self { kind, text: text.to_owned().into() })
    }

    /// Returns the kind of the token.
    pub const fn kind(&self) -> TokenKind {
        self.kind
    }

    /// Returns the text, for the one answer that shows it.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// Returns the hash to store.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.expose().as_bytes()).into())
    }

    /// Returns the readable beginning.
    pub fn shown_prefix(&self) -> String {
        self.expose().chars().take(SHOWN).collect()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("kind", &self.kind).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_never_prints() {
        let token = Token::generate(TokenKind::ApiKey).unwrap();
        let read = Token::parse(token.expose()).unwrap();
        assert_eq!(read.kind(), TokenKind::ApiKey);
        assert_eq!(read.hash(), token.hash());
        assert!(!format!("{token:?}").contains(&token.expose()[4..]));
        assert!(Token::parse("bws_short").is_none());
        assert!(Token::parse("nonsense").is_none());
    }
}
