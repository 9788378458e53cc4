//! [`Rules`]: read permissions of configured users.

use std::collections::HashMap;

use cache_lib::{Error, ErrorKind, Result, Sha256};
use globset::GlobSet;

use crate::config::ServerConfig;
use crate::globs::globs;
use crate::repo::Repo;

/// Read permissions of configured users.
#[derive(Debug)]
pub(super) struct Rules {
    users: HashMap<Sha256, UserRule>,
    anonymous: GlobSet,
}

#[derive(Debug)]
struct UserRule {
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
            let reader = UserRule { name: name.clone(), read: globs(&format!("users.{name}.read"), &user.read)? };
            if let Some(other) = users.insert(user.token_sha256, reader) {
                let message = format!("users.{name} and users.{} have the same token", other.name);
                return Err(Error::new(ErrorKind::Usage, message)
                    .with_hint("give each user a token of their own")
                    .with_reason(cache_lib::Reason::SameToken));
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
