//! The names in a Rust file, read from its text, which is enough for paths.

use std::collections::BTreeSet;
use std::path::Path;

/// A file without its comments.
pub(super) struct Source {
    /// Number of modules above the file's text: `graphql/page.rs` is two deep.
    depth: usize,
    code: String,
}

impl Source {
    /// Takes the text of the file at `path`, which is below `src`.
    pub(super) fn new(path: &Path, text: &str) -> Self {
        let depth = path.iter().count() - usize::from(path.ends_with("mod.rs"));
        let code = text.lines().map(without_comment).collect::<Vec<_>>().join("\n");
        Self { depth, code }
    }

    /// Returns the names at the top of the file's own crate: after `crate::`, or after as many `super::` as lead there.
    pub(super) fn layers(&self) -> BTreeSet<String> {
        let to_the_top = "super::".repeat(self.depth);
        let tops = ["crate::", to_the_top.as_str()];
        tops.iter().flat_map(|top| self.after(top)).flat_map(heads).map(str::to_owned).collect()
    }

    /// Returns the text after each `path`, where the path does not continue a longer one.
    fn after<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        self.code.match_indices(path).filter_map(move |(at, _)| {
            let before = self.code[..at].chars().next_back();
            let whole = before.is_none_or(|letter| !is_name(letter) && letter != ':');
            let (_, rest) = self.code.split_at(at + path.len());
            (whole && !rest.starts_with("super::")).then_some(rest)
        })
    }

    /// Returns `true` if the file has this word as a name of its code.
    pub(super) fn names(&self, word: &str) -> bool {
        self.code.split(|letter| !is_name(letter)).any(|name| name == word)
    }

    /// Returns the crates among these that the file names. A name that a `use` or `mod` of the file has made its own
    /// (`use tokio::time`) is not the crate of that name.
    pub(super) fn crates(&self, known: &BTreeSet<String>) -> BTreeSet<String> {
        let named = |name: &&String| {
            let path = format!("{name}::");
            let used = self.after(&path).next().is_some() || self.code.contains(&format!("use {name};"));
            used && !self.binds(name)
        };
        known.iter().filter(named).cloned().collect()
    }

    /// Returns whether the file declares a module `name`, or imports one from elsewhere.
    fn binds(&self, name: &str) -> bool {
        let declared = self.code.lines().any(|line| line.trim().ends_with(&format!("mod {name};")));
        let imports = self.code.split("use ").skip(1).filter_map(|rest| rest.split(';').next());
        let imported = |import: &str| {
            let path = import.trim();
            let items = path.split(['{', '}', ',']).map(str::trim);
            let whole = items.clone().any(|item| item.ends_with(&format!("::{name}")));
            whole || (path.contains("::{") && items.skip(1).any(|item| item == name))
        };
        declared || imports.into_iter().any(imported)
    }
}

/// Returns the line without its `//` comment; an address such as `http://…` in a text does not count.
fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
    comment.map_or(line, |(at, _)| &line[..at])
}

/// Returns the first names of `a::b`, or of each of `{a::b, c::{d, e}}`.
fn heads(path: &str) -> Vec<&str> {
    let Some(group) = path.strip_prefix('{') else { return vec![head(path)] };
    let mut depth = 0_usize;
    let mut found = vec![head(group.trim_start())];
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => found.push(head(group[at + 1..].trim_start())),
            _ => {}
        }
    }
    found
}

fn head(path: &str) -> &str {
    path.split(|letter| !is_name(letter)).next().unwrap_or_default()
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}
