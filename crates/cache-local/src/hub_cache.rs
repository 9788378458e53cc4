//! A repository in a Hugging Face cache: refs, snapshots, and blobs named by their digests.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use cache_core::{Commit, Digest, Digests, Error, ErrorKind, FileEntry, RepoKind, RepoPath, Result, Revision};

use crate::{LocalConfig, entry, error};

/// Listings of commits larger than this are not read.
const TREE_LIMIT: u64 = 64 << 20;
/// A ref has one commit and perhaps a newline.
const REF_LIMIT: u64 = 4 << 10;

/// `…/models--org--name`, with links resolved.
#[derive(Debug)]
pub(crate) struct CachedRepo {
    root: PathBuf,
}

impl CachedRepo {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Lists the snapshot that a ref or a commit names.
    pub(crate) fn resolve(&self, revision: &Revision, config: &LocalConfig) -> Result<(Commit, Vec<FileEntry>)> {
        let commit = match revision.as_commit().filter(|commit| self.snapshot(commit).is_dir()) {
            Some(commit) => commit,
            None => self.read_ref(revision)?.ok_or_else(|| self.no_revision(revision))?,
        };
        if !self.snapshot(&commit).is_dir() {
            let text = format!("{}: {revision} is {commit}, which has no files there", self.root.display());
            return Err(Error::new(ErrorKind::NotFound, text).with_hint("download it into that cache first"));
        }
        Ok((commit.clone(), self.list(&commit, config)?))
    }

    /// Lists one snapshot, if the revision means it: `main` when nothing was said, its commit, or a ref to it.
    pub(crate) fn resolve_at(
        &self,
        commit: &Commit,
        revision: &Revision,
        config: &LocalConfig,
    ) -> Result<(Commit, Vec<FileEntry>)> {
        let matches = *revision == Revision::main()
            || revision.as_str() == commit.as_str()
            || self.read_ref(revision)?.as_ref() == Some(commit);
        if !matches {
            let known = [commit.to_string()];
            return Err(error::no_revision(&self.snapshot(commit), revision.as_str(), &known));
        }
        Ok((commit.clone(), self.list(commit, config)?))
    }

    /// The real file behind an entry.
    pub(crate) fn open(&self, commit: &Commit, file: &FileEntry) -> Result<PathBuf> {
        let path = file.path.below(&self.snapshot(commit));
        let found = match fs_err::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_symlink() || metadata.is_file() => self.locate(&path, commit)?,
            Ok(_) => return Err(error::no_file(&file.path, &self.snapshot(commit))),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                return Err(error::no_file(&file.path, &self.snapshot(commit)));
            }
            Err(error) => return Err(error::read(error)),
        };
        Ok(found.real)
    }

    pub(crate) fn snapshot(&self, commit: &Commit) -> PathBuf {
        self.root.join("snapshots").join(commit.as_str())
    }

    pub(crate) fn read_ref(&self, revision: &Revision) -> Result<Option<Commit>> {
        let path = revision.as_path().below(&self.root.join("refs"));
        match cache_fs::read_text(&path, REF_LIMIT) {
            // Some tools end the file with a newline although Hugging Face's own do not.
            Ok(text) => Commit::parse(text.trim()).map(Some).map_err(|_| {
                Error::new(ErrorKind::Integrity, format!("{} contains no commit", path.display()))
                    .with_hint("remove the file, or name the commit as the revision")
            }),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                Err(Error::new(ErrorKind::Integrity, format!("{} contains no commit", path.display())))
            }
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory | std::io::ErrorKind::IsADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error::read(error)),
        }
    }

    fn no_revision(&self, revision: &Revision) -> Error {
        // What is there is only a hint: a folder that cannot be read has none.
        let names = |folder: &str| -> Vec<String> {
            let entries = fs_err::read_dir(self.root.join(folder)).into_iter().flatten().flatten();
            let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
            names.sort_unstable();
            names
        };
        let known: Vec<_> = names("refs").into_iter().chain(names("snapshots")).collect();
        error::no_revision(&self.root, revision.as_str(), &known)
    }

    fn list(&self, commit: &Commit, config: &LocalConfig) -> Result<Vec<FileEntry>> {
        let tree = self.tree(commit);
        let mut files = Vec::new();
        let mut waiting = vec![(String::new(), self.snapshot(commit))];
        while let Some((prefix, folder)) = waiting.pop() {
            for entry in fs_err::read_dir(&folder).map_err(error::read)? {
                let entry = entry.map_err(error::read)?;
                let name = entry.file_name();
                let path = format!("{prefix}{}", name.to_string_lossy());
                if entry.file_type().map_err(error::read)?.is_dir() {
                    waiting.push((format!("{path}/"), entry.path()));
                    continue;
                }
                if files.len() >= config.max_files {
                    return Err(Error::new(ErrorKind::Usage, format!("{} has too many files", self.root.display())));
                }
                let found = self.locate(&entry.path(), commit)?;
                let mut file = FileEntry::new(RepoPath::parse(&path)?);
                let metadata = fs_err::metadata(&found.real).map_err(error::read)?;
                file.size = Some(metadata.len());
                let digest = found.blob.as_deref().and_then(digest).or_else(|| tree.get(&path).map(|file| file.digest));
                file.digests = digest.map(Digests::from).unwrap_or_default();
                file.etag = found.blob.or_else(|| digest.is_none().then(|| entry::identity(&metadata)));
                files.push(file);
            }
        }
        Ok(files)
    }

    /// Follows a snapshot's entry to its bytes.
    ///
    /// A link has to name a blob of this repository. Where the blob's name is a digest the bytes will be checked, so it
    /// may itself be a link to wherever a store keeps it; else it has to lie in the repository.
    pub(crate) fn locate(&self, path: &Path, commit: &Commit) -> Result<Located> {
        let real = real_file(path)?;
        if !fs_err::symlink_metadata(path).map_err(error::read)?.is_symlink() {
            // A folder on the way may have been a link.
            return if real.starts_with(self.snapshot(commit)) {
                Ok(Located { real, blob: None })
            } else {
                Err(error::leads_out(path, &real, &self.root))
            };
        }
        let blob = self.blob_name(path)?;
        let checked = blob.as_deref().and_then(digest).is_some();
        if checked || real.starts_with(&self.root) {
            Ok(Located { real, blob })
        } else {
            Err(error::leads_out(path, &real, &self.root))
        }
    }

    /// As [`locate`](Self::locate), for copies: a link may lead to any file.
    pub(crate) fn locate_anywhere(&self, path: &Path) -> Result<Located> {
        let real = real_file(path)?;
        let is_link = fs_err::symlink_metadata(path).map_err(error::read)?.is_symlink();
        Ok(Located { real, blob: if is_link { self.blob_name(path)? } else { None } })
    }

    /// The name of the blob that a link of a snapshot points to, if it is one of this repository.
    fn blob_name(&self, link: &Path) -> Result<Option<String>> {
        let target = fs_err::read_link(link).map_err(error::read)?;
        let Some((name, folder)) = target.file_name().zip(target.parent()) else { return Ok(None) };
        let folder = link.parent().unwrap_or(link).join(folder);
        let blobs = fs_err::canonicalize(self.root.join("blobs")).ok();
        let here = fs_err::canonicalize(folder).ok();
        Ok(name.to_str().filter(|_| here.is_some() && here == blobs).map(str::to_owned))
    }

    /// The digests that the cache has written down for a commit. A help where snapshots hold plain files; not
    /// readable is as good as not there.
    pub(crate) fn tree(&self, commit: &Commit) -> HashMap<String, ListedFiles> {
        let path = self.root.join("trees").join(format!("{commit}.json"));
        let text = cache_fs::read(&path, TREE_LIMIT).unwrap_or_default();
        let tree: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        if tree["format_version"] != 1 {
            return HashMap::new();
        }
        let files = tree["files"].as_object().into_iter().flatten();
        let text = |file: &serde_json::Value, key: &str| file[key].as_str().and_then(digest);
        files
            .filter_map(|(path, file)| {
                let is_large = file["lfs_sha256"].is_string();
                let digest = if is_large { text(file, "lfs_sha256") } else { text(file, "blob_id") };
                Some((path.clone(), ListedFiles { digest: digest?, size: file["size"].as_u64() }))
            })
            .collect()
    }
}

