//! A reader for the terms of a matcher, in the text that casbin holds (`r_sub` for `r.sub`). It knows the parts of a
//! term and not their meaning, and refuses whatever casbin's own evaluator could read otherwise. It is our own because
//! that evaluator, `rhai`, gives a value and not the terms, by which rules are looked up.

/// An expression that is true or false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression<'t> {
    /// `a == b`, or `a != b` where `equal` is false.
    Compare {
        equal: bool,
        one: Operand<'t>,
        other: Operand<'t>,
    },
    /// `a in ["b", "c"]`
    In {
        one: Operand<'t>,
        texts: Vec<&'t str>,
    },
    /// `name(a, b)`
    Call {
        name: &'t str,
        arguments: Vec<Operand<'t>>,
    },
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

/// A text in a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operand<'t> {
    Field(&'t str),
    /// The inside of a quoted string.
    Text(&'t str),
}

/// A piece of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'t> {
    Name(&'t str),
    /// The inside of a quoted string.
    Text(&'t str),
    Symbol(&'t str),
}

const SYMBOLS: [&str; 10] = ["==", "!=", "&&", "||", "(", ")", "[", "]", ",", "!"];

/// Splits the matcher into the terms that must hold together, at each `&&` outside of parentheses and quotes. A matcher
/// with a `||` there is one term, since it binds weaker.
pub(super) fn terms(matcher: &str) -> Vec<&str> {
    let text = unwrapped(matcher.trim());
    let (mut pieces, mut start) = (Vec::new(), 0);
    for (at, symbol) in outside(text) {
        if symbol == "||" {
            return vec![text];
        }
        pieces.extend(text.get(start..at));
        start = at + symbol.len();
    }
    if pieces.is_empty() {
        return vec![text];
    }
    pieces.extend(text.get(start..));
    pieces.into_iter().flat_map(terms).collect()
}

/// Splits the matcher at each `||` outside of parentheses and quotes.
pub(super) fn alternatives(matcher: &str) -> Vec<&str> {
    let text = unwrapped(matcher.trim());
    let (mut pieces, mut start) = (Vec::new(), 0);
    for (at, symbol) in outside(text).into_iter().filter(|(_, symbol)| *symbol == "||") {
        pieces.extend(text.get(start..at).map(str::trim));
        start = at + symbol.len();
    }
    pieces.extend(text.get(start..).map(str::trim));
    pieces
}

/// Returns each `&&` and `||` outside of parentheses and quotes, with its place.
fn outside(text: &str) -> Vec<(usize, &'static str)> {
    let (mut found, mut depth, mut quoted) = (Vec::new(), 0_usize, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'(' | b'[' if !quoted => depth += 1,
            b')' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ if quoted || depth > 0 => {}
            _ => found.extend(
                ["&&", "||"].into_iter().filter(|symbol| text.get(at..at + 2) == Some(*symbol)).map(|it| (at, it)),
            ),
        }
    }
    found
}

/// Removes the parentheses around the whole text.
fn unwrapped(text: &str) -> &str {
    let Some(inside) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) else { return text };
    let (mut depth, mut quoted) = (1_usize, false);
    for byte in inside.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return text;
        }
    }
    if depth == 1 && !quoted { unwrapped(inside.trim()) } else { text }
}

/// Reads one term; `None` if it is not understood.
pub(super) fn read(term: &str) -> Option<Expression<'_>> {
    let tokens = tokens(term)?;
    let mut reader = Reader { rest: &tokens };
    let expression = reader.or()?;
    reader.rest.is_empty().then_some(expression)
}

/// Splits a term into its tokens; `None` when a character belongs to none.
pub(super) fn tokens(term: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = term.trim_start();
    while !rest.is_empty() {
        let (token, after) = token(rest)?;
        tokens.push(token);
        rest = after.trim_start();
    }
    Some(tokens)
}

fn token(rest: &str) -> Option<(Token<'_>, &str)> {
    if let Some(quoted) = rest.strip_prefix('"') {
        // casbin's evaluator would read what follows a backslash in its own way.
        return quoted
            .split_once('"')
            .filter(|(text, _)| !text.contains('\\'))
            .map(|(it, after)| (Token::Text(it), after));
    }
    if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
        let (symbol, after) = rest.split_at(symbol.len());
        return Some((Token::Symbol(symbol), after));
    }
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let starts = rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts.then(|| rest.split_at(end)).map(|(name, after)| (Token::Name(name), after))
}

/// A reader of tokens from the left. `&&` binds stronger than `||`, as in casbin's evaluator.
struct Reader<'r, 't> {
    rest: &'r [Token<'t>],
}

