//! Pictures, as people send them.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};

/// A picture of this size in this format; `seed` makes another one.
pub(crate) fn picture(format: ImageFormat, width: u32, height: u32, seed: u8) -> Vec<u8> {
    let pixel = |x: u32, y: u32| image::Rgb([x.to_le_bytes()[0], y.to_le_bytes()[0], seed]);
    let mut file = Cursor::new(Vec::new());
    DynamicImage::from(RgbImage::from_fn(width, height, pixel)).write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// A small PNG.
pub(crate) fn png(seed: u8) -> Vec<u8> {
    picture(ImageFormat::Png, 16, 16, seed)
}

/// A small JPEG.
pub(crate) fn jpeg(seed: u8) -> Vec<u8> {
    picture(ImageFormat::Jpeg, 16, 16, seed)
}
