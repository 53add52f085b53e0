//! The static check of a CEL expression over its syntax tree.
//!
//! Refused when the policy is loaded: unknown variables, fields and functions, comparisons between things of different
//! types, a severity or kind that does not exist, an expression that is not a yes or no. A closed list of functions is
//! understood; everything else of CEL is an unknown function here.

use cel::{
    IdedExpr,
    common::ast::{CallExpr, Expr, LiteralValue, SelectExpr, operators},
};
use regex::{Regex, RegexBuilder};
use secgate_model::{Kind, Severity};

use crate::{
    condition::{CONFIDENCES, SCOPES, confidence_name},
    diagnostic::{Place, Sink, short},
    expression::fields_of,
};

/// The types that expressions have here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    Int,
    Double,
    Text,
    List(Box<Type>),
    /// `finding` or `subject`.
    Record(&'static str),
    /// The element of an empty list.
    Any,
}

impl Type {
    fn name(&self) -> String {
        match self {
            Self::Bool => "a truth value".into(),
            Self::Int => "a whole number".into(),
            Self::Double => "a number".into(),
            Self::Text => "a text".into(),
            Self::List(of) => format!("a list of {}", of.name().trim_start_matches("a ")),
            Self::Record(name) => format!("the whole `{name}`"),
            Self::Any => "anything".into(),
        }
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Any)
    }

    /// Whether values of both can be equal at all.
    fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::List(a), Self::List(b)) => a.fits(b),
            (Self::Record(_), _) | (_, Self::Record(_)) => false,
            _ => self == other || (self.is_number() && other.is_number()),
        }
    }
}

/// What the check leaves: the tree with its patterns taken out, and the fields of `finding` that it reads.
pub(crate) struct Checked {
    pub(crate) tree: IdedExpr,
    pub(crate) patterns: Vec<Regex>,
    pub(crate) fields: Vec<&'static str>,
}

/// The name under which a compiled pattern is called; no expression can spell it.
pub(crate) fn pattern_function(at: usize) -> String {
    format!("@matches_{at}")
}

const FUNCTIONS: [&str; 14] = [
    "startsWith",
    "endsWith",
    "contains",
    "matches",
    "size",
    "int",
    "double",
    "string",
    "has",
    "all",
    "exists",
    "exists_one",
    "map",
    "filter",
];
const MAX_DEPTH: usize = 100;

pub(crate) fn check(
    mut tree: IdedExpr,
    offset: &dyn Fn(u64) -> Option<u32>,
    at: Place,
    sink: &mut Sink<'_>,
) -> Option<Checked> {
    let before = sink.found.len();
    let mut checker =
        Checker { offset, at, sink, bound: Vec::new(), patterns: Vec::new(), fields: Vec::new() };
    if let Some(found) = checker.of(&mut tree, 0)
        && !matches!(found, Type::Bool)
    {
        checker.fault(
            tree.id,
            format!("the expression is {}, not true or false", found.name()),
            None,
        );
    }
    let Checker { patterns, mut fields, .. } = checker;
    fields.sort_unstable();
    fields.dedup();
    (sink.found.len() == before).then_some(Checked { tree, patterns, fields })
}

struct Checker<'c, 'f> {
    offset: &'c dyn Fn(u64) -> Option<u32>,
    at: Place,
    sink: &'c mut Sink<'f>,
    /// Variables of macros, innermost last.
    bound: Vec<(String, Type)>,
    patterns: Vec<Regex>,
    fields: Vec<&'static str>,
}

impl Checker<'_, '_> {
    fn fault(&mut self, id: u64, message: String, hint: Option<String>) {
        let message = match (self.offset)(id) {
            Some(start) => format!("{message} (at character {} of the expression)", start + 1),
            None => message,
        };
        match hint {
            Some(hint) => self.sink.error_hint(self.at, message, hint),
            None => self.sink.error(self.at, message),
        }
    }

