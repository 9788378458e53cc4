//! Settings of the source.

/// Settings of [`LocalSource`](crate::LocalSource).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LocalConfig {
    /// Folders of these names are passed over, at any depth of a plain folder.
    pub skip: Vec<String>,
    /// More files than this are no model but a mistake, such as a home folder.
    pub max_files: usize,
}

impl Default for LocalConfig {
    fn default() -> Self {
        Self {
            skip: [".git", ".hg", ".svn", ".jj", ".bzr", "_darcs", "CVS"].map(str::to_owned).into(),
            max_files: 100_000,
        }
    }
}
