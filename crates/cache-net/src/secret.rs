//! [`Secret`]: a text that no log, error or debug output can show.

use std::fmt;

/// A token or password. `Debug` and `Display` print `***`; it is neither serialised nor compared.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one header that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_nothing() {
        let secret = Secret::new("hf_abc");
        assert_eq!(format!("{secret} {secret:?} {:#?}", Some(&secret)).matches("hf_abc").count(), 0);
        assert_eq!(secret.expose(), "hf_abc");
    }
}
