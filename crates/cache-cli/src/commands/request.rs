//! What a `get` is to get: the references of the command line and the lines of files.

use std::fmt::Display;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use cache_lib::{Cache, Error, ErrorKind, Get, RefText, Result, Revision, Sha256, redact_text};

use crate::args::{self, GetArgs};

/// Most bytes of a list that are read.
const MAX_LIST: u64 = 16 << 20;

/// One reference and what was said of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct DownloadRequest {
    pub(super) reference: RefText,
    revision: Option<String>,
    include: Vec<String>,
    exclude: Vec<String>,
    sha256: Option<Sha256>,
    pub(super) to: Option<PathBuf>,
    pub(super) priority: i32,
}

impl DownloadRequest {
    pub(super) fn of(reference: RefText, args: &GetArgs) -> Self {
        Self {
            reference,
            revision: args.revision.clone(),
            include: args.include.clone(),
            exclude: args.exclude.clone(),
            sha256: args.sha256,
            to: args.to.clone(),
            priority: args.batch.priority,
        }
    }

    pub(super) fn get(&self, cache: &Cache, args: &GetArgs) -> Get {
        let mut get = cache.get(&self.reference).priority(self.priority);
        if let Some(revision) = &self.revision {
            get = get.revision(revision);
        }
        for pattern in &self.include {
            get = get.include(pattern);
        }
        for pattern in &self.exclude {
            get = get.exclude(pattern);
        }
        if let Some(sha256) = self.sha256 {
            get = get.sha256(sha256);
        }
        if let Some(fallback) = args.fallback.variants() {
            get = get.fallback(fallback);
        }
        for source in args.fallback.sources() {
            get = get.fallback_source(source.clone());
        }
        for companion in &args.fallback.with {
            get = get.with(companion);
        }
        args.compressed.apply(get)
    }

    /// Reads a line; `None` when there is nothing on it.
    fn line(line: &str, args: &GetArgs, cache: &Cache) -> Result<Option<Self>, Vec<String>> {
        let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
        let Some(reference) = words.next() else { return Ok(None) };
        let mut request = Self::of(reference.into(), args);
        let mut mistakes = Vec::new();
        if let Err(error) = cache.reference(reference) {
            mistakes.push(error.to_string());
        }
        // What the line says of files counts instead of what the options say.
        let (mut include, mut exclude) = (Vec::new(), Vec::new());
        for word in words {
            let Some((key, value)) = word.split_once('=').filter(|(_, value)| !value.is_empty()) else {
                mistakes.push(format!("{:?} is not key=value", redact_text(word)));
                continue;
            };
            let read = match key {
                "revision" => read(Revision::parse(value)).map(|_| request.revision = Some(value.to_owned())),
                "sha256" => args::sha256(value).map(|digest| request.sha256 = Some(digest)),
                "priority" => read(value.parse()).map(|priority| request.priority = priority),
                "include" => {
                    include.push(value.to_owned());
                    Ok(())
                }
                "exclude" => {
                    exclude.push(value.to_owned());
                    Ok(())
                }
                "to" => {
                    request.to = Some(PathBuf::from(value));
                    Ok(())
                }
                _ => Err("unknown key; known are revision, sha256, include, exclude, to and priority".to_owned()),
            };
            mistakes.extend(read.err().map(|why| format!("{}: {why}", redact_text(word))));
        }
        if !include.is_empty() {
            request.include = include;
        }
        if !exclude.is_empty() {
            request.exclude = exclude;
        }
        if mistakes.is_empty() { Ok(Some(request)) } else { Err(mistakes) }
    }
}

fn read<T>(result: std::result::Result<T, impl Display>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

/// All that is wanted: the references first, then the files' lines, in order.
///
/// # Errors
/// `Usage` when a file cannot be read or has a mistake; all mistakes of all files are named at once.
pub(super) fn read_all(args: &GetArgs, cache: &Cache) -> Result<Vec<DownloadRequest>> {
    let mut requests: Vec<DownloadRequest> =
        args.refs.iter().map(|reference| DownloadRequest::of(reference.clone(), args)).collect();
    let mut mistakes = Vec::new();
    for file in &args.batch.from {
        let (name, text) = contents(file)?;
        for (number, line) in text.lines().enumerate() {
            match DownloadRequest::line(line, args, cache) {
                Ok(request) => requests.extend(request),
                Err(more) => mistakes.extend(more.into_iter().map(|why| format!("{name}:{}: {why}", number + 1))),
            }
        }
    }
    if mistakes.is_empty() {
        return Ok(requests);
    }
    Err(Error::new(ErrorKind::Usage, mistakes.join("\n       "))
        .with_hint("nothing was downloaded; a line is REF [key=value …], and # begins a comment"))
}

fn contents(file: &Path) -> Result<(String, String)> {
    let stdin = file == Path::new("-");
    let name = if stdin { "stdin".to_owned() } else { file.display().to_string() };
    let read = if stdin {
        let mut text = String::new();
        std::io::stdin().lock().take(MAX_LIST).read_to_string(&mut text).map(|_| text)
    } else {
        cache_fs::read_text(file, MAX_LIST)
    };
    match read {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(Error::new(ErrorKind::Usage, format!("could not read the list {name}: {error}"))
            .with_hint("name a text file with a reference on each line, or - for stdin")
            .with_source(error)),
    }
}
