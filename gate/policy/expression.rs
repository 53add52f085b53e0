//! `when:` in CEL: the one place that knows the crate `cel`.
//!
//! An expression is checked when it is loaded, see [`check`](crate::expression_check): after that it can still fail to
//! evaluate, for example because it reads a figure that nobody published. `has(finding.epss)` asks first.

use std::{collections::BTreeMap, collections::HashMap, sync::Arc};

use cel::{Context, Env, IdedExpr, Value, extractors::This};
use jiff::Timestamp;
use regex::Regex;
use secgate_model::Finding;

use crate::{
    condition::{best_cvss, confidence_name},
    diagnostic::{Place, Sink},
    expression_check,
};

const MAX_BYTES: usize = 2048;

/// A checked expression that says yes or no about a finding.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    source: String,
    tree: Arc<IdedExpr>,
    /// The patterns of its calls of `matches`, compiled once: `cel` would compile them for every finding.
    patterns: Vec<Regex>,
    fields: Vec<&'static str>,
}

impl Expression {
    pub(crate) fn compile(source: &str, at: Place, sink: &mut Sink<'_>) -> Option<Self> {
        if source.len() > MAX_BYTES {
            sink.error(at, format!("the expression has more than {MAX_BYTES} bytes"));
            return None;
        }
        // The parser's own bound counts brackets and operators alike; a deeper expression is an error, not a crash.
        let parser = Env::stdlib().parser().max_recursion_depth(64);
        let (tree, places) = match parser.parse_with_source_info(source) {
            Ok(parsed) => parsed,
            Err(errors) => {
                let first = errors.errors.first();
                let message =
                    first.map_or("", |error| error.msg.as_str()).lines().next().unwrap_or_default();
                let column = first.map_or(0, |error| error.pos.1);
                let message: String = message.chars().take(160).collect();
                sink.error(
                    at,
                    format!("the expression cannot be read at its character {column}: {message}"),
                );
                return None;
            }
        };
        let checked = expression_check::check(
            tree,
            &|id| places.offset_for(id).map(|(start, _)| start),
            at,
            sink,
        )?;
        Some(Self {
            source: source.to_owned(),
            tree: Arc::new(checked.tree),
            patterns: checked.patterns,
            fields: checked.fields,
        })
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Whether it reads `finding.<field>`.
    pub(crate) fn reads(&self, field: &str) -> bool {
        self.fields.contains(&field)
    }
}

/// An expression made ready for many findings of one evaluation.
pub(crate) struct Runner<'e> {
    expression: &'e Expression,
    context: Context<'static, 'static>,
    now: Timestamp,
}

impl<'e> Runner<'e> {
    pub(crate) fn new(
        expression: &'e Expression,
        subject: &str,
        stage: &str,
        now: Timestamp,
    ) -> Result<Self, String> {
        let mut context = Context::with_env(Arc::new(Env::stdlib()));
        for (at, pattern) in expression.patterns.iter().enumerate() {
            let pattern = pattern.clone();
            context
                .add_function(
                    &expression_check::pattern_function(at),
                    move |This(text): This<Arc<String>>| pattern.is_match(&text),
                )
                .map_err(|error| error.to_string())?;
        }
        let subject: HashMap<String, Value> = HashMap::from([
            ("name".to_owned(), Value::from(subject)),
            ("stage".to_owned(), Value::from(stage)),
        ]);
        context.add_variable_from_value("subject", subject);
        Ok(Self { expression, context, now })
    }

    /// What the expression says about `finding`, or why it cannot be evaluated.
    pub(crate) fn holds(&mut self, finding: &Finding) -> Result<bool, String> {
        let facts: HashMap<String, Value> = self
            .expression
            .fields
            .iter()
            .filter_map(|field| Some(((*field).to_owned(), fact(finding, field, self.now)?)))
            .collect();
        self.context.add_variable_from_value("finding", facts);
        match Value::resolve(&self.expression.tree, &self.context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(_) => Err("it is neither true nor false".to_owned()),
            Err(cel::ExecutionError::NoSuchKey(name)) => {
                Err(format!("nobody published `{name}`; ask with has(finding.{name}) first"))
            }
            Err(error) => Err(error.to_string().chars().take(200).collect()),
        }
    }
}