impl<'t> Reader<'_, 't> {
    fn or(&mut self) -> Option<Expression<'t>> {
        let mut all = vec![self.and()?];
        while self.take("||") {
            all.push(self.and()?);
        }
        if all.len() == 1 { all.pop() } else { Some(Expression::Or(all)) }
    }

    fn and(&mut self) -> Option<Expression<'t>> {
        let mut all = vec![self.one()?];
        while self.take("&&") {
            all.push(self.one()?);
        }
        if all.len() == 1 { all.pop() } else { Some(Expression::And(all)) }
    }

    fn one(&mut self) -> Option<Expression<'t>> {
        if self.take("!") {
            // `!a == b` negates `a` alone there.
            let whole = matches!(self.rest, [Token::Symbol("(" | "!"), ..] | [Token::Name(_), Token::Symbol("("), ..]);
            return if whole { Some(Expression::Not(Box::new(self.one()?))) } else { None };
        }
        if self.take("(") {
            let inside = self.or()?;
            return self.take(")").then_some(inside);
        }
        if let [Token::Name(name), Token::Symbol("("), rest @ ..] = self.rest {
            self.rest = rest;
            let arguments = self.list(")", Self::operand)?;
            return Some(Expression::Call { name, arguments });
        }
        let one = self.operand()?;
        if let [Token::Name("in"), Token::Symbol("["), rest @ ..] = self.rest {
            self.rest = rest;
            return Some(Expression::In { one, texts: self.list("]", Self::text)? });
        }
        let equal = self.take("==");
        (equal || self.take("!=")).then(|| self.operand()).flatten().map(|other| Expression::Compare {
            equal,
            one,
            other,
        })
    }

    /// Reads items between commas up to `end`.
    fn list<T>(&mut self, end: &str, item: fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = vec![item(self)?];
        while !self.take(end) {
            if !self.take(",") {
                return None;
            }
            items.push(item(self)?);
        }
        Some(items)
    }

    fn operand(&mut self) -> Option<Operand<'t>> {
        let (operand, rest) = match self.rest {
            [Token::Name(name), rest @ ..] => (Operand::Field(name), rest),
            [Token::Text(text), rest @ ..] => (Operand::Text(text), rest),
            _ => return None,
        };
        self.rest = rest;
        Some(operand)
    }

    fn text(&mut self) -> Option<&'t str> {
        match self.operand()? {
            Operand::Text(text) => Some(text),
            Operand::Field(_) => None,
        }
    }

    fn take(&mut self, symbol: &str) -> bool {
        match self.rest {
            [Token::Symbol(first), rest @ ..] if *first == symbol => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_split_where_both_sides_must_hold() {
        for (matcher, split) in [
            ("a == b && f(c, d)", vec!["a == b", "f(c, d)"]),
            ("(a == b && (c == d)) && e == \"x && y\"", vec!["a == b", "c == d", "e == \"x && y\""]),
            ("a == b && (c == d || e == f)", vec!["a == b", "c == d || e == f"]),
            ("a == b && c == d || e == f", vec!["a == b && c == d || e == f"]),
            ("(a == b) && (c == d)", vec!["a == b", "c == d"]),
            ("a == \"(\" && b == c", vec!["a == \"(\"", "b == c"]),
            ("", vec![""]),
        ] {
            assert_eq!(terms(matcher), split, "{matcher}");
        }
    }

    #[test]
    fn alternatives_are_split_where_one_side_is_enough() {
        assert_eq!(alternatives("(a == b && c == d || e == \"x || y\")"), ["a == b && c == d", "e == \"x || y\""]);
        assert_eq!(alternatives("a == b && (c == d || e == f)"), ["a == b && (c == d || e == f)"]);
    }

    #[test]
    fn a_term_is_read_as_casbin_evaluates_it_or_not_at_all() {
        let field = |name| Operand::Field(name);
        let same = |one, other| Expression::Compare { equal: true, one: field(one), other: field(other) };
        assert_eq!(
            read("a == b || c == d && e == f"),
            Some(Expression::Or(vec![same("a", "b"), Expression::And(vec![same("c", "d"), same("e", "f")])]))
        );
        assert_eq!(read("!(a == b)"), Some(Expression::Not(Box::new(same("a", "b")))));
        assert_eq!(read("a in [\"x\", \"y\"]"), Some(Expression::In { one: field("a"), texts: vec!["x", "y"] }));
        for term in [
            "",
            "a",
            "true",
            "!a == b",
            "a == b == c",
            "a.b == c",
            "a == 'x'",
            "a == \"x\\n\"",
            "f()",
            "f(a, g(b))",
            "f(a) == b",
            "a > b",
            "a + b == c",
            "a == b &&",
            "(a == b",
            "a == b)",
            "a in b",
            "a in []",
            "a == `x`",
            "1 == a",
            "a == \"x",
            "f(a,)",
        ] {
            assert_eq!(read(term), None, "{term}");
        }
    }
}
