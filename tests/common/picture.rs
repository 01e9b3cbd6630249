//! Pictures, as people send them.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};

/// The place where a picture was taken, which no picture that is kept contains.
pub(crate) const PLACE: &str = "48 deg 51' 29.6\" N, 2 deg 17' 40.2\" E";

/// Makes a picture of this size in this format; `seed` makes different ones.
pub(crate) fn picture(format: ImageFormat, width: u32, height: u32, seed: u8) -> Vec<u8> {
    let pixel = |x: u32, y: u32| image::Rgb([x.to_le_bytes()[0], y.to_le_bytes()[0], seed]);
    let mut file = Cursor::new(Vec::new());
    DynamicImage::from(RgbImage::from_fn(width, height, pixel)).write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// Makes a small PNG.
pub(crate) fn png(seed: u8) -> Vec<u8> {
    picture(ImageFormat::Png, 16, 16, seed)
}

/// Makes a small JPEG.
pub(crate) fn jpeg(seed: u8) -> Vec<u8> {
    picture(ImageFormat::Jpeg, 16, 16, seed)
}

/// Makes the EXIF of a camera: this orientation, and a place.
fn exif(orientation: u8) -> Vec<u8> {
    // Little-endian TIFF with one directory of one entry: the orientation, a short.
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    exif.extend(PLACE.as_bytes());
    exif
}

/// Makes a JPEG as a camera leaves it: with all kinds of notes before its pixels, between its parts and behind its end.
pub(crate) fn jpeg_of_a_camera(file: &[u8], orientation: u8) -> Vec<u8> {
    let segment = |mark: u8, data: &[u8]| {
        let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
        [&[0xFF, mark], length.as_slice(), data].concat()
    };
    let (start, rest) = file.split_at(2);
    let exif = segment(0xE1, &[b"Exif\0\0".as_slice(), &exif(orientation)].concat());
    let xmp = segment(0xE1, &[b"http://ns.adobe.com/xap/1.0/\0".as_slice(), PLACE.as_bytes()].concat());
    let profile = segment(0xE2, &[b"ICC_PROFILE\0\x01\x01".as_slice(), PLACE.as_bytes()].concat());
    let iptc = segment(0xED, &[b"Photoshop 3.0\0".as_slice(), PLACE.as_bytes()].concat());
    let comment = segment(0xFE, PLACE.as_bytes());
    let thumbnail = segment(0xE0, &[b"JFXX\0\x10".as_slice(), PLACE.as_bytes()].concat());
    [start, &exif, &xmp, &profile, &iptc, &comment, &thumbnail, rest, PLACE.as_bytes()].concat()
}

/// Makes a PNG with all kinds of notes.
pub(crate) fn png_with_notes(file: &[u8], orientation: u8) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let body = [kind.as_slice(), data].concat();
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [length.as_slice(), &body, &checksum(&body).to_be_bytes()].concat()
    };
    // Behind the signature and the header, which has 25 bytes with its length, kind and checksum.
    let (head, rest) = file.split_at(8 + 25);
    let noted = |kind: &[u8; 4]| chunk(kind, &[b"Comment\0".as_slice(), PLACE.as_bytes()].concat());
    let translated = chunk(b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0".as_slice(), PLACE.as_bytes()].concat());
    let notes = [noted(b"tEXt"), translated, noted(b"prVt"), chunk(b"eXIf", &exif(orientation))].concat();
    let time = chunk(b"tIME", &[7, 234, 11, 30, 16, 0, 0]);
    [head, &notes, &time, rest, PLACE.as_bytes()].concat()
}

/// Returns the checksum of a PNG's chunk: CRC-32.
fn checksum(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { 0xEDB8_8320 ^ (sum >> 1) } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum: u32, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}

/// Returns whether a file reveals where it was taken.
pub(crate) fn tells_the_place(file: &[u8]) -> bool {
    file.windows(PLACE.len()).any(|window| window == PLACE.as_bytes())
}
