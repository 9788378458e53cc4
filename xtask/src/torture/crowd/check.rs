//! What must hold after an operation, after a round, and after a collection.

use std::collections::HashSet;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use fs_err as fs;

use crate::torture::content::{Label, identify};
use crate::torture::crowd::hub::Hub;
use crate::torture::crowd::plan::{Expects, Operation, Sent, Signal};
use crate::torture::listing::commit;
use crate::torture::process::Ended;
use crate::torture::store::{self, name, walk};

/// What is wrong with how an operation ended.
pub(crate) fn end(operation: &Operation, ended: &Ended) -> Vec<String> {
    let mut problems = Vec::new();
    if ended.hung {
        problems.push(format!("did not end within {:.0?}", operation.limit));
        return problems;
    }
    if ended.stderr.contains("panicked") {
        problems.push("panicked".to_owned());
    }
    // It may not have got as far as to handle an interrupt.
    let fatal = |signal: &Signal| matches!(signal, Signal::Kill | Signal::Interrupt);
    let killed =
        operation.signals.iter().any(|(_, signal)| fatal(signal)) && matches!(ended.status.signal(), Some(2 | 9));
    let code = ended.status.code();
    match &operation.expects {
        Expects::Codes(codes) if code.is_some_and(|code| codes.contains(&code)) => {}
        // Evicted while it was looked at: the collection at the end of a cycle finds nothing missing.
        Expects::Codes(_) if is_verify(operation) && code == Some(4) && only_missing(&ended.stdout) => {}
        Expects::Codes(codes) => problems.push(format!("{}, not one of {codes:?}", ended.status)),
        Expects::Anything if killed || code.is_some_and(|code| code <= 7 || code == 130) => {}
        Expects::Anything => problems.push(ended.status.to_string()),
    }
    problems
}

fn is_verify(operation: &Operation) -> bool {
    operation.arguments.first().is_some_and(|word| word == "verify")
}

/// Whether all that `verify` reports is files that are not there.
fn only_missing(stdout: &str) -> bool {
    let lines: Vec<&str> = stdout.lines().collect();
    lines.split_last().is_some_and(|(_, bad)| bad.iter().all(|line| line.ends_with(": missing")))
}

/// What is wrong with the files that a successful get has printed the path of. `undisturbed`: nothing could be evicted
/// since it has ended.
pub(crate) fn shown(operation: &Operation, printed: &str, undisturbed: bool) -> Vec<String> {
    let path = Path::new(printed.trim());
    let mut problems = Vec::new();
    for key in &operation.shows {
        let file = match key.strip_prefix("org/").and_then(|rest| rest.split_once('/')) {
            Some((_, file)) if path.is_dir() => path.join(file),
            _ => path.to_owned(),
        };
        match fs::read(&file) {
            Ok(bytes) => match identify(&bytes) {
                Ok(label) if label.name == *key => {}
                Ok(label) => problems.push(format!("{} is {}", file.display(), label.name)),
                Err(words) => problems.push(format!("{}: {words}", file.display())),
            },
            Err(error) if undisturbed => problems.push(format!("{key} was acknowledged: {error}")),
            Err(_) => {}
        }
    }
    problems
}

/// What the server has sent too much of.
pub(crate) fn sent(hub: &Hub, sent: &Sent) -> Option<String> {
    let size: u64 = sent.files.iter().map(|(_, size)| size).sum();
    let bytes: u64 = sent.files.iter().map(|(key, _)| hub.sent(key)).sum();
    let labeled = |(key, size): &(String, u64)| {
        format!("\n    {} of {size} of {key}: asked for {}", hub.sent(key), hub.requests(key))
    };
    let most = size * sent.percent / 100;
    let each = || sent.files.iter().map(labeled).collect::<String>();
    (bytes > most).then(|| format!("the server sent {bytes} bytes, more than {most}:{}", each()))
}

/// Unfinished files of this length.
pub(crate) fn twins(store: &Path, length: u64) -> Vec<String> {
    let twin = |path: &Path| fs::metadata(path).is_ok_and(|metadata| metadata.len() == length);
    let twins = walk(&store.join("partial")).into_iter().filter(|path| twin(path));
    twins.map(|path| format!("a twin of what was published is left: partial/{}", name(&path))).collect()
}

