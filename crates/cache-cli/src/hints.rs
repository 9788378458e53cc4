//! Hints in commands and options of this program, by the reason of an error.

use std::borrow::Cow;

use cache_lib::{Error, Reason};

/// What the user can do: with commands and options where the reason is known, else as the library words it.
pub(crate) fn hint(error: &Error) -> Option<Cow<'_, str>> {
    let subject = error.subject();
    let own = error.reason().and_then(|reason| fixed(reason).map(Cow::Borrowed).or_else(|| about(reason, subject)));
    own.or_else(|| error.hint().map(Cow::Borrowed))
}

/// The message, with patterns named as options.
pub(crate) fn message(error: &Error) -> Cow<'_, str> {
    let text = error.message();
    if error.reason() != Some(Reason::NoMatch) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(" include '", " --include '").replace(" exclude '", " --exclude '"))
}

fn fixed(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::DiskFull => {
            "free disk space, such as with `model-cache gc --max-size 10GB`, or choose another disk with --store"
        }
        Reason::QuotaExceeded => {
            "raise the quota (store.quota or MODEL_CACHE_QUOTA), or download fewer files with --include or --exclude"
        }
        Reason::QuotaPinned => "raise the quota (store.quota or MODEL_CACHE_QUOTA), or run `model-cache unpin REF`",
        Reason::StoreUnusable => "choose a writable store with --store or MODEL_CACHE_DIR",
        Reason::ReadOnlyCorrupted => "the store is read-only; its owner can run `model-cache verify --repair`",
        Reason::NotInStore => "run `model-cache ls` to list the models in the store",
        Reason::Offline => "leave out --offline, and unset MODEL_CACHE_OFFLINE and HF_HUB_OFFLINE",
        Reason::SlowNetwork => "try again later, or use --offline for cached models",
        Reason::NoAnswer => "run `model-cache doctor --network`",
        Reason::NoDigest => "give the checksum with --sha256, or leave out --require-digest",
        Reason::DigestConflict => "give the right checksum with --sha256",
        Reason::DigestUnavailable => "the checksum file could not be read; give the checksum with --sha256",
        Reason::NotDecompressible => {
            "the file is corrupted at its source, or compressed otherwise; use --keep-compressed to download it as it is"
        }
        Reason::UntrustedCompression => "do not trust this source; use --keep-compressed to download the file as it is",
        Reason::NotCompressed => {
            "--sha256-compressed is for URLs that end in .gz, .zst, .xz or .bz2; use --sha256 for this file"
        }
        Reason::TwoDigests => "give one checksum, or leave out --keep-compressed",
        Reason::DecompressedVersion => "leave out the revision for the current version, or add --keep-compressed",
        Reason::Corrupted => "run `model-cache verify --repair` to download it again",
        Reason::OrphanCorrupted => "run `model-cache gc` to remove it",
        Reason::SentDiffers => "run `model-cache verify` on the local copy; if it is intact, the server is faulty",
        Reason::LinksFail => "run `model-cache doctor` to check whether links work here",
        Reason::NoQuarantineId => "run `model-cache quarantine ls` for the ids",
        Reason::CopyNeeded => "choose a store on the same file system with --store, or allow copies with --copy",
        Reason::UnknownLayout => {
            "known are ~/.cache/huggingface/hub, ~/.ollama/models and ~/.lmstudio/models; use --kind for other folders"
        }
        Reason::MemoryExceeded => "allow more with --fallback fits-memory:SIZE, or choose a smaller model",
        Reason::NoVariants => "leave out --fallback, or run `model-cache info` for its files",
        Reason::NoMmproj => "only models with vision or audio have one; leave out --with mmproj",
        Reason::SeveralMmproj => "choose one, such as with --with 'mmproj*BF16*'",
        _ => return fixed_by_command(reason),
    })
}

