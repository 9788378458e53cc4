//! Bundles that are damaged or lie.

use super::*;

type Change<'a> = &'a dyn Fn(&mut Index);

#[test]
fn a_bundle_cut_off_anywhere_is_refused() {
    let bytes = Place::with_model().bundle();
    let there = Place::new();
    let ends = (0..5000).step_by(512).chain((5000..bytes.len()).step_by(9973)).chain([bytes.len() - 1]);
    for end in ends {
        let error = there.import(&bytes[..end]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity, "{end}: {error}");
        there.shows_nothing();
    }
    there.import(&bytes).unwrap();
}

#[test]
fn a_changed_byte_is_found_or_harms_nothing() {
    for zstd in [false, true] {
        let here = Place::with_model();
        let bytes = here.export(export(&here.cache, [REF]).zstd(zstd));
        let (mut refused, mut all) = (0, 0);
        for at in (3..3600).step_by(151).chain((4096..bytes.len()).step_by(60_011)) {
            let mut bad = bytes.clone();
            bad[at] ^= 0x10;
            let there = Place::new();
            all += 1;
            match there.import(&bad) {
                Err(_) => {
                    refused += 1;
                    there.shows_nothing();
                }
                // What fills a block, or a zstd header's unused bit.
                Ok(_) => assert_eq!(there.bundle(), here.bundle()),
            }
        }
        assert!(refused > all / 2, "{refused} of {all}");
    }
}

#[test]
fn hostile_entries_are_refused() {
    let bytes = Place::with_model().bundle();
    let there = Place::new();
    let blob = |at: usize| unpack(&bytes)[at].clone();
    let change = |change: &dyn Fn(&mut Vec<TarEntry>)| {
        let mut entries = unpack(&bytes);
        change(&mut entries);
        pack(&entries)
    };
    let index = |text: Vec<u8>| {
        let mut entries = unpack(&bytes);
        entries[0].2 = text;
        sealed(entries)
    };
    for (what, said) in [
        (change(&|all| all[2].0 = "../../etc/passwd".to_owned()), "where blobs/"),
        (change(&|all| all[2].0 = format!("/{}", blob(2).0)), "where blobs/"),
        (change(&|all| all[2].1 = EntryType::Symlink), "not a regular file"),
        (change(&|all| all[2].1 = EntryType::Link), "not a regular file"),
        (change(&|all| all[2].1 = EntryType::GNULongName), "not a regular file"),
        (change(&|all| all[0].1 = EntryType::XHeader), "not a regular file"),
        (change(&|all| all.swap(2, 3)), "where blobs/"),
        (change(&|all| all.insert(2, blob(2))), "where blobs/"),
        (change(&|all| all.push(blob(2))), "not in its index"),
        (change(&|all| all.push(("more".to_owned(), EntryType::Regular, Vec::new()))), "not in its index"),
        (change(&|all| drop(all.remove(0))), "not a bundle"),
        (change(&|all| drop(all.remove(2))), "where blobs/"),
        (change(&|all| drop(all.pop())), "ends before"),
        (change(&|all| all[3].2.push(0)), "bytes in the bundle, not"),
        (change(&|all| all[0].2[9] ^= 1), "index is corrupted"),
        (change(&|all| drop(all.remove(1))), "where bundle.json.sha256"),
        (index(vec![b'{'; 100]), "invalid index"),
        (index(vec![b'['; 100_000]), "invalid index"),
        ([&bytes[..], b"more"].concat(), "after its end"),
        (b"no tar at all, but long enough to have a header".repeat(20), "not a bundle"),
        (vec![0; 4096], "not a bundle"),
        (Vec::new(), "cut off"),
    ] {
        there.refuses(&what, ErrorKind::Integrity, said);
    }
}

#[test]
fn sizes_are_not_believed() {
    let there = Place::new();
    let mut header = Header::new_gnu();
    header.set_path("bundle.json").unwrap();
    for (size, said) in [(10 << 30, "at most"), (u64::MAX, "at most"), (60 << 20, "cut off")] {
        header.set_size(size);
        header.set_entry_type(EntryType::Regular);
        header.set_cksum();
        there.refuses(header.as_bytes(), ErrorKind::Integrity, said);
    }
    // A bomb: an index of zeros.
    header.set_size(60 << 20);
    header.set_cksum();
    let plain = [&header.as_bytes()[..], &vec![0; 70 << 20]].concat();
    let bomb = zstd::encode_all(&plain[..], 1).unwrap();
    assert!(bomb.len() < 100_000);
    there.refuses(&bomb, ErrorKind::Integrity, "ends before");
    let bytes = Place::with_model().bundle();
    let huge = with_index(&bytes, |index| {
        index.blobs[0].size = 1 << 60;
        let blob = index.blobs[0].sha256;
        let file = index.versions[0].manifest.files.iter_mut().find(|file| file.blob == Some(blob)).unwrap();
        file.size = None;
        index.versions[0]
            .manifest
            .files
            .iter_mut()
            .filter(|file| file.blob == Some(blob))
            .for_each(|file| file.size = None);
    });
    there.refuses(&huge, ErrorKind::NoSpace, "needed");
}

