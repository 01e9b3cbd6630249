//! Avatars: files that are pictures, and files that are not (R32).

use bailiwick::domain::avatar::{AVATAR_MAX, CleanImage, ImageType};
use image::ImageFormat;
use proptest::prelude::*;

use super::*;
use crate::common::picture::{jpeg, jpeg_of_a_camera, picture, png, png_with_notes, tells_the_place};

/// Returns the kind of picture that the file is kept as.
fn kind(file: &[u8]) -> Result<ImageType> {
    CleanImage::of(file).map(|image| image.kind)
}

fn refused(bytes: &[u8]) -> ErrorCode {
    let (code, field) = refusal(kind(bytes));
    assert_eq!(field, "file");
    code
}

#[test]
fn r32_a_png_or_jpeg_is_told_by_its_content() {
    assert_eq!(kind(&png(1)).unwrap(), ImageType::Png);
    assert_eq!(kind(&jpeg(1)).unwrap(), ImageType::Jpeg);
    for kind in [ImageType::Png, ImageType::Jpeg] {
        assert_eq!(kind.as_ref().parse::<ImageType>().unwrap(), kind);
    }
    assert_eq!(refusal("image/gif".parse::<ImageType>()).0, ErrorCode::Invalid);
    // Bytes that cameras leave behind the end are no fault of the picture.
    let with_more = |mut file: Vec<u8>| {
        file.extend(*b"a camera's own notes");
        file
    };
    assert_eq!(kind(&with_more(jpeg(1))).unwrap(), ImageType::Jpeg);
    assert_eq!(kind(&with_more(png(1))).unwrap(), ImageType::Png);
}