/// What is wrong with a store while nothing runs.
pub(crate) fn store(store: &Path, hub: &Hub) -> Vec<String> {
    let mut problems = store::inspect_with(store, &|path, file, bytes| {
        let label = identify(bytes)?;
        let text = path.to_string_lossy();
        let model = text.split("/models--").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let model = model.replace("--", "/");
        let right = label.name == format!("{model}/{file}")
            && text.contains(&format!("/{}/", commit(&model, label.version)))
            && label.version <= hub.version(&model);
        if right { Ok(()) } else { Err(format!("holds {label:?}").into()) }
    });
    for path in walk(&store.join("models")) {
        problems.extend(plain(&path).err().map(|error| format!("view {}: {error}", path.display())));
    }
    problems
}

/// A file of the web server.
fn plain(path: &Path) -> Result<(), String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let label: Label = identify(&bytes)?;
    if label.name == name(path) { Ok(()) } else { Err(format!("holds {}", label.name)) }
}

/// What a collection has left: blobs of no manifest.
pub(crate) fn orphans(store: &Path) -> Vec<String> {
    let mut named = HashSet::new();
    for path in walk(&store.join("manifests")) {
        let manifest: serde_json::Value =
            fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let files = manifest.get("files").and_then(|files| files.as_array());
        named.extend(files.into_iter().flatten().filter_map(|file| file.get("blob")?.as_str().map(str::to_owned)));
    }
    let blobs = walk(&store.join("blobs"));
    let orphans = blobs.iter().map(|path| name(path)).filter(|blob| !named.contains(blob));
    orphans.map(|blob| format!("left over: blobs/{blob}, which no manifest names")).collect()
}

/// Bytes of all blobs.
pub(crate) fn bytes(store: &Path) -> u64 {
    let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    walk(&store.join("blobs")).iter().map(|path| size(path)).sum()
}

/// What is wrong with the body of a mirror's answer, which may have been broken off.
pub(crate) fn answered(hub: &Hub, model: &str, file: &str, from: usize, body: &[u8]) -> Option<String> {
    let key = format!("{model}/{file}");
    let size = super::hub::model_files(model).into_iter().find(|(name, _)| *name == key).map_or(0, |(_, size)| size);
    let is = |version| {
        crate::torture::content::content(&key, version, size).get(from..).is_some_and(|right| right.starts_with(body))
    };
    let newest = hub.version(model);
    // The newest are the most likely.
    (!(0..=newest).rev().any(is))
        .then(|| format!("{} bytes from byte {from} on are of no version of {key}", body.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::torture::content::content;

    fn put(store: &Path, path: &str, bytes: &[u8]) {
        let path = store.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn store_with_whole_versions_is_right() {
        let (folder, hub) = (tempfile::tempdir().unwrap(), Hub::start().unwrap());
        let (at, key) = (commit("org/pool-1", 0), "org/pool-1/sub/c.json");
        put(folder.path(), &format!("hub/models--org--pool-1/snapshots/{at}/sub/c.json"), &content(key, 0, 500));
        put(folder.path(), "models/https/x/y/plain-1.bin", &content("plain-1.bin", 4, 900));
        assert!(store(folder.path(), &hub).is_empty(), "{:?}", store(folder.path(), &hub));
        let digest = store::sha256(b"x");
        put(folder.path(), &format!("blobs/{}/{digest}", &digest[..2]), b"x");
        assert_eq!((orphans(folder.path()).len(), bytes(folder.path())), (1, 1));
    }

    #[test]
    fn wrong_bytes_under_a_name_are_seen() {
        let hub = Hub::start().unwrap();
        let at = commit("org/pool-1", 0);
        let snapshot = format!("hub/models--org--pool-1/snapshots/{at}/config.json");
        let splice = [&content("plain-1.bin", 0, 900)[..500], &content("plain-1.bin", 1, 900)[500..]].concat();
        for (path, bytes) in [
            (snapshot.as_str(), content("org/pool-1/config.json", 1, 500)),
            (snapshot.as_str(), content("org/pool-2/config.json", 0, 500)),
            ("models/https/x/y/plain-1.bin", splice),
            ("models/https/x/y/plain-1.bin", content("plain-2.bin", 0, 900)),
        ] {
            let folder = tempfile::tempdir().unwrap();
            put(folder.path(), path, &bytes);
            assert_eq!(store(folder.path(), &hub).len(), 1, "{path}");
        }
    }
}
