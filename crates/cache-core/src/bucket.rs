//! [`Bucket`]: a prefix in an object store.

use std::fmt;

use crate::{RefError, RepoPath, has_secrets};

/// Object store provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum BucketKind {
    /// Amazon S3 and what speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl BucketKind {
    /// The scheme of its references: `s3`, `gs` or `az`.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gs",
            Self::Azure => "az",
        }
    }

    /// The kind that a scheme names.
    #[must_use]
    pub fn of_scheme(scheme: &str) -> Option<Self> {
        match scheme {
            "s3" | "s3a" => Some(Self::S3),
            "gs" => Some(Self::Gcs),
            "az" | "abfs" | "azure" => Some(Self::Azure),
            _ => None,
        }
    }
}

/// A prefix in an object store, which is one model: `s3://bucket/prefix`. Or one object, which is a model of one file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bucket {
    kind: BucketKind,
    name: String,
    prefix: Option<RepoPath>,
}

impl Bucket {
    /// Checks the part of a reference after `scheme://`: `bucket/prefix`, with or without a slash at the end.
    ///
    /// The prefix follows the rules of [`RepoPath`], so `..` and empty segments are refused.
    ///
    /// # Errors
    /// [`RefError::Url`] for a name that no object store takes, [`RefError::Path`] for the prefix.
    pub fn parse(kind: BucketKind, text: &str) -> Result<Self, RefError> {
        let (name, prefix) = text.split_once('/').unwrap_or((text, ""));
        if name.contains('@') || has_secrets(text) {
            return Err(RefError::Url(
                "an address of a bucket must not carry a password or signature: it would be stored and shown"
                    .to_owned(),
            ));
        }
        let fine = (1..=255).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
            && !name.starts_with(['.', '-']);
        if !fine {
            return Err(RefError::Url(format!("{name:?} is not a bucket name")));
        }
        let prefix = prefix.trim_end_matches('/');
        let prefix = if prefix.is_empty() { None } else { Some(RepoPath::parse(prefix)?) };
        Ok(Self { kind, name: name.to_owned(), prefix })
    }

    /// Object store provider.
    #[must_use]
    pub fn kind(&self) -> BucketKind {
        self.kind
    }

    /// The bucket's name; on Azure the container's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The prefix, without a slash at the end; `None` for the whole bucket.
    #[must_use]
    pub fn prefix(&self) -> Option<&RepoPath> {
        self.prefix.as_ref()
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.kind.scheme(), self.name)?;
        match &self.prefix {
            Some(prefix) => write!(f, "/{prefix}"),
            None => Ok(()),
        }
    }
}