    fn unknown<'k>(
        &mut self,
        id: u64,
        what: &str,
        name: &str,
        known: impl Iterator<Item = &'k str> + Clone,
    ) {
        let what = (self.offset)(id).map_or_else(
            || what.to_owned(),
            |start| format!("{what} (at character {})", start + 1),
        );
        self.sink.unknown(self.at, &what, name, known);
    }

    /// The type of `node`; `None` after a fault inside it.
    fn of(&mut self, node: &mut IdedExpr, depth: usize) -> Option<Type> {
        let id = node.id;
        if depth > MAX_DEPTH {
            self.fault(
                id,
                format!("the expression is nested deeper than {MAX_DEPTH} levels"),
                None,
            );
            return None;
        }
        match &mut node.expr {
            Expr::Literal(LiteralValue::Boolean(_)) => Some(Type::Bool),
            Expr::Literal(LiteralValue::Int(_)) => Some(Type::Int),
            Expr::Literal(LiteralValue::Double(_)) => Some(Type::Double),
            Expr::Literal(LiteralValue::String(_)) => Some(Type::Text),
            Expr::Literal(_) => {
                self.fault(
                    id,
                    "null, bytes and unsigned numbers are not used here".into(),
                    Some("ask with has(finding.FIELD)".into()),
                );
                None
            }
            Expr::Ident(name) => {
                let name = name.clone();
                self.variable(id, &name)
            }
            Expr::Select(select) => self.select(id, select, depth),
            Expr::Call(call) => self.call(id, call, depth),
            Expr::List(list) => {
                let mut of = Type::Any;
                for element in &mut list.elements {
                    let found = self.of(element, depth + 1)?;
                    if !of.fits(&found) {
                        self.fault(
                            element.id,
                            format!("the list mixes {} and {}", of.name(), found.name()),
                            None,
                        );
                        return None;
                    }
                    if matches!(of, Type::Any) {
                        of = found;
                    }
                }
                Some(Type::List(Box::new(of)))
            }
            Expr::Comprehension(loops) => {
                let range = self.of(&mut loops.iter_range, depth + 1)?;
                let Type::List(of) = range else {
                    self.fault(id, format!("this goes through a list, not {}", range.name()), None);
                    return None;
                };
                if fields_of(&loops.iter_var).is_some() {
                    self.fault(
                        id,
                        format!("`{}` hides the variable of that name", short(&loops.iter_var)),
                        None,
                    );
                    return None;
                }
                let start = self.of(&mut loops.accu_init, depth + 1)?;
                self.bound.push((loops.iter_var.clone(), *of));
                self.bound.push((loops.accu_var.clone(), start));
                let step = self.of(&mut loops.loop_step, depth + 1);
                let condition = self.of(&mut loops.loop_cond, depth + 1);
                let result = self.of(&mut loops.result, depth + 1);
                self.bound.truncate(self.bound.len() - 2);
                condition?;
                match (step?, result?) {
                    // `map` and `filter` grow a list that begins empty.
                    (Type::List(step), Type::List(_)) => Some(Type::List(step)),
                    (_, result) => Some(result),
                }
            }
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                self.fault(id, "maps and messages are not used here".into(), None);
                None
            }
        }
    }

    fn variable(&mut self, id: u64, name: &str) -> Option<Type> {
        if let Some((_, found)) = self.bound.iter().rev().find(|(bound, _)| bound == name) {
            return Some(found.clone());
        }
        match name {
            "finding" => Some(Type::Record("finding")),
            "subject" => Some(Type::Record("subject")),
            _ => {
                let names: Vec<String> =
                    self.bound.iter().map(|(bound, _)| bound.clone()).collect();
                let known =
                    ["finding", "subject"].into_iter().chain(names.iter().map(String::as_str));
                self.unknown(id, "variable", name, known.filter(|name| !name.starts_with('@')));
                None
            }
        }
    }

    fn select(&mut self, id: u64, select: &mut SelectExpr, depth: usize) -> Option<Type> {
        let operand = self.of(&mut select.operand, depth + 1)?;
        let Type::Record(record) = operand else {
            self.fault(
                id,
                format!("{} has no field `{}`", operand.name(), short(&select.field)),
                None,
            );
            return None;
        };
        let fields = fields_of(record)?;
        let Some((field, found)) = fields.get_key_value(select.field.as_str()) else {
            self.unknown(id, &format!("field of {record}"), &select.field, fields.keys().copied());
            return None;
        };
        if record == "finding" {
            self.fields.push(field);
        }
        Some(if select.test { Type::Bool } else { found.clone() })
    }

    fn call(&mut self, id: u64, call: &mut CallExpr, depth: usize) -> Option<Type> {
        let target = match &mut call.target {
            Some(target) => Some(self.of(target, depth + 1)?),
            None => None,
        };
        // All arguments are looked at, so that one fault does not hide the next.
        let types: Vec<Option<Type>> =
            call.args.iter_mut().map(|arg| self.of(arg, depth + 1)).collect();
        let types: Vec<Type> = types.into_iter().collect::<Option<_>>()?;
        let name = call.func_name.clone();
        let name = name.as_str();
        let text = |found: &Type| matches!(found, Type::Text | Type::Any);
        let good = match (name, target.as_ref(), types.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, None, [a, b]) => {
                (is_bool(a) && is_bool(b)).then_some(Type::Bool)
            }
            (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, None, [a]) => {
                is_bool(a).then_some(Type::Bool)
            }
            (operators::EQUALS | operators::NOT_EQUALS, None, [a, b]) => {
                self.known_value(call)?;
                a.fits(b).then_some(Type::Bool)
            }
            (
                operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS,
                None,
                [a, b],
            ) => {
                if ordered_names(call) {
                    self.fault(id, "texts compare by their letters, so `high` comes after `critical`".into(), Some("use `severity:` in match, or finding.severity in [\"high\", \"critical\"]".into()));
                    return None;
                }
                ((a.is_number() && b.is_number()) || (text(a) && text(b))).then_some(Type::Bool)
            }
            (operators::IN, None, [a, Type::List(of)]) => {
                self.known_value(call)?;
                a.fits(of).then_some(Type::Bool)
            }
            (operators::ADD, None, [Type::Text, Type::Text]) => Some(Type::Text),
            (operators::ADD, None, [a @ Type::List(_), b @ Type::List(_)]) if a.fits(b) => {
                Some(more_exact(a, b).clone())
            }
            (
                operators::ADD
                | operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO,
                None,
                [a, b],
            ) => (a.is_number() && a == b).then(|| a.clone()),
            (operators::NEGATE, None, [a]) => a.is_number().then(|| a.clone()),
            (operators::CONDITIONAL, None, [condition, a, b]) => {
                (is_bool(condition) && a.fits(b)).then(|| more_exact(a, b).clone())
            }
            (operators::INDEX, None, [Type::List(of), Type::Int]) => Some((**of).clone()),
            ("startsWith" | "endsWith" | "contains", Some(on), [a]) => {
                (text(on) && text(a)).then_some(Type::Bool)
            }
            ("matches", Some(on), [a]) if text(on) && text(a) => {
                self.pattern(id, call)?;
                Some(Type::Bool)
            }
            ("size", None, [Type::Text | Type::List(_)])
            | ("size", Some(Type::Text | Type::List(_)), []) => Some(Type::Int),
            ("int", None, [a]) => (a.is_number() || text(a)).then_some(Type::Int),
            ("double", None, [a]) => (a.is_number() || text(a)).then_some(Type::Double),
            ("string", None, [Type::Bool | Type::Int | Type::Double | Type::Text]) => {
                Some(Type::Text)
            }
            _ => {
                let operator = operators_known(name);
                if !operator && !FUNCTIONS.contains(&name) {
                    self.unknown(id, "function", name, FUNCTIONS.into_iter());
                    return None;
                }
                None
            }
        };
        if good.is_none() {
            let mut seen: Vec<String> = target.iter().map(Type::name).collect();
            seen.extend(types.iter().map(Type::name));
            let shown = name.trim_matches(|c| matches!(c, '_' | '@'));
            self.fault(id, format!("`{shown}` does not work on {}", seen.join(" and ")), None);
        }
        good
    }

    /// Compiles the pattern of `matches` and lets the call use it.
    fn pattern(&mut self, id: u64, call: &mut CallExpr) -> Option<()> {
        let Some(Expr::Literal(LiteralValue::String(pattern))) =
            call.args.first().map(|arg| &arg.expr)
        else {
            self.fault(id, "the pattern of `matches` must be written out".into(), None);
            return None;
        };
        match RegexBuilder::new(pattern.inner()).size_limit(1 << 20).build() {
            Ok(regex) => {
                call.func_name = pattern_function(self.patterns.len());
                call.args.clear();
                self.patterns.push(regex);
                Some(())
            }
            Err(error) => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default();
                self.fault(
                    id,
                    format!("the pattern of `matches` cannot be compiled: {last}"),
                    None,
                );
                None
            }
        }
    }

    /// A comparison of a field that has a closed list of values with something that is not in the list.
    fn known_value(&mut self, call: &CallExpr) -> Option<()> {
        let closed = call.args.iter().find_map(|arg| closed_values(field_name(arg)?));
        let Some((field, values)) = closed else { return Some(()) };
        let literals = call.args.iter().flat_map(|arg| match &arg.expr {
            Expr::List(list) => list.elements.iter().collect::<Vec<_>>(),
            _ => vec![arg],
        });
        for literal in literals {
            if let Expr::Literal(LiteralValue::String(text)) = &literal.expr
                && !values.contains(&text.inner())
            {
                let text = text.inner().to_owned();
                self.unknown(literal.id, field, &text, values.iter().copied());
                return None;
            }
        }
        Some(())
    }
}

