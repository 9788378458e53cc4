//! [`Value`]: what a key can be set to, read from a file, a variable or a flag.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cache_lib::options::TokenRef;
use cache_lib::{Error, units};
use url::Url;

use crate::node::{Member, Node, Shape};

/// What kind of value a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number in these bounds.
    Number(i64, i64),
    /// A size in bytes, such as `"100GB"`.
    Size,
    /// A size in bytes, or `"off"`.
    Limit,
    /// Bytes a second, such as `"50MB/s"`, or `"off"`.
    Rate,
    /// A span of time of a second or more, such as `"30s"` or `"30d"`.
    Age,
    /// Any text.
    Text,
    /// A path; in a file `~/` is the home folder, and what is relative is relative to the file.
    Path,
    /// An `http` or `https` address without user name, password or query.
    Address,
    /// An address in which `{model}` stands for the model's name.
    Template,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A list of folders; in a variable separated as in `PATH`.
    Folders,
    /// `{ env = "VARIABLE" }` or `{ file = "path" }`, never a token itself.
    Token,
}

/// What a key is set to.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Of [`Kind::Flag`].
    Flag(bool),
    /// Of [`Kind::Number`].
    Number(i64),
    /// Of [`Kind::Size`], [`Kind::Limit`] and [`Kind::Rate`], in bytes (a second); `None`: no limit.
    Bytes(Option<u64>),
    /// Of [`Kind::Age`].
    Age(Duration),
    /// Of [`Kind::Text`] and [`Kind::Template`].
    Text(String),
    /// Of [`Kind::Path`].
    Path(PathBuf),
    /// Of [`Kind::Address`].
    Address(Url),
    /// Of [`Kind::Word`].
    Word(&'static str),
    /// Of [`Kind::Texts`].
    Texts(Vec<String>),
    /// Of [`Kind::Folders`].
    Folders(Vec<PathBuf>),
    /// Of [`Kind::Token`].
    Token(TokenRef),
}

/// Why something is no value of its key. Holds nothing of a token.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) message: String,
    pub(crate) hint: String,
}

/// What paths of a layer are relative to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) home: Option<&'a Path>,
}

