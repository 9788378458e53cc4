//! Resolution of registered names: the reference, and what its entry pins.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::registry::entry::{Entry, EntryVersion};
use crate::registry::expected::Expected;
use crate::registry::file::Registry;
use crate::registry::name::NameText;
use crate::registry::platform::Machine;
use crate::{Cache, Commit, Error, ErrorKind, IntoModelRef, ModelRef, Result, Revision, Sha256, redact_text};

/// A resolved name: the reference, and what the registry pins if the text is a registered name.
#[derive(Debug, Clone)]
pub(crate) struct ResolvedName {
    /// The reference, held at the entry's commit if there is one.
    pub(crate) reference: ModelRef,
    /// The entry as `name@version`; `None` for a text that is not registered.
    pub(crate) entry: Option<String>,
    /// The commit that the entry pins, and the revision that its reference names.
    pub(crate) pinned: Option<(Commit, Option<Revision>)>,
    pub(crate) fallbacks: Vec<ModelRef>,
    pub(crate) expected: Option<Arc<Expected>>,
    /// Digest of the one file.
    pub(crate) sha256: Option<Sha256>,
    pub(crate) platforms: Vec<String>,
    /// Why the entry cannot be used on this machine.
    pub(crate) unsupported: Option<Error>,
}

impl ResolvedName {
    fn plain(reference: ModelRef) -> Self {
        Self {
            reference,
            entry: None,
            pinned: None,
            fallbacks: Vec::new(),
            expected: None,
            sha256: None,
            platforms: Vec::new(),
            unsupported: None,
        }
    }
}

impl Cache {
    /// The registered names. Reads one file of the store.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the file makes no sense, [`ErrorKind::Storage`] when it cannot be read.
    pub fn registry(&self) -> Result<Registry> {
        read(self.store().registry()?.as_deref(), &self.registry_path())
    }

    /// Changes the registered names, durably. Processes that do so at the same time take turns; an error changes
    /// nothing. Blocks.
    ///
    /// # Errors
    /// Those of `change` and of [`Cache::registry`]; [`ErrorKind::Storage`] in a read-only store.
    pub fn change_registry<T>(&self, change: impl FnOnce(&mut Registry) -> Result<T>) -> Result<T> {
        let path = self.registry_path();
        self.store().change_registry(|text| {
            let mut registry = read(text, &path)?;
            let before = registry.clone();
            let answer = change(&mut registry)?;
            let after = (registry != before).then(|| registry.to_text().map(String::into_bytes)).transpose()?;
            Ok((after, answer))
        })
    }

    /// The reference of a text: the registry's, if the text is a registered name, else the text itself.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when it is no reference, [`ErrorKind::NotFound`] when the name has no such version.
    pub fn reference(&self, reference: impl IntoModelRef) -> Result<ModelRef> {
        self.resolve_name(reference).map(|resolved| resolved.reference)
    }

    /// Resolves a registered name or a reference. Every text that names a model comes through here.
    pub(crate) fn resolve_name(&self, reference: impl IntoModelRef) -> Result<ResolvedName> {
        match self.registered(reference.text())? {
            Some(resolved) => Ok(resolved),
            None => reference.into_model_ref().map(ResolvedName::plain),
        }
    }

    fn registered(&self, text: Option<&str>) -> Result<Option<ResolvedName>> {
        let Some((text, written)) = text.and_then(|text| Some((text, NameText::read(text)?))) else { return Ok(None) };
        let Some(bytes) = self.store().registry()? else { return Ok(None) };
        if !may_name(&bytes, written.name) {
            return Ok(None);
        }
        let whence = self.registry_path();
        let registry = Registry::parse_unchecked(utf8(&bytes, &whence)?, &whence)?;
        let Some((_, entry)) = registry.entry(&written) else { return Ok(None) };
        let (name, version, found) = registry.find(text)?;
        let mut reference = found.target()?;
        let part = |what: &str| {
            Error::new(
                ErrorKind::Usage,
                format!("{}: {name}@{version} names a {what} already: {}", redact_text(text), found.reference),
            )
            .with_hint("leave it out, or write the reference instead of the name")
        };
        if let Some(variant) = written.variant {
            if reference.variant.as_deref().is_some_and(|own| own != variant) {
                return Err(part("quantization"));
            }
            // Parsed in its place, so that it is checked as one that a user writes.
            reference.variant = format!("name:{variant}").parse::<ModelRef>()?.variant;
        }
        if let Some(path) = written.path()? {
            if reference.path.as_ref().is_some_and(|own| *own != path) {
                return Err(part("file"));
            }
            reference.path = Some(path);
        }
        let files: BTreeMap<_, _> = found.files.iter().map(|(path, sha256)| (path.clone(), (*sha256).into())).collect();
        let expected =
            (!files.is_empty()).then(|| Arc::new(Expected::new(format!("the registry ({name}@{version})"), files)));
        let pinned = match &found.commit {
            Some(commit) => Some((commit.clone(), found.reference.parse()?.revision)),
            None => None,
        };
        let label = format!("{name}@{version}");
        Ok(Some(ResolvedName {
            reference,
            pinned,
            fallbacks: found.fallbacks()?,
            expected,
            sha256: found.sha256,
            platforms: found.platforms.clone(),
            unsupported: check_machine(&label, entry, found).err(),
            entry: Some(label),
        }))
    }

    fn registry_path(&self) -> String {
        format!("the registry of {}", self.store().root().display())
    }
}

fn read(text: Option<&[u8]>, whence: &str) -> Result<Registry> {
    let Some(bytes) = text else { return Ok(Registry::default()) };
    Registry::parse(utf8(bytes, whence)?, whence)
}

fn utf8<'a>(bytes: &'a [u8], whence: &str) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|error| Error::new(ErrorKind::Usage, format!("{whence} is not text: {error}")))
}

/// Whether a registry can hold a name: it is in the text, or something in the text is escaped.
fn may_name(text: &[u8], name: &str) -> bool {
    text.contains(&b'\\') || text.windows(name.len()).any(|part| part == name.as_bytes())
}

/// Refuses an entry for other machines, and names the versions that fit.
fn check_machine(what: &str, entry: &Entry, found: &EntryVersion) -> Result<()> {
    let Err(error) = check_platforms(what, &found.platforms) else { return Ok(()) };
    let machine = Machine::this();
    let others: Vec<String> = entry
        .versions
        .iter()
        .rev()
        .filter(|(_, other)| machine.fits(&other.platforms))
        .map(|(version, _)| version.to_string())
        .collect();
    Err(match others.is_empty() {
        true => error.with_hint("no other version fits this machine").with_reason(crate::Reason::NoPlatform),
        false => error.with_hint(format!("versions that fit: {}", others.join(", "))),
    })
}

/// Refuses platforms that do not include this machine.
pub(crate) fn check_platforms(what: &str, platforms: &[String]) -> Result<()> {
    if platforms.is_empty() {
        return Ok(());
    }
    let machine = Machine::this();
    if machine.fits(platforms) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Unsupported,
        format!("{what} is for {}, and this machine is {machine}", platforms.join(", ")),
    )
    .with_hint("register a version for this machine, then lock it again")
    .with_reason(crate::Reason::NoPlatform))
}
