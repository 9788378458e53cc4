//! [`Rules`]: what this server's own users may read.

use std::collections::HashMap;

use cache_lib::{Error, ErrorKind, Result, Sha256};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::config::ServerConfig;
use crate::repo::Repo;

/// What this server's own users may read.
#[derive(Debug)]
pub(super) struct Rules {
    users: HashMap<Sha256, Reader>,
    anonymous: GlobSet,
}

#[derive(Debug)]
struct Reader {
    name: String,
    read: GlobSet,
}

impl Rules {
    /// The rules, if there are users.
    pub(super) fn of(config: &ServerConfig) -> Result<Option<Self>> {
        if config.users.is_empty() {
            return Ok(None);
        }
        let mut users = HashMap::new();
        for (name, user) in &config.users {
            let reader = Reader { name: name.clone(), read: globs(&format!("users.{name}.read"), &user.read)? };
            if let Some(other) = users.insert(user.token_sha256, reader) {
                let message = format!("users.{name} and users.{} have the same token", other.name);
                return Err(Error::new(ErrorKind::Usage, message)
                    .with_hint("give each a token of its own: `model-cache token new NAME`"));
            }
        }
        Ok(Some(Self { users, anonymous: globs("server.anonymous", &config.anonymous)? }))
    }

    /// Whether the holder of this token may read it. An unknown token is as none.
    pub(super) fn allow(&self, token: Option<&Sha256>, repo: &Repo) -> bool {
        let name = repo.to_string();
        let reader = token.and_then(|token| self.users.get(token));
        self.anonymous.is_match(&name) || reader.is_some_and(|reader| reader.read.is_match(&name))
    }

    pub(super) fn name(&self, token: &Sha256) -> Option<&str> {
        self.users.get(token).map(|reader| reader.name.as_str())
    }
}

/// Reads globs of repositories; `*` also crosses `/`. `key` is what the error names.
///
/// # Errors
/// [`ErrorKind::Usage`] when one is no glob.
pub(crate) fn globs(key: &str, patterns: &[String]) -> Result<GlobSet> {
    let refused = |error: &globset::Error| {
        Error::new(ErrorKind::Usage, format!("{key}: {error}"))
            .with_hint("write globs of repositories, such as [\"org/*\", \"datasets/org/*\"]")
    };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(GlobBuilder::new(pattern).literal_separator(false).build().map_err(|error| refused(&error))?);
    }
    set.build().map_err(|error| refused(&error))
}
