//! Texts for clients to hand back that say nothing to who reads them: the places in lists. They hold
//! names, and stand in addresses, logs and screenshots.
//!
//! Nobody is kept from making or reading one with this file at hand, and need not be: its holder has
//! seen the page that it comes from, and what comes back is checked like any input. So all instances can
//! have the same key, which is written here.

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};

/// Prefix of all that is digested here, so that these digests are digests of nothing else.
const KEY: &[u8] = b"a place in a list, version 1";
/// Bytes of the digest of what is sealed.
const TAG: usize = 8;

/// Seals a text: the same one always in the same way, one that differs anywhere all otherwise.
pub fn seal(text: &[u8]) -> String {
    let digest = Sha256::new().chain_update(KEY).chain_update(text).finalize();
    let mut sealed: Vec<u8> = digest.iter().take(TAG).copied().collect();
    let stream = stream(&sealed);
    sealed.extend(text.iter().zip(stream).map(|(byte, mask)| byte ^ mask));
    BASE64URL_NOPAD.encode(&sealed)
}

/// Opens what [`seal`] made; nothing else opens.
pub fn open(sealed: &str) -> Option<Vec<u8>> {
    let bytes = BASE64URL_NOPAD.decode(sealed.as_bytes()).ok()?;
    let (tag, masked) = bytes.split_at_checked(TAG)?;
    let text: Vec<u8> = masked.iter().zip(stream(tag)).map(|(byte, mask)| byte ^ mask).collect();
    (seal(&text) == sealed).then_some(text)
}

/// Returns bytes that follow from the tag, as many as the caller takes.
fn stream(tag: &[u8]) -> impl Iterator<Item = u8> + use<> {
    let seed = Sha256::new().chain_update(KEY).chain_update(tag);
    (0_u32..).flat_map(move |block| seed.clone().chain_update(block.to_be_bytes()).finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_and_nothing_else_does() {
        for text in ["", "dana", &"Zoë ".repeat(500)] {
            let sealed = seal(text.as_bytes());
            assert_eq!(open(&sealed).as_deref(), Some(text.as_bytes()));
            assert_eq!(open(&format!("{sealed}A")), None);
        }
        let plain = BASE64URL_NOPAD.encode(br#"[{"name":"Dana"},{"key":"dana"}]"#);
        for other in ["", "A", "no cursor!", &plain] {
            assert_eq!(open(other), None, "{other}");
        }
    }

    #[test]
    fn a_sealed_text_shows_nothing_of_what_it_holds() {
        let sealed =
            ["Dana Dal", "Dana Dam"].map(|name| BASE64URL_NOPAD.decode(seal(name.as_bytes()).as_bytes()).unwrap());
        assert!(sealed.iter().all(|bytes| !bytes.windows(2).any(|two| two == b"Da" || two == b"an")));
        let same = sealed[0].iter().zip(&sealed[1]).filter(|(one, other)| one == other).count();
        assert!(same < 4, "{same} bytes of two names are the same");
    }
}
