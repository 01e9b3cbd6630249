//! Avatars: PNG or JPEG, told by the content of the file and never by its name (R32), and kept without anything in the
//! file beside the picture.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, ImageResult, Limits};

use crate::error::{Error, ErrorCode, Result};

mod strip;

/// The most bytes of an avatar.
pub const AVATAR_MAX: usize = 8 * 1024 * 1024;
/// The most pixels of a picture that is decoded.
const DECODED_MAX: u64 = 4096 * 4096;
/// The most bytes that its pixels may take in memory: so many at eight bytes each.
const PIXELS_MAX: u64 = 128 * 1024 * 1024;

/// The quality, of a hundred, at which a turned JPEG is encoded.
const QUALITY: u8 = 90;

/// The kind of picture that an avatar is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, strum::AsRefStr, strum::EnumString, strum::IntoStaticStr, strum::VariantArray,
)]
#[strum(parse_err_ty = Error, parse_err_fn = not_an_image_type)]
pub enum ImageType {
    /// PNG
    #[strum(serialize = "image/png")]
    Png,
    /// JPEG
    #[strum(serialize = "image/jpeg")]
    Jpeg,
}

fn not_an_image_type(text: &str) -> Error {
    Error::invalid(format!("`{}` is not a type of avatars", text.escape_debug()))
}

/// A picture as it is kept: with what it is shown by, and nothing that its maker left beside, such as the place, the
/// camera or the photographer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanImage {
    /// The kind of picture.
    pub kind: ImageType,
    /// The file.
    pub bytes: Vec<u8>,
}

impl CleanImage {
    /// Looks at a whole file, down to its last pixel, and takes out what is not the picture. It is not encoded
    /// anew, unless it says that it is to be turned: then its pixels are. That takes up to a second and, with
    /// what decoders need besides, some 400 MiB: not for a thread that others wait for. A picture of more pixels
    /// than that is looked at by its parts alone, and keeps the note of how it is turned.
    ///
    /// # Errors
    /// `TOO_LARGE` in bytes, `UNSUPPORTED_IMAGE` when it is no such picture or not all of one.
    pub fn of(file: &[u8]) -> Result<Self> {
        if file.len() > AVATAR_MAX {
            return Err(too_large("an avatar has at most 8 MB: choose a smaller file"));
        }
        let (kind, format, stripped) = match image::guess_format(file) {
            Ok(ImageFormat::Png) => (ImageType::Png, ImageFormat::Png, strip::png(file)),
            Ok(ImageFormat::Jpeg) => (ImageType::Jpeg, ImageFormat::Jpeg, strip::jpeg(file)),
            _ => return Err(unsupported("an avatar is a PNG or JPEG file")),
        };
        // The decoders make up the rest of a file that breaks off.
        let stripped = stripped.ok_or_else(|| unsupported("the file breaks off: send the whole of it"))?;
        let turned = orientation(file, format).map_err(refused)?;
        // What is kept is what is looked at.
        let (width, height) = reader(&stripped, format).into_decoder().map_err(refused)?.dimensions();
        let is_turned = turned != Orientation::NoTransforms;
        let bytes = if u64::from(width) * u64::from(height) > DECODED_MAX {
            if is_turned { noted(&stripped, turned, kind)? } else { stripped }
        } else {
            let picture = reader(&stripped, format).decode().map_err(refused)?;
            if is_turned { turn(picture, turned, format)? } else { stripped }
        };
        Ok(Self { kind, bytes })
    }

    /// Returns whether a file of this kind holds nothing but the picture, and at most the note of how to turn it. It
    /// does not look at the picture.
    pub fn is_clean(kind: ImageType, file: &[u8]) -> bool {
        let (format, stripped) = match kind {
            ImageType::Png => (ImageFormat::Png, strip::png(file)),
            ImageType::Jpeg => (ImageFormat::Jpeg, strip::jpeg(file)),
        };
        let Some(stripped) = stripped else { return false };
        let is_noted = || {
            let turned = orientation(file, format).ok().filter(|turned| *turned != Orientation::NoTransforms);
            turned.is_some_and(|turned| noted(&stripped, turned, kind).is_ok_and(|noted| noted == file))
        };
        stripped == file || is_noted()
    }
}

/// Reads a file within the bounds.
fn reader(file: &[u8], format: ImageFormat) -> ImageReader<Cursor<&[u8]>> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(PIXELS_MAX);
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    reader.limits(limits);
    reader
}

/// Returns the turn that the file asks for before it is shown.
fn orientation(file: &[u8], format: ImageFormat) -> ImageResult<Orientation> {
    reader(file, format).into_decoder()?.orientation()
}

/// Notes in a file how it is to be turned, and nothing else.
fn noted(stripped: &[u8], orientation: Orientation, kind: ImageType) -> Result<Vec<u8>> {
    let noted = match kind {
        ImageType::Png => strip::turned_png(stripped, orientation.to_exif()),
        ImageType::Jpeg => strip::turned_jpeg(stripped, orientation.to_exif()),
    };
    noted.ok_or_else(|| unsupported("the file breaks off: send the whole of it"))
}

/// Turns a picture, and encodes it anew.
fn turn(mut picture: DynamicImage, orientation: Orientation, format: ImageFormat) -> Result<Vec<u8>> {
    picture.apply_orientation(orientation);
    let mut file = Cursor::new(Vec::new());
    let encoded = match format {
        ImageFormat::Jpeg => picture.write_with_encoder(JpegEncoder::new_with_quality(&mut file, QUALITY)),
        _ => picture.write_to(&mut file, format),
    };
    encoded.map_err(refused)?;
    let file = file.into_inner();
    if file.len() > AVATAR_MAX {
        return Err(too_large("turned as it is to be shown, the avatar has more than 8 MB: choose a smaller file"));
    }
    Ok(file)
}

fn refused(error: ImageError) -> Error {
    unsupported("the picture cannot be read: save it again as PNG or JPEG").because(error)
}

fn too_large(message: &str) -> Error {
    Error::new(ErrorCode::TooLarge, message).at("file")
}

fn unsupported(message: &str) -> Error {
    Error::new(ErrorCode::UnsupportedImage, message).at("file")
}
