//! What a file says, TOML or JSON, with the place of everything.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Tables deeper than this are in no configuration.
const MAX_DEPTH: usize = 16;

/// A value and where it stands.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) shape: Shape,
    /// Bytes of the text.
    pub(crate) span: Range<usize>,
}

#[derive(Debug)]
pub(crate) enum Shape {
    Flag(bool),
    Number(i64),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Member>),
    /// What no key takes, by its name.
    Other(&'static str),
}

/// A key, where it stands, and its value.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) at: usize,
    pub(crate) node: Node,
}

/// Why a text cannot be read at all.
#[derive(Debug)]
pub(crate) struct Syntax {
    pub(crate) at: usize,
    pub(crate) message: String,
}

impl Shape {
    /// What it is, with its article.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Flag(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(name) => name,
        }
    }
}

/// Reads TOML. All mistakes of syntax are told, without any of the text: it may be a token.
pub(crate) fn toml(text: &str) -> Result<Vec<Member>, Vec<Syntax>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(toml_table(table.get_ref(), 0));
    }
    let syntax = |error: toml::de::Error| Syntax {
        at: error.span().map_or(0, |span| span.start),
        message: error.message().to_owned(),
    };
    Err(errors.into_iter().map(syntax).collect())
}

fn toml_table(table: &DeTable<'_>, depth: usize) -> Vec<Member> {
    let member = |(name, value): (&Spanned<_>, &Spanned<_>)| Member {
        name: AsRef::<str>::as_ref(name.get_ref()).to_owned(),
        at: name.span().start,
        node: toml_value(value, depth + 1),
    };
    table.iter().map(|(name, value)| member((name, value))).collect()
}

fn toml_value(value: &Spanned<DeValue<'_>>, depth: usize) -> Node {
    let shape = match value.get_ref() {
        _ if depth > MAX_DEPTH => Shape::Other("a table too deep"),
        DeValue::Boolean(flag) => Shape::Flag(*flag),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Shape::Number(number),
            Err(_) => Shape::Other("a number too large"),
        },
        DeValue::String(text) => Shape::Text(text.as_ref().to_owned()),
        DeValue::Array(list) => Shape::List(list.iter().map(|one| toml_value(one, depth + 1)).collect()),
        DeValue::Table(table) => Shape::Table(toml_table(table, depth)),
        DeValue::Float(_) => Shape::Other("a fraction"),
        DeValue::Datetime(_) => Shape::Other("a date"),
    };
    Node { shape, span: value.span() }
}

/// Reads JSON. A mistake of syntax is told without any of the text.
pub(crate) fn json(text: &str) -> Result<Vec<Member>, Vec<Syntax>> {
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        // Line and column are told by us.
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        vec![Syntax { at: offset(text, error.line(), error.column()), message }]
    })?;
    match json_value(text, whole, 0).shape {
        Shape::Table(members) => Ok(members),
        other => Err(vec![Syntax { at: 0, message: format!("expected an object, got {}", other.name()) }]),
    }
}

fn json_value(text: &str, raw: &RawValue, depth: usize) -> Node {
    let source = raw.get();
    // serde_json lends the very bytes of the text.
    let start = (source.as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len());
    let shape = match source.as_bytes().first() {
        _ if depth > MAX_DEPTH => Shape::Other("an object too deep"),
        Some(b'{') => match members(source) {
            Ok(members) => Shape::Table(
                members
                    .into_iter()
                    .map(|(name, value)| {
                        let node = json_value(text, value, depth + 1);
                        Member { name, at: node.span.start, node }
                    })
                    .collect(),
            ),
            Err(_) => Shape::Other("an invalid object"),
        },
        Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(source) {
            Ok(list) => Shape::List(list.into_iter().map(|one| json_value(text, one, depth + 1)).collect()),
            Err(_) => Shape::Other("an invalid list"),
        },
        _ => match serde_json::from_str(source) {
            Ok(serde_json::Value::Bool(flag)) => Shape::Flag(flag),
            Ok(serde_json::Value::String(text)) => Shape::Text(text),
            Ok(serde_json::Value::Number(number)) => match number.as_i64() {
                Some(number) => Shape::Number(number),
                None => Shape::Other("a fraction, or a number too large"),
            },
            _ => Shape::Other("null"),
        },
    };
    Node { shape, span: start..start + source.len() }
}

/// The members of an object in their order.
fn members(source: &str) -> serde_json::Result<Vec<(String, &RawValue)>> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(name) = map.next_key::<String>()? {
                members.push((name, map.next_value()?));
            }
            Ok(members)
        }
    }
    serde_json::Deserializer::from_str(source).deserialize_map(Members)
}

/// The byte at a line and column as serde_json counts them.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

/// Line and column of a byte, from 1; columns are characters.
pub(crate) fn line_column(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = &text[..at];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}
