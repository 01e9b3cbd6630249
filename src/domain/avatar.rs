//! Avatars: PNG or JPEG, told by what is in the file and never by what it is called (R32).

use std::io::Cursor;

use image::{ImageError, ImageFormat, ImageReader, Limits};

use crate::error::{Error, ErrorCode, Result};

/// The most bytes of an avatar.
pub const AVATAR_MAX: usize = 8 * 1024 * 1024;
/// The most pixels of its width and of its height.
const SIDE_MAX: u32 = 4096;
/// The most bytes that its pixels may take in memory: `SIDE_MAX` squared at eight bytes each.
const PIXELS_MAX: u64 = 128 * 1024 * 1024;

/// What kind of picture an avatar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageType {
    /// PNG
    Png,
    /// JPEG
    Jpeg,
}

impl ImageType {
    /// Both.
    const ALL: [Self; 2] = [Self::Png, Self::Jpeg];

    /// Its media type.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }

    /// Reads the stored media type.
    pub fn parse(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| Error::invalid(format!("`{}` is not a type of avatars", text.escape_debug())))
    }

    /// Looks at a whole file, down to its last pixel. That takes up to a second and, with what
    /// decoders need besides, some 256 MiB: not for a thread that others wait for.
    ///
    /// # Errors
    /// `TOO_LARGE` in bytes or in pixels, `UNSUPPORTED_IMAGE` when it is no such picture or not
    /// all of one.
    pub fn of(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > AVATAR_MAX {
            return Err(too_large("an avatar has at most 8 MB: choose a smaller file"));
        }
        let (kind, format, ends) = match image::guess_format(bytes) {
            Ok(ImageFormat::Png) => (Self::Png, ImageFormat::Png, png_ends(bytes)),
            Ok(ImageFormat::Jpeg) => (Self::Jpeg, ImageFormat::Jpeg, jpeg_ends(bytes)),
            _ => return Err(unsupported("an avatar is a PNG or JPEG file")),
        };
        // The decoders make up the rest of a file that breaks off.
        ends.ok_or_else(|| unsupported("the file breaks off: send the whole of it"))?;
        let mut limits = Limits::no_limits();
        (limits.max_image_width, limits.max_image_height) = (Some(SIDE_MAX), Some(SIDE_MAX));
        limits.max_alloc = Some(PIXELS_MAX);
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        reader.limits(limits);
        match reader.decode() {
            Ok(_) => Ok(kind),
            Err(ImageError::Limits(_)) => {
                Err(too_large(&format!("an avatar has at most {SIDE_MAX} by {SIDE_MAX} pixels: scale it down")))
            }
            Err(error) => Err(unsupported("the picture cannot be read: save it again as PNG or JPEG").because(error)),
        }
    }
}

fn too_large(message: &str) -> Error {
    Error::new(ErrorCode::TooLarge, message).at("file")
}

fn unsupported(message: &str) -> Error {
    Error::new(ErrorCode::UnsupportedImage, message).at("file")
}

/// Whether the chunks of a PNG come to the one that says it is the last.
fn png_ends(bytes: &[u8]) -> Option<()> {
    let mut rest = bytes.get(8..)?;
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (kind, after) = after.split_first_chunk::<4>()?;
        // Each has a checksum of four bytes behind its data.
        rest = after.get(usize::try_from(u32::from_be_bytes(*length)).ok()?.checked_add(4)?..)?;
        if kind == b"IEND" {
            return Some(());
        }
    }
}

/// Whether the segments of a JPEG come to the one that says it is the last.
fn jpeg_ends(bytes: &[u8]) -> Option<()> {
    let mut rest = bytes.get(2..)?;
    loop {
        // Pixels stand between segments. In them 0xFF is followed by a zero, or by the number of
        // a restart; and before a marker it may be repeated.
        let marks = |pair: &[u8]| matches!(pair, [0xFF, mark] if !matches!(mark, 0x00 | 0xD0..=0xD7 | 0xFF));
        let place = rest.windows(2).position(marks)?;
        let (mark, after) = rest.get(place + 1..)?.split_first()?;
        if *mark == 0xD9 {
            return Some(());
        }
        rest = after.get(usize::from(u16::from_be_bytes(*after.first_chunk::<2>()?))..)?;
    }
}
