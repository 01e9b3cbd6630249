//! The terms of a matcher: recognises those that have a look-up or a comparison here, and leaves the others to casbin's
//! own evaluator. It knows forms, not meanings.

use super::expression::{self, Expression, Operand};
use super::patterns::Function;
use super::plan::PlanError;

/// One term of a matcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    /// The form of its comparison.
    pub(super) form: Form,
    /// The term as casbin holds it, for errors and for casbin.
    pub(super) text: String,
}

/// The form in which a term compares fields. Fields are positions in their definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// `g(r.s, p.s)`, or `g(r.s, p.s, r.d)`
    Role { request: usize, policy: usize, domain: Option<usize> },
    /// `r.x == p.y`
    Equal { request: usize, policy: usize },
    /// `(r.x == p.y || p.y == "*")`
    EqualOrStar { request: usize, policy: usize },
    /// `keyMatch(r.x, p.y)` and its kin
    Match { function: Function, request: usize, policy: usize },
    /// `r.x == "text"`
    RequestIs { request: usize, text: String },
    /// `p.y == "text"`
    PolicyIs { policy: usize, text: String },
    /// Anything else that casbin evaluates over these fields and texts, with the policy fields that it takes as
    /// patterns, each with its function.
    Other { patterns: Vec<(Function, usize)> },
}

/// Reads all terms of `matcher` over the fields of the two definitions.
pub(super) fn terms(matcher: &str, request: &[String], policy: &[String]) -> Result<Vec<Term>, PlanError> {
    let fields = Fields { request, policy };
    let term = |text: &str| {
        let form = expression::read(text).and_then(|expression| fields.form(&expression));
        let form = form.ok_or_else(|| PlanError::UnknownTerm(text.to_owned()))?;
        Ok(Term { form, text: text.to_owned() })
    };
    expression::terms(matcher).into_iter().map(term).collect()
}

/// The fields of the request and the policy, as casbin names them: `r_sub`, `p_sub`.
struct Fields<'m> {
    request: &'m [String],
    policy: &'m [String],
}

impl Fields<'_> {
    fn form(&self, expression: &Expression<'_>) -> Option<Form> {
        match expression {
            Expression::Call { name: "g", arguments } => self.role(arguments),
            Expression::Call { name, arguments } => self.function(name, arguments),
            Expression::Compare { equal: true, one, other } => self.equality(*one, *other),
            Expression::Or(either) => self.equal_or_star(either),
            _ => None,
        }
        .or_else(|| self.other(expression))
    }

    fn role(&self, arguments: &[Operand<'_>]) -> Option<Form> {
        let (member, role, domain) = match *arguments {
            [member, role] => (member, role, None),
            [member, role, domain] => (member, role, Some(self.request(domain)?)),
            _ => return None,
        };
        Some(Form::Role { request: self.request(member)?, policy: self.policy(role)?, domain })
    }

    fn function(&self, name: &str, arguments: &[Operand<'_>]) -> Option<Form> {
        let (function, [key, pattern]) = (name.parse().ok()?, arguments) else { return None };
        Some(Form::Match { function, request: self.request(*key)?, policy: self.policy(*pattern)? })
    }

    fn equality(&self, one: Operand<'_>, other: Operand<'_>) -> Option<Form> {
        let (field, text) = match (one, other) {
            (Operand::Field(_), Operand::Field(_)) => {
                let (request, policy) = self.pair(one, other).or_else(|| self.pair(other, one))?;
                return Some(Form::Equal { request, policy });
            }
            (field, Operand::Text(text)) | (Operand::Text(text), field) => (field, text.to_owned()),
        };
        let of_request = self.request(field).map(|request| Form::RequestIs { request, text: text.clone() });
        of_request.or_else(|| Some(Form::PolicyIs { policy: self.policy(field)?, text }))
    }

    fn equal_or_star(&self, either: &[Expression<'_>]) -> Option<Form> {
        let form = |expression: &Expression<'_>| match expression {
            Expression::Compare { equal: true, one, other } => self.equality(*one, *other),
            _ => None,
        };
        let [one, other] = either else { return None };
        match (form(one)?, form(other)?) {
            (Form::Equal { request, policy }, Form::PolicyIs { policy: starred, text })
            | (Form::PolicyIs { policy: starred, text }, Form::Equal { request, policy })
                if starred == policy && text == "*" =>
            {
                Some(Form::EqualOrStar { request, policy })
            }
            _ => None,
        }
    }

    /// Recognises a term that casbin can evaluate on one rule without an error: one over known fields, texts and
    /// functions alone.
    fn other(&self, expression: &Expression<'_>) -> Option<Form> {
        let mut patterns = Vec::new();
        self.sound(expression, &mut patterns).then_some(Form::Other { patterns })
    }

    fn sound(&self, expression: &Expression<'_>, patterns: &mut Vec<(Function, usize)>) -> bool {
        let known = |operand: Operand<'_>| match operand {
            Operand::Text(_) => true,
            Operand::Field(_) => self.request(operand).or_else(|| self.policy(operand)).is_some(),
        };
        match expression {
            Expression::Compare { one, other, .. } => known(*one) && known(*other),
            Expression::In { one, .. } => known(*one),
            Expression::Not(inside) => self.sound(inside, patterns),
            Expression::And(all) | Expression::Or(all) => all.iter().all(|it| self.sound(it, patterns)),
            Expression::Call { name, arguments } => {
                let (Ok(function), [key, pattern]) = (name.parse::<Function>(), arguments.as_slice()) else {
                    return false;
                };
                // casbin panics on a pattern that it cannot read: a request's value is never one.
                known(*key)
                    && match *pattern {
                        Operand::Text(text) => function.compile(text).is_ok(),
                        field @ Operand::Field(_) => {
                            self.policy(field).map(|at| patterns.push((function, at))).is_some()
                        }
                    }
            }
        }
    }

    fn request(&self, operand: Operand<'_>) -> Option<usize> {
        position(self.request, operand)
    }

    fn policy(&self, operand: Operand<'_>) -> Option<usize> {
        position(self.policy, operand)
    }

    fn pair(&self, request: Operand<'_>, policy: Operand<'_>) -> Option<(usize, usize)> {
        self.request(request).zip(self.policy(policy))
    }
}

fn position(fields: &[String], operand: Operand<'_>) -> Option<usize> {
    match operand {
        Operand::Field(name) => fields.iter().position(|field| field == name),
        Operand::Text(_) => None,
    }
}
