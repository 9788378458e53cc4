//! Round trips through bundles, and what their tests share.

mod hostile;

use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use cache_core::{
    Commit, ErrorKind, FileEntry, GitSha1, Hasher, Manifest, ModelId, Reason, RepoPath, Result, Revision, Sha256,
    Version,
};
use cache_store::AdoptOptions;
use tar::{EntryType, Header};

use crate::stop::Stop;
use crate::*;

pub(crate) const COMMIT: &str = "1234567890123456789012345678901234567890";
pub(crate) const NEWER: &str = "2234567890123456789012345678901234567890";
const REF: &str = "org/name";

/// A store in a folder of its own.
pub(crate) struct Place {
    pub(crate) cache: Cache,
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::builder().root(folder.path().join("store")).offline(true).build().unwrap();
        Self { cache, folder }
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a version into the store; of the files whose content is not given only the listing.
    pub(crate) fn fill(&self, commit: &str, files: &[(&str, &[u8])], here: impl Fn(&str) -> bool) {
        let mut entries = Vec::new();
        for (path, content) in files {
            let mut entry = entry(path, content);
            if here(path) {
                let temp = self.path("temp");
                fs_err::write(&temp, content).unwrap();
                let adopted = self.cache.store().adopt(&temp, &entry, AdoptOptions::default()).unwrap();
                entry.blob = Some(adopted.blob.name);
            }
            entries.push(entry);
        }
        let version = version(commit);
        let store = self.cache.store();
        store.put_manifest(&Manifest::new(version.clone(), entries).unwrap()).unwrap();
        store.put_ref(&version.model, &Revision::main(), &version.commit).unwrap();
    }

    pub(crate) fn model() -> ModelId {
        ModelId::hub(REF).unwrap()
    }

    pub(crate) fn with_model() -> Self {
        let place = Self::new();
        place.fill(COMMIT, &model(), |_| true);
        place
    }

    fn export(&self, export: Export) -> Vec<u8> {
        let bytes = Shared::default();
        export.run(Output::writer(bytes.clone()), &Stop::default()).unwrap();
        std::mem::take(&mut *bytes.0.lock().unwrap())
    }

    pub(crate) fn bundle(&self) -> Vec<u8> {
        self.export(export(&self.cache, [REF]))
    }

    /// What `main` points to.
    fn main(&self) -> String {
        let commit = self.cache.store().resolve_ref(&version(COMMIT).model, &Revision::main()).unwrap();
        commit.unwrap().to_string()
    }

    pub(crate) fn import(&self, bytes: &[u8]) -> Result<Imported> {
        import(&self.cache, piped(bytes)).run(&Stop::default())
    }

    /// That the import failed so, and that nothing shows.
    #[track_caller]
    fn refuses(&self, bytes: &[u8], kind: ErrorKind, said: &str) {
        let error = self.import(bytes).map(|_| ()).unwrap_err();
        assert!(error.kind() == kind && error.message().contains(said), "{said:?}: {error:?}");
        assert!(error.hint().is_some(), "{error}");
        self.shows_nothing();
    }

    #[track_caller]
    fn shows_nothing(&self) {
        let store = self.cache.store();
        assert!(store.manifests().unwrap().is_empty() && store.refs(&version(COMMIT).model).unwrap().is_empty());
        for blob in store.blobs().unwrap() {
            assert_eq!(sha256(&fs_err::read(&blob.path).unwrap()), blob.name);
        }
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Gives bytes as a pipe does: now many, now few.
struct Pipe(std::io::Cursor<Vec<u8>>, usize);

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.1 = self.1 * 7 % 10_007;
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}

fn piped(bytes: &[u8]) -> Input {
    Input::reader(Pipe(std::io::Cursor::new(bytes.to_vec()), 5))
}

fn version(commit: &str) -> Version {
    Version { model: ModelId::hub(REF).unwrap(), commit: Commit::parse(commit).unwrap() }
}

pub(crate) fn model() -> Vec<(&'static str, &'static [u8])> {
    static BIG: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| cache_testkit::fixtures::bytes(1, 300_000));
    vec![("config.json", b"{}"), ("copy.json", b"{}"), ("empty", b""), ("model.bin", &BIG)]
}

fn sha256(bytes: &[u8]) -> Sha256 {
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    hasher.finish().sha256
}

/// As the Hub lists it: large files by sha256, small ones by their git id.
fn entry(path: &str, content: &[u8]) -> FileEntry {
    let mut hasher = Hasher::new().with_git_sha1(content.len() as u64);
    hasher.update(content);
    let hashes = hasher.finish();
    let mut entry = FileEntry::new(RepoPath::parse(path).unwrap());
    entry.size = Some(hashes.length);
    if content.len() > 1000 {
        entry.digests.sha256 = Some(hashes.sha256);
    } else {
        entry.digests.git_sha1 = hashes.git_sha1;
    }
    entry
}

/// An entry of a tar: name, kind and content.
type TarEntry = (String, EntryType, Vec<u8>);