#[test]
fn an_index_that_contradicts_itself_is_refused() {
    let bytes = Place::with_model().bundle();
    let there = Place::new();
    let other = sha256(b"other");
    let cases: [(Change<'_>, &str); 12] = [
        (&|index| index.blobs.swap(0, 1), "not in order"),
        (&|index| index.blobs.push(index.blobs[2]), "not in order"),
        (&|index| index.blobs.truncate(2), "nowhere"),
        (&|index| index.blobs.iter_mut().for_each(|blob| blob.size = u64::MAX / 2), "larger than any disk"),
        (&|index| index.blobs[0].size += 1, "not what the listing says"),
        (&|index| index.versions.push(index.versions[0].clone()), "listed twice"),
        (&|index| drop(index.versions.pop()), "no file has the blob"),
        (&|index| index.versions[0].refs = vec![Revision::parse(COMMIT).unwrap()], "cannot point"),
        (&|index| index.versions[0].refs.push(Revision::main()), "cannot point"),
        (&|index| index.versions[0].manifest.files.swap(0, 1), "listed twice"),
        (&|index| index.versions[0].manifest.files[3].digests.sha256 = Some(other), "not what the listing says"),
        (&|index| index.base = Some(Base { index: other, blobs: index.blobs.clone() }), "although the base has it"),
    ];
    for (change, said) in cases {
        there.refuses(&with_index(&bytes, change), ErrorKind::Integrity, said);
    }
    there.refuses(&with_index(&bytes, |index| index.format = 2), ErrorKind::Unsupported, "format 2");
    let mut entries = unpack(&bytes);
    let text = String::from_utf8(entries[0].2.clone()).unwrap();
    entries[0].2 = text.replace("config.json", "../../x.json").into_bytes();
    there.refuses(&sealed(entries), ErrorKind::Integrity, "steps out");
}

#[test]
fn git_ids_are_checked_whether_the_blob_is_there_or_not() {
    let bytes = with_index(&Place::with_model().bundle(), |index| {
        index.versions[0].manifest.files[0].digests.git_sha1 = Some(GitSha1::from_bytes([7; 20]));
    });
    let there = Place::new();
    for _ in 0..2 {
        there.refuses(&bytes, ErrorKind::Integrity, "git-sha1:0707");
        let temp = there.path("temp");
        fs_err::write(&temp, "{}").unwrap();
        let bare = FileEntry::new(RepoPath::parse("x").unwrap());
        there.cache.store().adopt(&temp, &bare, AdoptOptions::default()).unwrap();
    }
}

#[test]
fn a_bundle_cannot_say_something_else_of_a_commit_than_the_store() {
    let there = Place::new();
    there.fill(COMMIT, &[("config.json", b"{}"), ("copy.json", b"x"), ("empty", b""), ("model.bin", b"")], |_| true);
    let before = there.cache.store().manifest(&version(COMMIT)).unwrap();
    let error = there.import(&Place::with_model().bundle()).unwrap_err();
    assert!(error.kind() == ErrorKind::Integrity && error.message().contains("copy.json differs"), "{error}");
    assert_eq!(there.cache.store().manifest(&version(COMMIT)).unwrap(), before);
}

#[test]
fn a_damaged_blob_is_named_before_it_can_be_published() {
    let mut entries = unpack(&Place::with_model().bundle());
    let big = entries.iter_mut().find(|entry| entry.2.len() == 300_000).unwrap();
    big.2[299_999] ^= 1;
    Place::new().refuses(&pack(&entries), ErrorKind::Integrity, "model.bin: checksum mismatch in the bundle");
}

#[test]
fn a_version_of_which_nothing_is_carried_moves_no_ref() {
    let bytes = with_index(&Place::with_model().bundle(), |index| {
        let mut empty = index.versions[0].clone();
        empty.manifest.version = version(NEWER);
        empty.manifest.files.iter_mut().for_each(|file| file.blob = None);
        index.versions[0].refs.clear();
        index.versions.push(empty);
    });
    let there = Place::with_model();
    let error = there.import(&bytes).map(|_| ()).unwrap_err();
    assert!(error.kind() == ErrorKind::Integrity && error.message().contains("has no file of"), "{error}");
    assert_eq!(there.main(), COMMIT);
    assert_eq!(there.cache.store().manifest(&version(NEWER)).unwrap(), None);
}

#[test]
fn what_is_known_of_a_version_is_not_taken_away() {
    let bytes = with_index(&Place::with_model().bundle(), |index| {
        let manifest = &mut index.versions[0].manifest;
        (manifest.partial, manifest.files[3].digests, manifest.files[3].size) =
            (true, cache_core::Digests::default(), None);
    });
    let there = Place::new();
    there.fill(COMMIT, &model(), |path| path == "empty");
    let before = there.cache.store().manifest(&version(COMMIT)).unwrap().unwrap();
    there.import(&bytes).unwrap();
    let mut after = there.cache.store().manifest(&version(COMMIT)).unwrap().unwrap();
    for (after, before) in after.files.iter_mut().zip(&before.files) {
        after.blob = before.blob;
    }
    assert_eq!(after, before);
}
