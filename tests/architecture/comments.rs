//! The openings of doc comments, as `docs/STYLE.md` wants them.

use super::{root, rust_files};

/// Words that open a riddle: the reader learns only at the end of the sentence what it is about.
const RIDDLES: [&str; 10] = ["What", "Who", "Whose", "Whom", "Whether", "How", "Those", "The same", "As", "By"];
/// Doc comments of a hundred that may open so.
const RIDDLES_MAX: usize = 4;

/// Returns the first line of each doc comment, without its slashes.
fn openings(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim_start) {
        let comment = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        if let Some(opening) = comment.filter(|_| !inside) {
            found.push(opening.trim());
        }
        inside = comment.is_some();
    }
    found
}

fn is_riddle(opening: &str) -> bool {
    RIDDLES.iter().any(|word| {
        opening.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|next: char| next.is_alphanumeric()))
    })
}

#[test]
fn doc_comments_open_with_what_they_are_about() {
    let mut openings_in_all = 0;
    let mut riddles = Vec::new();
    for folder in ["src", "migrations/src", "bench/src"] {
        for path in rust_files(&root().join(folder)) {
            let text = std::fs::read_to_string(&path).unwrap();
            let openings = openings(&text);
            openings_in_all += openings.len();
            let here = openings.into_iter().filter(|opening| is_riddle(opening));
            riddles.extend(here.map(|opening| format!("{}: {opening}", path.display())));
        }
    }
    assert!(openings_in_all > 1_000, "{openings_in_all}");
    let most = openings_in_all * RIDDLES_MAX / 100;
    assert!(riddles.len() <= most, "{} of {openings_in_all}, at most {most}:\n{}", riddles.len(), riddles.join("\n"));
}

#[test]
fn a_riddle_is_known_by_its_first_words() {
    for riddle in ["Whether it is so.", "The same for groups.", "By name.", "Who."] {
        assert!(is_riddle(riddle), "{riddle}");
    }
    for plain in ["Returns the same.", "Whoa", "Bytes of it.", "Assigns a profile.", "The samesaid"] {
        assert!(!is_riddle(plain), "{plain}");
    }
    assert_eq!(openings("/// One\n/// two\nfn f() {}\n    /// Three\n//! Four"), ["One", "Three"]);
}