/// A tar of these entries.
fn pack(entries: &[TarEntry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, kind, content) in entries {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(77);
        header.set_entry_type(*kind);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn unpack(bytes: &[u8]) -> Vec<TarEntry> {
    let mut archive = tar::Archive::new(bytes);
    let entries = archive.entries().unwrap();
    entries
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (String::from_utf8(entry.path_bytes().to_vec()).unwrap(), entry.header().entry_type(), content)
        })
        .collect()
}

/// With the digest that the index has now.
fn sealed(mut entries: Vec<TarEntry>) -> Vec<u8> {
    entries[1].2 = Index::sum(&sha256(&entries[0].2)).into_bytes();
    pack(&entries)
}

fn with_index(bytes: &[u8], change: impl FnOnce(&mut Index)) -> Vec<u8> {
    let mut entries = unpack(bytes);
    let mut index: Index = serde_json::from_slice(&entries[0].2).unwrap();
    change(&mut index);
    entries[0].2 = serde_json::to_vec(&index).unwrap();
    sealed(entries)
}

#[test]
fn what_was_exported_is_there_after_the_import() {
    let (here, there) = (Place::with_model(), Place::new());
    for zstd in [false, true] {
        let bytes = here.export(export(&here.cache, [REF]).zstd(zstd));
        let imported = there.import(&bytes).unwrap();
        assert_eq!((imported.taken, imported.present), if zstd { (0, 3) } else { (3, 0) });
        assert_eq!(imported.contents.compressed, zstd);
    }
    let snapshot = there.cache.peek(REF).unwrap();
    for (file, (path, content)) in snapshot.files().iter().zip(model()) {
        assert_eq!((file.path.as_str(), fs_err::read(&file.link).unwrap()), (path, content.to_vec()));
    }
    assert_eq!(there.bundle(), here.bundle());
    assert_eq!(
        here.cache.store().manifest(&version(COMMIT)).unwrap(),
        there.cache.store().manifest(&version(COMMIT)).unwrap()
    );
}

#[test]
fn the_same_files_are_the_same_bytes_whatever_else_a_store_has() {
    let (one, other) = (Place::new(), Place::new());
    one.fill(COMMIT, &model(), |_| true);
    other.fill(NEWER, &[("config.json", b"newer")], |_| true);
    other.fill(COMMIT, &model(), |path| path != "empty");
    let names = ["org/name/model.bin", "org/name/config.json"];
    let backwards = [names[1], names[0]];
    let bytes = one.export(export(&one.cache, names));
    assert_eq!(other.export(export(&other.cache, backwards)), bytes);
    let entries = unpack(&bytes);
    assert!(entries[2..].is_sorted_by(|a, b| a.0 < b.0));
    let there = Place::new();
    assert_eq!(there.import(&bytes).unwrap().taken, 2);
    assert_eq!(there.cache.peek(REF).unwrap_err().kind(), ErrorKind::NotCached);
    assert_eq!(there.cache.peek(names[0]).unwrap().files().len(), 1);
}

#[test]
fn a_part_and_the_whole_of_a_version_complete_each_other() {
    let whole = Place::with_model().bundle();
    let part = with_index(&whole, |index| {
        let manifest = &mut index.versions[0].manifest;
        manifest.files.retain(|file| file.path.as_str() != "empty");
        manifest.partial = true;
        index.blobs.retain(|blob| blob.size > 0);
    });
    let part = {
        let mut entries = unpack(&part);
        entries.retain(|(name, _, content)| !(name.starts_with("blobs/") && content.is_empty()));
        pack(&entries)
    };
    for order in [[&part, &whole], [&whole, &part]] {
        let there = Place::new();
        for bytes in order {
            there.import(bytes).unwrap();
        }
        assert_eq!(there.bundle(), whole);
    }
}

#[test]
fn a_ref_that_is_moved_is_told() {
    let (older, there) = (Place::with_model().bundle(), Place::with_model());
    assert!(there.import(&older).unwrap().moved.is_empty());
    there.fill(NEWER, &[("config.json", b"newer")], |_| true);
    let imported = there.import(&older).unwrap();
    let [moved] = &imported.moved[..] else { panic!("{:?}", imported.moved) };
    assert_eq!((moved.revision.as_str(), moved.from.as_str()), ("main", NEWER));
    assert_eq!(moved.to.commit.as_str(), COMMIT);
    assert_eq!(there.main(), COMMIT);
}

#[test]
fn bundles_of_other_tools_with_the_same_entries_will_do() {
    let there = Place::new();
    there.import(&pack(&unpack(&Place::with_model().bundle()))).unwrap();
    assert_eq!(there.cache.peek(REF).unwrap().files().len(), 4);
}

#[test]
fn bit_rot_is_not_carried_out() {
    let here = Place::with_model();
    let blob = here.cache.peek(REF).unwrap().files()[3].blob.clone();
    let mut permissions = fs_err::metadata(&blob.path).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    fs_err::set_permissions(&blob.path, permissions).unwrap();
    let mut bytes = fs_err::read(&blob.path).unwrap();
    bytes[200_000] ^= 1;
    fs_err::write(&blob.path, bytes).unwrap();
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("models.tar");
    let error = export(&here.cache, [REF]).run(Output::file(&target), &Stop::default()).unwrap_err();
    assert!(error.kind() == ErrorKind::Integrity && error.message().contains("model.bin"), "{error}");
    assert_eq!(error.reason(), Some(Reason::ModelCorrupted), "{error:?}");
    assert_eq!(fs_err::read_dir(out.path()).unwrap().count(), 0);
}

