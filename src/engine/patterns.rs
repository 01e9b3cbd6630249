//! Patterns of casbin's matching functions, compiled once, and an index of those that no plain look-up finds, by the
//! text with which all their matches start.

use ahash::HashMap;
use globset::{GlobBuilder, GlobMatcher};
use regex::Regex;

/// One of casbin's matching functions, which compare a request's value with a rule's pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumString)]
#[strum(serialize_all = "camelCase")]
pub(super) enum Function {
    /// The text before the first `*`, followed by anything.
    KeyMatch,
    /// `/*` for anything, `:name` for one segment, and else a regular expression of the whole.
    KeyMatch2,
    /// A regular expression of any part.
    #[strum(serialize = "regexMatch")]
    Regex,
    /// A shell's pattern, in which `*` ends at a `/`.
    #[strum(serialize = "globMatch")]
    Glob,
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(super) enum Pattern {
    /// This text alone.
    Exactly(String),
    /// Every text that starts with this one.
    Start(String),
    Regex(Regex),
    Glob(GlobMatcher),
}

impl Function {
    /// Compiles a pattern; the error says what is wrong with it. Casbin would panic on such a pattern.
    pub(super) fn compile(self, pattern: &str) -> Result<Pattern, String> {
        let regex = |text: &str| Regex::new(text).map(Pattern::Regex).map_err(|error| error.to_string());
        match self {
            _ if self.is_plain(pattern) => Ok(Pattern::Exactly(pattern.to_owned())),
            Self::KeyMatch => {
                Ok(Pattern::Start(pattern.split_once('*').map_or(pattern, |(start, _)| start).to_owned()))
            }
            Self::KeyMatch2 => regex(&format!("^{}$", segments(&pattern.replace("/*", "/.*")))),
            Self::Regex => regex(pattern),
            Self::Glob => {
                let glob = GlobBuilder::new(pattern).literal_separator(true).build();
                glob.map(|glob| Pattern::Glob(glob.compile_matcher())).map_err(|error| error.to_string())
            }
        }
    }

    /// Returns whether the pattern matches itself and nothing else.
    pub(super) fn is_plain(self, pattern: &str) -> bool {
        self != Self::Regex && !pattern.contains(|c| self.is_special(c))
    }

    const fn is_special(self, c: char) -> bool {
        match self {
            Self::KeyMatch => c == '*',
            Self::KeyMatch2 => is_special_in_regex(c) || c == ':',
            Self::Regex => is_special_in_regex(c),
            Self::Glob => matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\'),
        }
    }

    /// Returns the text with which every match of the pattern starts.
    fn start(self, pattern: &str) -> &str {
        let of_regex = matches!(self, Self::KeyMatch2 | Self::Regex);
        let anchored = match self {
            Self::Regex => pattern.strip_prefix('^').unwrap_or_default(),
            _ => pattern,
        };
        // An alternative begins anew.
        if of_regex && pattern.contains('|') {
            return "";
        }
        let Some(end) = anchored.find(|c| self.is_special(c)) else { return anchored };
        let (start, rest) = anchored.split_at(end);
        // The character says how often the one before it occurs, which can be not at all.
        let counts = of_regex && rest.starts_with(['*', '+', '?', '{']);
        if counts {
            start.char_indices().next_back().and_then(|(last, _)| start.get(..last)).unwrap_or_default()
        } else {
            start
        }
    }
}

const fn is_special_in_regex(c: char) -> bool {
    matches!(c, '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$')
}

/// Turns a pattern with `:name`, up to the next `/`, into an expression for one segment.
fn segments(pattern: &str) -> String {
    let one = |piece: &str| piece.split_once(':').map_or_else(|| piece.to_owned(), |(head, _)| format!("{head}[^/]+"));
    pattern.split('/').map(one).collect::<Vec<_>>().join("/")
}

impl Pattern {
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exactly(same) => same == text,
            Self::Start(start) => text.starts_with(start),
            Self::Regex(regex) => regex.is_match(text),
            Self::Glob(glob) => glob.is_match(text),
        }
    }
}

/// Numbered patterns by the text with which all their matches start.
#[derive(Default)]
pub(super) struct Patterns {
    by_start: HashMap<String, Vec<(u32, Pattern)>>,
    /// The lengths of those texts, each once.
    lengths: Vec<usize>,
}

impl Patterns {
    pub(super) fn add(&mut self, number: u32, function: Function, text: &str, pattern: Pattern) {
        let start = function.start(text);
        if !self.lengths.contains(&start.len()) {
            self.lengths.push(start.len());
        }
        self.by_start.entry(start.to_owned()).or_default().push((number, pattern));
    }

    /// Returns the numbers of all patterns that match the text.
    pub(super) fn matching<'p>(&'p self, text: &'p str) -> impl Iterator<Item = u32> + 'p {
        let starts = self.lengths.iter().filter_map(|length| text.get(..*length));
        let near = starts.filter_map(|start| self.by_start.get(start)).flatten();
        near.filter(|(_, pattern)| pattern.matches(text)).map(|(number, _)| *number)
    }
}

#[cfg(test)]
mod tests {
    use casbin::function_map::{glob_match, key_match, key_match2, regex_match};

    use super::*;

    const TEXTS: [&str; 14] =
        ["", "a", "/", "/a", "/a/b", "/a/b/c", "/ab", "a/b", "/a.b", "/axb", "/a+", "/aa", "/:x", "/a/"];
    const PATTERNS: [&str; 30] = [
        "",
        "a",
        "/a",
        "/a/*",
        "/a*",
        "*",
        "/*",
        "/*/b",
        "/:x",
        "/:x/b",
        "/a/:x",
        "/:x/:y",
        "/a:x",
        "/a.b",
        "/a+",
        "/a?",
        "^/a",
        "^/a$",
        "/a|b",
        "^/a|b",
        "(/a)|(/ab)",
        "/a/**",
        "/?",
        "/[ab]",
        "/{a,ab}",
        "b$",
        "/a/.*",
        "^/aa*",
        "/:/b",
        "^",
    ];

    #[test]
    fn a_compiled_pattern_matches_what_casbins_function_matches() {
        type Casbin = fn(&str, &str) -> bool;
        let functions: [(Function, Casbin); 4] = [
            (Function::KeyMatch, key_match),
            (Function::KeyMatch2, key_match2),
            (Function::Regex, regex_match),
            (Function::Glob, glob_match),
        ];
        let (mut compared, mut matched) = (0, 0);
        for (function, casbin) in functions {
            for text in PATTERNS {
                let Ok(pattern) = function.compile(text) else { continue };
                let mut patterns = Patterns::default();
                patterns.add(7, function, text, pattern.clone());
                for value in TEXTS {
                    let expected = casbin(value, text);
                    assert_eq!(pattern.matches(value), expected, "{function:?}({value}, {text})");
                    assert_eq!(patterns.matching(value).eq([7]), expected, "index: {function:?}({value}, {text})");
                    compared += 1;
                    matched += usize::from(expected);
                }
            }
        }
        assert!(compared > 1_400 && matched > 200, "{matched} of {compared}");
    }

    #[test]
    fn what_casbin_would_panic_on_is_an_error() {
        for (function, text) in [(Function::Regex, "*"), (Function::KeyMatch2, "/a(/:x"), (Function::Glob, "/[a")] {
            assert!(function.compile(text).is_err(), "{text}");
        }
    }
}