/// Hints of single commands: lists, names, bundles, servers.
fn fixed_by_command(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::NotLockFile => "run `model-cache lock FILE REF…` to create a lock file",
        Reason::VersionNeeded => "add --version, such as --version 2.0.0",
        Reason::VersionExists => "give another --version, or add --replace",
        Reason::NamesConflict => "nothing was imported; add --replace to overwrite them",
        Reason::NoSuchName => "run `model-cache registry ls` for all names",
        Reason::NoPlatform => "add a version for this machine: `model-cache registry add NAME REF --platform PLATFORM`",
        Reason::EmptyList => "list at least one model, or remove models with `model-cache rm`",
        Reason::ObjectNameTaken => "leave out --as-files",
        Reason::PrefixHoldsBlobs => "choose another prefix, or leave out --as-files",
        Reason::NotBundle => "name a file that `model-cache export` wrote, or - for stdin",
        Reason::NotPrivateKey => "run `model-cache keygen FILE` to create a key pair; sign with the file without .pub",
        Reason::NotPublicKey => "name the file ending in .pub that `model-cache keygen` wrote",
        Reason::ListenAddress => "choose another address with --listen, such as 127.0.0.1:8090",
        Reason::PublicWithoutTokens => {
            "add users (`model-cache token new NAME`), listen on 127.0.0.1, or add --insecure-public"
        }
        Reason::TokenHash => "write the SHA-256 that `model-cache token new` prints, not the token",
        Reason::SameToken => "create a token for each user with `model-cache token new NAME`",
        Reason::UpstreamNotHub => "check that --upstream is a Hub",
        _ => return None,
    })
}

/// Hints that name a model, an id or a file.
fn about(reason: Reason, subject: Option<&str>) -> Option<Cow<'static, str>> {
    let it = subject?;
    Some(Cow::Owned(match reason {
        Reason::NotCached => format!("`model-cache get {it}` downloads it (needs network access)"),
        Reason::NoSuchFile => format!("run `model-cache info {it}` for its files"),
        Reason::CannotDecompress => {
            format!("use --keep-compressed to download it as it is, then decompress it with `{it}`")
        }
        Reason::ModelCorrupted => format!("run `model-cache get {it}` to download it again"),
        Reason::ModelChanged => {
            format!("run `model-cache verify {it}`; if it is corrupted, `model-cache get {it}` downloads it again")
        }
        Reason::Quarantined => format!(
            "the source or a proxy altered the file; run `model-cache quarantine show {it}` to inspect the corrupted data"
        ),
        Reason::Pinned => format!("run `model-cache unpin {it}` first"),
        Reason::NoLockFile => format!("run `model-cache lock {it} REF…` to create it"),
        Reason::NotLocked => format!("the lock file has {it}; run `model-cache lock FILE REF` to add a model"),
        Reason::NothingToLock => format!("run `model-cache get {it}` first; then its own checksum is locked"),
        Reason::CommitDiffers => {
            format!("a commit never changes, so one of them is wrong; `model-cache rm {it}` removes that of the store")
        }
        Reason::BaseNeeded => format!("import bundle {it} first; `model-cache import --list FILE` shows the id of one"),
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use cache_lib::ErrorKind;

    use super::*;

    #[test]
    fn hint_names_commands_of_the_reason() {
        let error = Error::new(ErrorKind::NotCached, "org/m is not in the store").with_hint("download it");
        assert_eq!(hint(&error).unwrap(), "download it");
        let error = error.with_reason(Reason::NotCached).with_subject("org/m");
        assert_eq!(hint(&error).unwrap(), "`model-cache get org/m` downloads it (needs network access)");
        assert_eq!(hint(&error.with_hint("another")).unwrap(), "another");
    }

    #[test]
    fn message_names_patterns_as_options() {
        let error = Error::new(ErrorKind::NotFound, "no file in org/m matches include '*.gguf' exclude 'x'");
        assert_eq!(message(&error), error.message());
        let error = error.with_reason(Reason::NoMatch);
        assert_eq!(message(&error), "no file in org/m matches --include '*.gguf' --exclude 'x'");
    }
}
