//! The terms of a matcher: splits the text that casbin holds (`r_sub` for `r.sub`) at its
//! top-level `&&` and recognises those that can be planned. It knows forms, not meanings.

use super::plan::PlanError;

/// One term, with the fields that it compares as positions in their definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    /// How it compares.
    pub(super) form: Form,
    /// The field of the request.
    pub(super) request: usize,
    /// The field of the policy.
    pub(super) policy: usize,
    /// The term as casbin holds it, for errors.
    pub(super) text: String,
}

/// How a term compares its two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `g(r.s, p.s, r.d)`, where `d` is the field at this position.
    Role { domain: usize },
    /// `r.x == p.y`
    Equal,
    /// `(r.x == p.y || p.y == "*")`
    EqualOrStar,
    /// `keyMatch(r.x, p.y)`
    KeyMatch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    Name(&'t str),
    /// The inside of a quoted string.
    Text(&'t str),
    Symbol(&'t str),
}

/// Reads all terms of `matcher` over the fields of the two definitions.
pub(super) fn terms(matcher: &str, request: &[String], policy: &[String]) -> Result<Vec<Term>, PlanError> {
    let fields = Fields { request, policy };
    split(matcher).into_iter().map(|text| fields.term(text)).collect()
}

/// The fields of the request and the policy, as casbin names them: `r_sub`, `p_sub`.
struct Fields<'m> {
    request: &'m [String],
    policy: &'m [String],
}

impl Fields<'_> {
    fn term(&self, text: &str) -> Result<Term, PlanError> {
        use Token::{Name, Symbol, Text};
        let read = match *tokens(text) {
            [Name(a), Symbol("=="), Name(b)] => self.either(a, b).map(|(r, p)| (Form::Equal, r, p)),
            [Name("g"), Symbol("("), Name(member), Symbol(","), Name(role), Symbol(","), Name(domain), Symbol(")")] => {
                self.pair(member, role).zip(self.request(domain)).map(|((r, p), domain)| (Form::Role { domain }, r, p))
            }
            [Name("keyMatch"), Symbol("("), Name(key), Symbol(","), Name(pattern), Symbol(")")] => {
                self.pair(key, pattern).map(|(r, p)| (Form::KeyMatch, r, p))
            }
            [
                Symbol("("),
                Name(a),
                Symbol("=="),
                Name(b),
                Symbol("||"),
                Name(starred),
                Symbol("=="),
                Text("*"),
                Symbol(")"),
            ] => self
                .either(a, b)
                .filter(|(_, p)| self.policy(starred) == Some(*p))
                .map(|(r, p)| (Form::EqualOrStar, r, p)),
            _ => None,
        };
        let (form, request, policy) = read.ok_or_else(|| PlanError::UnknownTerm(text.to_owned()))?;
        Ok(Term { form, request, policy, text: text.to_owned() })
    }

    fn request(&self, name: &str) -> Option<usize> {
        self.request.iter().position(|field| field == name)
    }

    fn policy(&self, name: &str) -> Option<usize> {
        self.policy.iter().position(|field| field == name)
    }

    fn pair(&self, request: &str, policy: &str) -> Option<(usize, usize)> {
        self.request(request).zip(self.policy(policy))
    }

    fn either(&self, a: &str, b: &str) -> Option<(usize, usize)> {
        self.pair(a, b).or_else(|| self.pair(b, a))
    }
}

/// Splits at each `&&` outside of parentheses and quotes. A top-level `||` binds weaker than
/// `&&`, and stays inside a term that no form fits, so that such a matcher is refused.
fn split(matcher: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let (mut start, mut depth, mut quoted) = (0, 0_usize, false);
    for (at, byte) in matcher.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth = depth.saturating_sub(1),
            b'&' if !quoted && depth == 0 && at >= start && matcher.as_bytes().get(at + 1) == Some(&b'&') => {
                terms.extend(matcher.get(start..at));
                start = at + 2;
            }
            _ => {}
        }
    }
    terms.extend(matcher.get(start..));
    terms.into_iter().map(str::trim).collect()
}

fn tokens(term: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = term.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = token(rest, first);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

fn token(rest: &str, first: char) -> (Token<'_>, &str) {
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    if in_name(first) {
        let (name, after) = rest.split_at(rest.find(|c| !in_name(c)).unwrap_or(rest.len()));
        return (Token::Name(name), after);
    }
    if let Some((text, after)) = rest.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
        return (Token::Text(text), after);
    }
    let length = ["==", "||"].into_iter().find(|symbol| rest.starts_with(symbol)).map_or(first.len_utf8(), str::len);
    let (symbol, after) = rest.split_at(length);
    (Token::Symbol(symbol), after)
}