/// The one of two fitting types that says more: a list of texts rather than a list of anything.
fn more_exact<'t>(a: &'t Type, b: &'t Type) -> &'t Type {
    match (a, b) {
        // A number that is whole on one side only is a number.
        (Type::Any, _) | (Type::Int, Type::Double) => b,
        (Type::List(inner), Type::List(_)) if **inner == Type::Any => b,
        _ => a,
    }
}

fn ordered_names(call: &CallExpr) -> bool {
    call.args.iter().any(|arg| field_name(arg).is_some_and(|name| closed_values(name).is_some()))
}

fn is_bool(found: &Type) -> bool {
    matches!(found, Type::Bool | Type::Any)
}

/// `finding.<name>`.
fn field_name(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Select(select) if matches!(&select.operand.expr, Expr::Ident(name) if name == "finding") => {
            Some(&select.field)
        }
        _ => None,
    }
}

fn closed_values(field: &str) -> Option<(&'static str, Vec<&'static str>)> {
    Some(match field {
        "kind" => ("kind", Kind::ALL.map(Kind::name).to_vec()),
        "severity" => {
            ("severity", Severity::ALL.into_iter().map(Severity::name).chain(["unknown"]).collect())
        }
        "scope" => ("scope", SCOPES.map(secgate_model::Scope::name).to_vec()),
        "confidence" => ("confidence", CONFIDENCES.map(confidence_name).to_vec()),
        _ => return None,
    })
}

fn operators_known(name: &str) -> bool {
    name.starts_with(['_', '!', '-', '@'])
}