#[test]
fn r32_anything_else_is_refused_whatever_it_begins_with() {
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    let signatures: [&[u8]; 6] =
        [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a\x01\x00\x01\x00", b"BM", b"RIFF\x00\x00\x00\x00WEBPVP8 ", svg];
    for bytes in signatures.into_iter().chain([b"".as_slice(), b"plain text"]) {
        assert_eq!(refused(bytes), ErrorCode::UnsupportedImage, "{bytes:?}");
        let padded = [bytes, &[0; 512]].concat();
        assert_eq!(refused(&padded), ErrorCode::UnsupportedImage, "{bytes:?}");
    }
}

#[test]
fn r32_a_picture_that_breaks_off_is_refused_wherever_it_does() {
    for file in [png(1), jpeg(1), picture(ImageFormat::Jpeg, 64, 48, 2)] {
        for length in 0..file.len() {
            assert_eq!(refused(&file[..length]), ErrorCode::UnsupportedImage, "{length} of {}", file.len());
        }
    }
}

#[test]
fn r32_a_picture_is_not_too_large_in_bytes() {
    let mut file = png(1);
    file.resize(AVATAR_MAX, 0);
    kind(&file).unwrap();
    file.push(0);
    assert_eq!(refused(&file), ErrorCode::TooLarge);
}

#[test]
fn r32_a_picture_of_any_pixels_is_kept_without_what_a_camera_notes_but_for_how_it_is_turned() {
    for (format, width, height) in
        [(ImageFormat::Png, 40_000, 500), (ImageFormat::Jpeg, 65_000, 300), (ImageFormat::Png, 1, 70_000)]
    {
        let file = picture(format, width, height, 1);
        for orientation in [1, 6] {
            let noted = match format {
                ImageFormat::Jpeg => jpeg_of_a_camera(&file, orientation),
                _ => png_with_notes(&file, orientation),
            };
            let CleanImage { kind, bytes: kept } = CleanImage::of(&noted).unwrap();
            assert!(
                !tells_the_place(&kept) && CleanImage::is_clean(kind, &kept) && !CleanImage::is_clean(kind, &noted)
            );
            let reader = image::ImageReader::with_format(std::io::Cursor::new(&kept), format);
            let mut decoder = reader.into_decoder().unwrap();
            let turned = image::ImageDecoder::orientation(&mut decoder).unwrap();
            let (shown_width, shown_height) = match turned {
                image::metadata::Orientation::Rotate90 => (height, width),
                _ => (width, height),
            };
            let size = image::ImageDecoder::dimensions(&decoder);
            let is_decoded = u64::from(width) * u64::from(height) <= 4096 * 4096;
            let expected = if orientation == 6 { (height, width) } else { (width, height) };
            assert_eq!(
                if is_decoded { size } else { (shown_width, shown_height) },
                expected,
                "{format:?} {orientation}"
            );
            assert_eq!(CleanImage::of(&kept).unwrap().bytes, kept, "and nothing more is taken out of it");
        }
        // One that breaks off is refused all the same.
        assert_eq!(refused(&file[..file.len() / 2]), ErrorCode::UnsupportedImage);
    }
}

#[test]
fn r32_random_bytes_behind_a_signature_are_refused() {
    let signature = prop::sample::select(vec![&b"\x89PNG\r\n\x1a\n"[..], &b"\xff\xd8\xff\xe0"[..], &b""[..]]);
    let bytes = prop::collection::vec(any::<u8>(), 0..600);
    runner()
        .run(&(signature, bytes), |(signature, bytes)| {
            prop_assert_eq!(refused(&[signature, &bytes].concat()), ErrorCode::UnsupportedImage);
            Ok(())
        })
        .unwrap();
}

#[test]
fn r32_a_mangled_picture_never_panics_and_is_refused_by_its_code() {
    let file = prop::sample::select(vec![png(1), jpeg(1), picture(ImageFormat::Jpeg, 40, 24, 3)]);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12);
    runner()
        .run(&(file, changes), |(mut file, changes)| {
            for (place, byte) in changes {
                let place = place.index(file.len());
                file[place] = byte;
            }
            if let Err(error) = kind(&file) {
                prop_assert!(matches!(error.code, ErrorCode::UnsupportedImage | ErrorCode::TooLarge), "{error:?}");
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn r32_nothing_that_a_camera_notes_is_kept_and_the_pixels_are_as_they_were() {
    for (noted, plain) in [(jpeg_of_a_camera(&jpeg(1), 1), jpeg(1)), (png_with_notes(&png(1), 1), png(1))] {
        assert!(tells_the_place(&noted));
        let kept = CleanImage::of(&noted).unwrap();
        assert!(kept.bytes == plain, "the picture itself, byte by byte");
        assert_eq!(CleanImage::of(&kept.bytes).unwrap(), kept, "and nothing more is taken out of it");
    }
}

#[test]
fn r32_a_picture_that_says_how_it_is_turned_is_turned_for_good() {
    let (wide, tall) = ((40, 24), (24, 40));
    for format in [ImageFormat::Jpeg, ImageFormat::Png] {
        let file = picture(format, wide.0, wide.1, 3);
        let noted = |orientation| match format {
            ImageFormat::Jpeg => jpeg_of_a_camera(&file, orientation),
            _ => png_with_notes(&file, orientation),
        };
        for (orientation, size) in [(1, wide), (3, wide), (6, tall), (8, tall)] {
            let kept = CleanImage::of(&noted(orientation)).unwrap().bytes;
            assert!(!tells_the_place(&kept) && !kept.windows(4).any(|window| window.eq_ignore_ascii_case(b"exif")));
            let shown = image::load_from_memory(&kept).unwrap();
            assert_eq!((shown.width(), shown.height()), size, "{format:?} {orientation}");
            // The top left of the original is at the corner that the orientation names.
            let corner = match orientation {
                1 => (0, 0),
                3 => (39, 23),
                6 => (23, 0),
                _ => (0, 39),
            };
            let far = (size.0 - 1 - corner.0, size.1 - 1 - corner.1);
            let red = |(x, y): (u32, u32)| shown.to_rgb8().get_pixel(x, y).0[0];
            assert!(red(corner) + 20 < red(far), "{format:?} {orientation}: {} {}", red(corner), red(far));
        }
    }
}
