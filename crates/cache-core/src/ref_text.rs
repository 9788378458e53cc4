//! [`RefText`]: a reference as it was written, shown without its secrets.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ModelRef, RefError, redact};

/// A reference as a user writes it: a registered name, or the text of a [`ModelRef`].
///
/// `Display`, `Debug` and serde give the public form. Only [`expose`](Self::expose) gives passwords and secret query
/// parameters, for parsing alone. Equality and hash see the whole.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct RefText(String);

impl RefText {
    /// Wraps a text. Nothing is checked.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text with its secrets. Never print or store it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The form to show and to store.
    #[must_use]
    pub fn public(&self) -> String {
        redact::redact_text(&self.0).into_owned()
    }

    /// Whether the public form lacks something.
    #[must_use]
    pub fn has_secrets(&self) -> bool {
        redact::has_secrets(&self.0)
    }

    /// The reference that the text is, if it is no registered name.
    ///
    /// # Errors
    /// [`RefError`] without the secrets of the text.
    pub fn parse(&self) -> Result<ModelRef, RefError> {
        self.0.parse()
    }
}

impl fmt::Display for RefText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&redact::redact_text(&self.0))
    }
}

impl fmt::Debug for RefText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*redact::redact_text(&self.0), f)
    }
}

impl Serialize for RefText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&redact::redact_text(&self.0))
    }
}

impl From<String> for RefText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&String> for RefText {
    fn from(text: &String) -> Self {
        Self(text.clone())
    }
}

impl From<&str> for RefText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<&RefText> for RefText {
    fn from(text: &RefText) -> Self {
        text.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_reference_shows_no_secrets() {
        let text = RefText::new("https://h/x.gguf?token=hush&id=5");
        let json = serde_json::to_string(&text).unwrap();
        let shown = format!("{text} {text:?} {json} {}", text.public());
        assert!(!shown.contains("hush") && shown.contains("https://h/x.gguf?id=5"), "{shown}");
        assert!(text.has_secrets() && text.expose().contains("hush"));
        assert_ne!(text, RefText::new("https://h/x.gguf?token=other&id=5"));
        assert_eq!(text.parse().unwrap().to_string(), text.to_string());
    }

    #[test]
    fn errors_of_references_show_no_secrets() {
        for text in [
            "https://me:hush@h/x",
            "https:/me:hush@h/x?token=hush",
            "org/name/x?token=hush",
            "hf://org/name@main/x?token=hush",
            "s3://key:hush@bucket/x",
            "az://box/x?sv=1&sig=hush",
            "ftp://me:hush@h/x",
            "https://h:x/?token=hush",
            "/a/../x?token=hush\0",
            "a b?token=hush",
            "hf://me:hush@org/name",
            "hf://me:hu/hush@org/name",
            "hf://me:hu#hush@org/name",
        ] {
            match text.parse::<ModelRef>() {
                Err(error) => assert!(!format!("{error} {error:?}").contains("hush"), "{text}: {error:?}"),
                Ok(reference) => assert!(text.starts_with('/'), "{text} became {reference:?}"),
            }
        }
    }
}