/// The value of a field of `finding`; `None` where nobody published it.
fn fact(finding: &Finding, field: &str, now: Timestamp) -> Option<Value> {
    let texts = |list: &[String]| Value::from(list.to_vec());
    let component = finding.locus.component.as_ref();
    let facts = finding.vulnerability.as_ref();
    let first = finding.locus.locations.first();
    Some(match field {
        "kind" => finding.kind.name().into(),
        "rule" => finding.rule.as_str().into(),
        "aliases" => texts(&finding.aliases),
        "cwe" => Value::from(finding.cwe.iter().map(|cwe| i64::from(*cwe)).collect::<Vec<_>>()),
        "title" => finding.title.as_str().into(),
        "severity" => finding.severity.map_or("unknown", secgate_model::Severity::name).into(),
        "confidence" => confidence_name(finding.confidence).into(),
        "scanner" => finding.scanner.as_str().into(),
        "seen_by" => texts(&finding.seen_by),
        "path" => first.map_or("", |location| location.path.as_str()).into(),
        "paths" => {
            let paths = finding.locus.locations.iter().map(|location| location.path.clone());
            Value::from(paths.collect::<Vec<_>>())
        }
        "line" => Value::Int(i64::from(first?.line?)),
        "url" => finding.locus.url.as_deref()?.into(),
        "method" => finding.locus.method.as_deref()?.into(),
        "parameter" => finding.locus.parameter.as_deref()?.into(),
        "package" => component.map(ToString::to_string).unwrap_or_default().into(),
        "ecosystem" => component?.kind().into(),
        "name" => component?.full_name("/").into(),
        "version" => component?.version()?.into(),
        "cvss" => Value::Float(best_cvss(facts?)?),
        "epss" => Value::Float(facts?.epss?),
        "epss_percentile" => Value::Float(facts?.epss_percentile?),
        "kev" => Value::Bool(facts?.kev?),
        "fixed_in" => texts(&facts?.fixed_in),
        "fixed_here" => facts?.fixed_here.as_deref()?.into(),
        "age_days" => Value::Int(now.duration_since(facts?.published?).as_hours().div_euclid(24)),
        "informational" => facts?.informational.as_deref()?.into(),
        "scope" => facts?.scope.name().into(),
        "direct" => Value::Bool(facts?.direct?),
        _ => return None,
    })
}

/// The fields of `finding` and of `subject`, by type, for the checker.
pub(crate) fn fields_of(
    variable: &str,
) -> Option<&'static BTreeMap<&'static str, expression_check::Type>> {
    use std::sync::LazyLock;

    use expression_check::Type;
    static FINDING: LazyLock<BTreeMap<&'static str, Type>> = LazyLock::new(|| {
        let list = |of| Type::List(Box::new(of));
        BTreeMap::from([
            ("kind", Type::Text),
            ("rule", Type::Text),
            ("aliases", list(Type::Text)),
            ("cwe", list(Type::Int)),
            ("title", Type::Text),
            ("severity", Type::Text),
            ("confidence", Type::Text),
            ("scanner", Type::Text),
            ("seen_by", list(Type::Text)),
            ("path", Type::Text),
            ("paths", list(Type::Text)),
            ("line", Type::Int),
            ("url", Type::Text),
            ("method", Type::Text),
            ("parameter", Type::Text),
            ("package", Type::Text),
            ("ecosystem", Type::Text),
            ("name", Type::Text),
            ("version", Type::Text),
            ("cvss", Type::Double),
            ("epss", Type::Double),
            ("epss_percentile", Type::Double),
            ("kev", Type::Bool),
            ("fixed_in", list(Type::Text)),
            ("fixed_here", Type::Text),
            ("age_days", Type::Int),
            ("informational", Type::Text),
            ("scope", Type::Text),
            ("direct", Type::Bool),
        ])
    });
    static SUBJECT: LazyLock<BTreeMap<&'static str, Type>> =
        LazyLock::new(|| BTreeMap::from([("name", Type::Text), ("stage", Type::Text)]));
    match variable {
        "finding" => Some(&FINDING),
        "subject" => Some(&SUBJECT),
        _ => None,
    }
}