impl Kind {
    /// What is right, with an example.
    #[must_use]
    pub fn wants(self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Number(least, most) if most >= i64::from(i32::MAX) => format!("a whole number from {least}"),
            Self::Number(least, most) => format!("a whole number from {least} to {most}"),
            Self::Size => "a size such as \"500MB\" or \"1.5GiB\"".to_owned(),
            Self::Limit => "a size such as \"500MB\" or \"1.5GiB\", or \"off\"".to_owned(),
            Self::Rate => "a rate such as \"50MB/s\", or \"off\"".to_owned(),
            Self::Age => "a duration such as \"30s\", \"12h\" or \"30d\"".to_owned(),
            Self::Text => "a string".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Address => "a URL such as \"https://hub.example.com\"".to_owned(),
            Self::Template => "a URL such as \"https://mirror.example.com/{model}\"".to_owned(),
            Self::Word(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
                words.join(" or ")
            }
            Self::Texts => "a list of strings such as [\"org/*\"]".to_owned(),
            Self::Folders => "a list of folders such as [\"~/work\"]".to_owned(),
            Self::Token => "{ env = \"VARIABLE\" } or { file = \"path\" }".to_owned(),
        }
    }

    /// The type, with its article.
    fn name(self) -> &'static str {
        match self {
            Self::Flag => "a boolean",
            Self::Number(..) => "a number",
            Self::Size | Self::Limit => "a size",
            Self::Rate => "a rate",
            Self::Age => "a duration",
            Self::Text | Self::Word(_) => "a string",
            Self::Path => "a path",
            Self::Address | Self::Template => "a URL",
            Self::Texts => "a list of strings",
            Self::Folders => "a list of folders",
            Self::Token => "a table",
        }
    }

    fn wrong(self, message: String) -> Wrong {
        Wrong { message, hint: format!("write {}", self.wants()) }
    }

    /// Reads what a file says.
    pub(crate) fn of_node(self, node: &Node, base: Base<'_>) -> Result<Value, Wrong> {
        match (self, &node.shape) {
            (Self::Flag, Shape::Flag(flag)) => Ok(Value::Flag(*flag)),
            (Self::Number(..), Shape::Number(number)) => self.number(*number),
            (Self::Size | Self::Limit | Self::Rate, Shape::Number(number)) => match u64::try_from(*number) {
                Ok(bytes) => Ok(Value::Bytes(Some(bytes).filter(|&bytes| self != Self::Rate || bytes > 0))),
                Err(_) => Err(self.wrong(format!("{number} is negative"))),
            },
            (Self::Texts, Shape::List(list)) => texts(list).map(Value::Texts).ok_or_else(|| self.wrong(not_texts())),
            (Self::Folders, Shape::List(list)) => match texts(list) {
                Some(list) => Ok(Value::Folders(list.iter().map(|text| base.path(text)).collect())),
                None => Err(self.wrong(not_texts())),
            },
            (Self::Token, Shape::Table(members)) => token(node, members, base),
            (Self::Token, Shape::Text(_)) => Err(Wrong {
                message: "tokens may not be written into a configuration file".to_owned(),
                hint: "keep it in a variable or a file, and write { env = \"VARIABLE\" } or { file = \"path\" }"
                    .to_owned(),
            }),
            (Self::Flag | Self::Number(..) | Self::Texts | Self::Folders | Self::Token, other) => {
                Err(self.wrong(format!("expected {}, got {}", self.name(), other.name())))
            }
            (_, Shape::Text(text)) => self.of_text(text, base),
            (_, other) => Err(self.wrong(format!("expected {}, got {}", self.name(), other.name()))),
        }
    }

    /// Reads what a variable, a flag or a file says in a text.
    pub(crate) fn of_text(self, text: &str, base: Base<'_>) -> Result<Value, Wrong> {
        let text = text.trim();
        let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        if text.is_empty() {
            return Err(self.wrong("empty value".to_owned()));
        }
        match self {
            Self::Flag if is(&["1", "on", "yes", "true"]) => Ok(Value::Flag(true)),
            Self::Flag if is(&["0", "off", "no", "false"]) => Ok(Value::Flag(false)),
            Self::Flag => Err(self.wrong(format!("{text:?} is neither true nor false"))),
            Self::Number(..) => match text.parse() {
                Ok(number) => self.number(number),
                Err(_) => Err(self.wrong(format!("{text:?} is not a whole number"))),
            },
            Self::Limit if is(&["off", "none"]) => Ok(Value::Bytes(None)),
            Self::Size | Self::Limit => {
                units::parse_size(text).map(|bytes| Value::Bytes(Some(bytes))).map_err(|error| wrong(&error))
            }
            Self::Rate => units::parse_rate(text).map(Value::Bytes).map_err(|error| wrong(&error)),
            Self::Age => match units::parse_age(text).map_err(|error| wrong(&error))? {
                Duration::ZERO => Err(self.wrong("less than a second is too short".to_owned())),
                age => Ok(Value::Age(age)),
            },
            Self::Text => Ok(Value::Text(text.to_owned())),
            Self::Path => Ok(Value::Path(base.path(text))),
            Self::Address => self.address(text).map(Value::Address),
            Self::Template => self.address(&text.replace("{model}", "model")).map(|_| Value::Text(text.to_owned())),
            Self::Word(words) => match words.iter().find(|word| text.eq_ignore_ascii_case(word)) {
                Some(word) => Ok(Value::Word(word)),
                None => Err(self.wrong(format!("{text:?} is not one of its values"))),
            },
            Self::Texts => Ok(Value::Texts(text.split(',').map(|one| one.trim().to_owned()).collect())),
            Self::Folders => {
                Ok(Value::Folders(std::env::split_paths(text).map(|path| base.path(&path.to_string_lossy())).collect()))
            }
            // The caller turns a variable into a reference to it; the text is the token.
            Self::Token => Err(self.wrong("a token is given by reference".to_owned())),
        }
    }

    fn number(self, number: i64) -> Result<Value, Wrong> {
        match self {
            Self::Number(least, most) if !(least..=most).contains(&number) => {
                Err(self.wrong(format!("{number} is too {}", if number < least { "small" } else { "large" })))
            }
            _ => Ok(Value::Number(number)),
        }
    }

    /// An address. The text is not repeated: it may carry a password.
    fn address(self, text: &str) -> Result<Url, Wrong> {
        let url = Url::parse(text).map_err(|error| self.wrong(format!("not a valid URL: {error}")))?;
        if self == Self::Address && !matches!(url.scheme(), "http" | "https") {
            return Err(self.wrong("not an http or https URL".to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(self.wrong("the URL has a user name or password, which would be shown and sent".to_owned()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(self.wrong("the URL has a query or a fragment".to_owned()));
        }
        Ok(url)
    }
}

impl Base<'_> {
    fn path(self, text: &str) -> PathBuf {
        match (text.strip_prefix("~/").or_else(|| (text == "~").then_some("")), self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.folder.join(text),
        }
    }
}

fn wrong(error: &Error) -> Wrong {
    Wrong { message: error.message().to_owned(), hint: error.hint().unwrap_or_default().to_owned() }
}

fn not_texts() -> String {
    "the list has an item that is not a string".to_owned()
}

fn texts(list: &[Node]) -> Option<Vec<String>> {
    let text = |node: &Node| match &node.shape {
        Shape::Text(text) => Some(text.clone()),
        _ => None,
    };
    list.iter().map(text).collect()
}

fn token(node: &Node, members: &[Member], base: Base<'_>) -> Result<Value, Wrong> {
    let [member] = members else {
        return Err(Kind::Token.wrong("a token has one reference".to_owned()));
    };
    let Shape::Text(text) = &member.node.shape else {
        return Err(Kind::Token.wrong(format!("expected a table, got {}", node.shape.name())));
    };
    match member.name.as_str() {
        "env" if is_variable(text) => Ok(Value::Token(TokenRef::Env(text.clone()))),
        // A token in the wrong place: not repeated.
        "env" => Err(Kind::Token.wrong("not the name of a variable".to_owned())),
        "file" => Ok(Value::Token(TokenRef::File(base.path(text)))),
        _ => Err(Kind::Token.wrong("a reference is `env` or `file`".to_owned())),
    }
}

fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !name.starts_with("hf_")
}

/// What the table of keys puts into the settings. A value of another kind gives `None`, which the tests of the table
/// exclude.
impl Value {
    pub(crate) fn flag(&self) -> Option<bool> {
        if let Self::Flag(flag) = self { Some(*flag) } else { None }
    }

    pub(crate) fn number<T: TryFrom<i64>>(&self) -> Option<T> {
        if let Self::Number(number) = self { T::try_from(*number).ok() } else { None }
    }

    pub(crate) fn bytes(&self) -> Option<u64> {
        if let Self::Bytes(bytes) = self { *bytes } else { None }
    }

    pub(crate) fn age(&self) -> Option<Duration> {
        if let Self::Age(age) = self { Some(*age) } else { None }
    }

    pub(crate) fn text(&self) -> Option<String> {
        if let Self::Text(text) = self { Some(text.clone()) } else { None }
    }

    pub(crate) fn path(&self) -> Option<PathBuf> {
        if let Self::Path(path) = self { Some(path.clone()) } else { None }
    }

    pub(crate) fn address(&self) -> Option<Url> {
        if let Self::Address(url) = self { Some(url.clone()) } else { None }
    }

    pub(crate) fn word(&self) -> &'static str {
        if let Self::Word(word) = self { word } else { "" }
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        if let Self::Texts(texts) = self { texts.clone() } else { Vec::new() }
    }

    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        if let Self::Folders(folders) = self { folders.clone() } else { Vec::new() }
    }

    pub(crate) fn token(&self) -> Option<TokenRef> {
        if let Self::Token(token) = self { Some(token.clone()) } else { None }
    }
}