#[test]
fn a_bundle_since_another_carries_only_what_is_new() {
    let here = Place::with_model();
    let first = here.bundle();
    here.fill(NEWER, &[("config.json", b"newer"), ("model.bin", model()[3].1)], |_| true);
    let second = here.export(export(&here.cache, [REF]).since(piped(&first)).zstd(true));
    here.fill(
        NEWER.replace('2', "3").as_str(),
        &[("a", b"third"), ("b", b"newer"), ("model.bin", model()[3].1)],
        |_| true,
    );
    let third = here.export(export(&here.cache, [REF]).since(piped(&second)));
    let carried = |bytes: &[u8]| list(piped(bytes), None).unwrap().index.bytes();
    assert_eq!((carried(&second), carried(&third)), (5, 5));
    let there = Place::new();
    there.refuses(&third, ErrorKind::NotCached, &list(piped(&second), None).unwrap().id.to_string());
    there.import(&first).unwrap();
    assert_eq!(there.import(&third).unwrap_err().kind(), ErrorKind::NotCached);
    there.import(&second).unwrap();
    assert_eq!(there.import(&third).unwrap().taken, 1);
    assert_eq!(there.cache.peek(REF).unwrap().files().len(), 3);
}

#[test]
fn a_signature_is_asked_for_before_anything_is_believed() {
    let (here, key, other) = (Place::with_model(), SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let public = key.verifying_key();
    let signed = here.export(export(&here.cache, [REF]).sign(key));
    let foreign = here.export(export(&here.cache, [REF]).sign(other));
    let asked = |bytes: &[u8], key: &VerifyingKey| {
        let there = Place::new();
        let result = import(&there.cache, piped(bytes)).verify(key.clone()).run(&Stop::default());
        if result.is_err() {
            assert!(there.cache.store().blobs().unwrap().is_empty());
            there.shows_nothing();
        }
        result.map(|imported| (imported.contents.signed_by.unwrap(), imported.contents.verified))
    };
    assert_eq!(asked(&signed, &public).unwrap(), (public.id(), true));
    let mut forged = unpack(&foreign);
    let text = String::from_utf8(forged[2].2.clone()).unwrap();
    let theirs = list(piped(&foreign), None).unwrap().signed_by.unwrap();
    forged[2].2 = text.replace(&theirs.to_string(), &public.id().to_string()).into_bytes();
    // What was signed is the index, byte for byte.
    let mut spaced = unpack(&signed);
    spaced[0].2.push(b' ');
    for (bytes, said) in
        [(here.bundle(), "not signed"), (foreign, "not by"), (pack(&forged), "is wrong"), (sealed(spaced), "is wrong")]
    {
        let error = asked(&bytes, &public).unwrap_err();
        assert!(error.kind() == ErrorKind::Integrity && error.message().contains(said), "{said}: {error}");
    }
    // Nobody asked.
    let there = Place::new();
    assert!(!there.import(&signed).unwrap().contents.verified);
}

#[test]
fn keys_are_those_of_openssl() {
    const PRIVATE_KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIK6h6jbWUabgKjSKgg+AnL2SlqxJubAqvqmXNKOJgk86\n-----END PRIVATE KEY-----\n";
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs_err::write(path("key"), PRIVATE_KEY).unwrap();
    let key = SigningKey::read(path("key")).unwrap();
    // `openssl pkey -pubout -outform der | tail -c 32 | sha256sum`
    assert_eq!(key.verifying_key().id().to_string(), "1b955005a26e2320");
    let public = key.write_new(path("copy")).unwrap();
    assert_eq!(fs_err::read_to_string(path("copy")).unwrap(), PRIVATE_KEY);
    assert_eq!(VerifyingKey::read(&public).unwrap().id(), key.verifying_key().id());
    assert_eq!(key.write_new(path("copy")).unwrap_err().kind(), ErrorKind::Usage);
    for wrong in [public.as_path(), Path::new("/nowhere"), folder.path()] {
        assert_eq!(SigningKey::read(wrong).unwrap_err().kind(), ErrorKind::Usage, "{}", wrong.display());
    }
    assert_eq!(VerifyingKey::read(path("key")).unwrap_err().kind(), ErrorKind::Usage);
}

#[test]
fn who_is_told_to_stop_stops() {
    let (here, there, stop) = (Place::with_model(), Place::new(), Stop::default());
    let bytes = here.bundle();
    stop.set();
    let error = import(&there.cache, piped(&bytes)).run(&stop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    there.shows_nothing();
    let target = there.path("out.tar");
    let error = export(&here.cache, [REF]).run(Output::file(&target), &stop).unwrap_err();
    assert!(error.kind() == ErrorKind::Interrupted && !target.exists());
}
