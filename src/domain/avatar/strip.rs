//! Pictures without what their makers left beside them: places, cameras, names, thumbnails. Pixels are not touched.
//! Only what is known to be needed is kept, so that no kind of note is forgotten.

/// The chunks of a PNG that are its pixels.
const PIXELS: [&[u8; 4]; 5] = [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"];
/// The chunks that say in numbers how the colours of a PNG are meant, with their sizes.
const COLOURS: [(&[u8; 4], u32); 4] = [(b"gAMA", 4), (b"cHRM", 32), (b"sRGB", 1), (b"cICP", 4)];

/// Returns the chunks of a PNG that it is shown by; none when it breaks off.
pub(super) fn png(bytes: &[u8]) -> Option<Vec<u8>> {
    let (signature, mut rest) = bytes.split_first_chunk::<8>()?;
    let mut kept = signature.to_vec();
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let kind = after.first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length);
        // Around the data stand its length, its kind and a checksum.
        let (chunk, after) = rest.split_at_checked(usize::try_from(length).ok()?.checked_add(12)?)?;
        if PIXELS.contains(&kind) || COLOURS.contains(&(kind, length)) {
            kept.extend_from_slice(chunk);
        }
        if kind == b"IEND" {
            return Some(kept);
        }
        rest = after;
    }
}

/// The marker of the end of a JPEG.
const END: u8 = 0xD9;
/// The marker of a scan, behind which stand pixels.
const SCAN: u8 = 0xDA;

/// Returns the segments of a JPEG that it is shown by; none when it breaks off.
pub(super) fn jpeg(bytes: &[u8]) -> Option<Vec<u8>> {
    let (start, mut rest) = bytes.split_first_chunk::<2>()?;
    let (mut kept, mut in_scan) = (start.to_vec(), false);
    loop {
        // Pixels stand between segments. In them 0xFF is followed by a zero, or by the number of
        // a restart; and before a marker it may be repeated.
        let marks = |pair: &[u8]| matches!(pair, [0xFF, mark] if !matches!(mark, 0x00 | 0xD0..=0xD7 | 0xFF));
        let (between, marked) = rest.split_at_checked(rest.windows(2).position(marks)?)?;
        if in_scan {
            kept.extend_from_slice(between);
        }
        let ([_, mark], after) = marked.split_first_chunk::<2>()?;
        if *mark == END {
            kept.extend_from_slice(&[0xFF, END]);
            return Some(kept);
        }
        let length = usize::from(u16::from_be_bytes(*after.first_chunk::<2>()?));
        let (segment, after) = after.split_at_checked(length)?;
        keep_segment(&mut kept, *mark, segment);
        in_scan = *mark == SCAN;
        rest = after;
    }
}

/// Keeps a segment, which begins with its length, if the picture is shown by it.
fn keep_segment(kept: &mut Vec<u8>, mark: u8, segment: &[u8]) {
    match (mark, segment) {
        // Frames, tables, scans.
        (0xC0..=0xCF | SCAN..=0xDF, _) => {
            kept.extend_from_slice(&[0xFF, mark]);
            kept.extend_from_slice(segment);
        }
        // How its colours are meant, and its pixels' form; without the thumbnail that may follow.
        (0xE0, [_, _, form @ ..]) if form.starts_with(b"JFIF\0") => {
            if let Some(form) = form.first_chunk::<12>() {
                kept.extend_from_slice(&[0xFF, mark, 0, 16]);
                kept.extend_from_slice(form);
                kept.extend_from_slice(&[0, 0]);
            }
        }
        (0xEE, [_, _, colours @ ..]) if colours.starts_with(b"Adobe") => {
            if let Some(colours) = colours.first_chunk::<12>() {
                kept.extend_from_slice(&[0xFF, mark, 0, 14]);
                kept.extend_from_slice(colours);
            }
        }
        _ => {}
    }
}

/// Returns the note of how a picture is to be turned, as cameras write it: a table with one entry.
fn turning(orientation: u8) -> [u8; 26] {
    let mut note = *b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0?\0\0\0\0\0\0\0";
    note[18] = orientation;
    note
}

/// Puts the note behind the head of a PNG; none where there is no such head.
pub(super) fn turned_png(bytes: &[u8], orientation: u8) -> Option<Vec<u8>> {
    // The signature, and a chunk of thirteen bytes of data.
    let (head, rest) = bytes.split_at_checked(8 + 12 + 13)?;
    let chunk = [b"eXIf".as_slice(), &turning(orientation)].concat();
    let length = u32::try_from(chunk.len() - 4).ok()?;
    Some([head, &length.to_be_bytes(), &chunk, &checksum(&chunk).to_be_bytes(), rest].concat())
}

/// Puts the note behind the head of a JPEG; none where there is no such head.
pub(super) fn turned_jpeg(bytes: &[u8], orientation: u8) -> Option<Vec<u8>> {
    // The form of the pixels comes first, where it is told.
    let form = if bytes.get(2..4)? == [0xFF, 0xE0] { 2 + 16 } else { 0 };
    let (head, rest) = bytes.split_at_checked(2 + form)?;
    let segment = [b"Exif\0\0".as_slice(), &turning(orientation)].concat();
    let length = u16::try_from(segment.len() + 2).ok()?;
    Some([head, &[0xFF, 0xE1], &length.to_be_bytes(), &segment, rest].concat())
}

/// Returns the checksum of a chunk of a PNG: CRC-32.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}