/// The file that an entry of a snapshot is, or leads to.
fn real_file(path: &Path) -> Result<PathBuf> {
    let real = fs_err::canonicalize(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => error::dangling(path),
        _ => error::read(error),
    })?;
    if fs_err::metadata(&real).map_err(error::read)?.is_file() {
        return Ok(real);
    }
    Err(Error::new(ErrorKind::Usage, format!("{} is not a file", path.display()))
        .with_hint("a snapshot holds files and links to blobs only"))
}

/// Target of a snapshot's entry.
pub(crate) struct Located {
    pub(crate) real: PathBuf,
    /// The name of the blob it is a link to.
    pub(crate) blob: Option<String>,
}

/// Digest and size of a listed file.
pub(crate) struct ListedFiles {
    pub(crate) digest: Digest,
    pub(crate) size: Option<u64>,
}

/// The digest that a blob's name is: 64 digits are a sha256, 40 a git-sha1.
pub(crate) fn digest(name: &str) -> Option<Digest> {
    let lower = name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    name.parse().ok().filter(|_| lower)
}

/// Whether a name is `models--org--name`, or the same of a dataset or space.
fn is_repo_name(name: &str) -> bool {
    let kinds = [RepoKind::Model, RepoKind::Dataset, RepoKind::Space];
    kinds.iter().any(|kind| name.strip_prefix(kind.plural()).is_some_and(|rest| rest.starts_with("--")))
}

/// A repository has snapshots, and either the name or the refs of one: a copy may have been renamed.
pub(crate) fn is_repo(folder: &Path) -> bool {
    let named = folder.file_name().and_then(|name| name.to_str()).is_some_and(is_repo_name);
    folder.join("snapshots").is_dir() && (named || folder.join("refs").is_dir() && folder.join("blobs").is_dir())
}

/// The repositories in a folder that holds nothing else worth a model: the root of a cache.
pub(crate) fn repos(folder: &Path) -> Result<Option<Vec<String>>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let mut repos = Vec::new();
    for entry in fs_err::read_dir(folder).map_err(error::read)? {
        let entry = entry.map_err(error::read)?;
        if let Ok(name) = entry.file_name().into_string()
            && is_repo_name(&name)
            && is_repo(&entry.path())
        {
            repos.push(name);
        }
    }
    repos.sort_unstable();
    Ok(if repos.is_empty() { None } else { Some(repos) })
}
