//! The code in which the names of a host stand in rules: `%XX` for each byte outside `A-Za-z0-9._~@+-`.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode_str, utf8_percent_encode};

/// The ASCII bytes of a host's name that rules hold as a code: all but those that stand for themselves.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'~').remove(b'@').remove(b'+').remove(b'-');
/// The ASCII bytes of a path of such names that rules hold as a code.
const PATH_ENCODED: &AsciiSet = &ENCODED.remove(b'/');

/// Returns whether a byte of a host's name stands in rules as it is; `%` begins the code of any other.
pub(super) const fn stands_for_itself(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'@' | b'+' | b'-')
}

/// Encodes a name.
pub(super) fn percent_encoded(name: &str) -> PercentEncode<'_> {
    utf8_percent_encode(name, ENCODED)
}

/// Encodes each segment of a path of names.
pub(super) fn path_encoded(path: &str) -> PercentEncode<'_> {
    utf8_percent_encode(path, PATH_ENCODED)
}

/// Returns the name that is encoded in `text`. Any `%` that begins no code is left as it is, so a caller has to compare
/// the code of what comes out.
pub(super) fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(text).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_encoded_unless_it_stands_for_itself() {
        for byte in 0..=127_u8 {
            let own = stands_for_itself(byte);
            let code = if own { char::from(byte).to_string() } else { format!("%{byte:02X}") };
            assert_eq!(percent_encoded(&char::from(byte).to_string()).to_string(), code);
        }
    }
}
