//! Plain URLs of compressed files.

use std::path::{Path, PathBuf};

use async_compression::Level;
use async_compression::tokio::bufread::{BzEncoder, GzipEncoder, XzEncoder, ZstdEncoder};
use cache_testkit::{Content, FaultServer, HubConfig, Personality, fixtures};
use rustix::process::Signal;
use tokio::io::AsyncReadExt as _;

use crate::signals::signal;
use crate::world::{Run, World, finish, until};

const ENDINGS: [&str; 4] = ["gz", "zst", "xz", "bz2"];

fn pack(ending: &str, plain: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime
        .block_on(async {
            match ending {
                "gz" => GzipEncoder::new(plain).read_to_end(&mut packed).await,
                "zst" => ZstdEncoder::new(plain).read_to_end(&mut packed).await,
                "xz" => XzEncoder::with_quality(plain, Level::Precise(0)).read_to_end(&mut packed).await,
                _ => BzEncoder::with_quality(plain, Level::Fastest).read_to_end(&mut packed).await,
            }
        })
        .unwrap();
    packed
}

/// Bytes of which each compressed one brings about one plain one.
fn incompressible(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Some(state.to_le_bytes())
    };
    std::iter::from_fn(next).flatten().take(length).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Content::bytes(bytes.to_vec()).sha256().to_string()
}

/// A server of one file, which says so beside it.
fn server(packed: &[u8]) -> FaultServer {
    let server = FaultServer::spawn(packed.to_vec()).unwrap();
    for path in ["/SHA256SUMS", "/model.gguf.sha256"] {
        server.beside(path, "");
    }
    for ending in ENDINGS {
        server.beside(&format!("/model.gguf.{ending}.sha256"), "");
    }
    server
}

fn blobs(world: &World) -> usize {
    if world.store().exists() { world.assert_blobs_intact() } else { 0 }
}

#[test]
fn each_packing_arrives_plain_and_once() {
    let plain = fixtures::bytes(21, 700_000);
    for ending in ENDINGS {
        let world = World::empty(HubConfig::default());
        let packed = pack(ending, &plain);
        let server = server(&packed);
        server.beside(&format!("/model.gguf.{ending}.sha256"), sha256(&packed));
        let url = server.url_of(&format!("/model.gguf.{ending}"));
        let run = world.run(&["get", &url, "--require-digest"]).ok();
        assert!(run.path().ends_with("model.gguf"), "{run:?}");
        assert!(fs_err::read(run.path()).unwrap() == plain, "{ending}");
        let sent = server.bytes_sent();
        assert_eq!(world.run(&["get", &url]).ok().path(), run.path());
        assert_eq!(world.run(&["get", &url, "--offline"]).ok().path(), run.path());
        assert!(server.bytes_sent() - sent < 1000, "bytes that were here were sent again");
        assert_eq!(blobs(&world), 1);

        let kept = world.run(&["get", &url, "--keep-compressed"]).ok();
        assert!(kept.path().ends_with(format!("model.gguf.{ending}")), "{kept:?}");
        assert!(fs_err::read(kept.path()).unwrap() == packed, "{ending}");
    }
}

#[test]
fn digests_of_either_form_are_checked() {
    let plain = fixtures::bytes(22, 300_000);
    let packed = pack("zst", &plain);
    let (of_plain, of_packed, wrong) = (sha256(&plain), sha256(&packed), "1".repeat(64));
    let server = server(&packed);
    let url = server.url_of("/model.gguf.zst");
    for right in [
        &["--sha256", &of_plain][..],
        &["--sha256-compressed", &of_packed],
        &["--sha256", &of_plain, "--sha256-compressed", &of_packed],
        &["--keep-compressed", "--sha256", &of_packed],
        &["--keep-compressed", "--sha256-compressed", &of_packed],
    ] {
        let world = World::empty(HubConfig::default());
        let run = world.run(&[&["get", &url, "--require-digest"], right].concat()).ok();
        assert!(run.err.contains("verified"), "{run:?}");
    }
    for bad in [
        &["--sha256", &wrong][..],
        &["--sha256-compressed", &wrong],
        &["--sha256", &of_plain, "--sha256-compressed", &wrong],
        &["--sha256", &wrong, "--sha256-compressed", &of_packed],
        &["--keep-compressed", "--sha256", &wrong],
    ] {
        let world = World::empty(HubConfig::default());
        let run: Run = world.run(&[&["get", &url], bad].concat()).fails(4, &wrong);
        assert_eq!(blobs(&world), 0, "{run:?}");
    }
    let world = World::empty(HubConfig::default());
    world
        .run(&["get", &server.url_of("/model.gguf"), "--sha256-compressed", &of_packed])
        .fails(2, "not a compressed file");
    let given = ["get", &url, "--keep-compressed", "--sha256", &of_plain, "--sha256-compressed", &of_packed];
    world.run(&given).fails(2, "two different digests");
}

#[test]
fn lists_beside_the_file_tell_both_digests() {
    let plain = fixtures::bytes(23, 300_000);
    let packed = pack("xz", &plain);
    let server = server(&packed);
    let url = server.url_of("/model.gguf.xz");
    let list = |plain: &str, packed: &str| format!("{plain}  model.gguf\n{packed}  model.gguf.xz\n");
    server.beside("/SHA256SUMS", list(&sha256(&plain), &sha256(&packed)));
    World::empty(HubConfig::default()).run(&["get", &url, "--require-digest"]).ok();
    for (plain, packed) in [("1".repeat(64), sha256(&packed)), (sha256(&plain), "2".repeat(64))] {
        server.beside("/SHA256SUMS", list(&plain, &packed));
        let world = World::empty(HubConfig::default());
        world.run(&["get", &url]).fails(4, "expected sha256:");
        assert_eq!(blobs(&world), 0);
    }
}

#[test]
fn a_bomb_is_refused_and_nothing_published() {
    let zeros = vec![0; 24 << 20];
    for ending in ["zst", "xz"] {
        let world = World::empty(HubConfig::default());
        let server = server(&pack(ending, &zeros));
        let run = world.run(&["get", &server.url_of(&format!("/model.gguf.{ending}"))]).fails(4, "bomb");
        assert!(run.err.contains("hint: ") && run.err.contains("--keep-compressed"), "{run:?}");
        assert_eq!(blobs(&world), 0);
    }
}

#[test]
fn a_broken_connection_is_gone_on_from_and_a_kill_begins_anew() {
    let plain = incompressible(9_000_000);
    let packed = pack("zst", &plain);
    let server = server(&packed);
    server.beside("/model.gguf.zst.sha256", sha256(&packed));
    let url = server.url_of("/model.gguf.zst");
    let world = World::empty(HubConfig::default());
    // HEAD, and then a body that breaks off.
    server.script([Personality::Good, Personality::Cut(8_000_000)]);
    let run = world.run(&["get", &url]).ok();
    assert!(fs_err::read(run.path()).unwrap() == plain);
    // Sockets lose what they hold when a connection breaks; a second beginning would make 17 MB of it.
    assert!(server.bytes_sent() < 16_000_000, "{} bytes for one file", server.bytes_sent());

    let world = World::empty(HubConfig::default());
    server.script([Personality::Good, Personality::Stall(packed.len() as u64 * 3 / 4)]);
    let child = world.command(&["get", &url]).spawn().unwrap();
    until("most of it has come", || recorded(&world.store().join("partial")) > 4_000_000);
    signal(&child, Signal::KILL);
    finish(child);
    assert_eq!(blobs(&world), 0);
    let run = world.run(&["get", &url]).ok();
    assert!(run.err.contains("restarts from the beginning"), "{run:?}");
    assert!(fs_err::read(run.path()).unwrap() == plain);
    assert_eq!(blobs(&world), 1);
}

#[test]
fn seekable_file_resumes_by_frame_after_a_kill() {
    let plain = Content::seeded(25, 9_000_000).to_vec().unwrap();
    let packed = seekable(&plain, 500_000);
    let server = server(&packed);
    let url = server.url_of("/model.gguf.zst");
    let of_plain = sha256(&plain);
    let get = ["get", &url, "--sha256", &of_plain];
    let world = World::empty(HubConfig::default());
    let size = packed.len() as u64;
    server.script([Personality::Good, Personality::Stall(size * 3 / 4)]);
    let child = world.command(&get).spawn().unwrap();
    until("most of it has come", || recorded(&world.store().join("partial")) > 5_000_000);
    signal(&child, Signal::KILL);
    finish(child);
    let sent = server.bytes_sent();
    let run = world.run(&get).ok();
    assert!(fs_err::read(run.path()).unwrap() == plain);
    assert!(!run.err.contains("restarts"), "{run:?}");
    let rest = server.bytes_sent() - sent;
    assert!(rest < size / 2, "{rest} of {size} bytes for the rest");
    assert_eq!(blobs(&world), 1);
}

/// A zstd file of frames of so many plain bytes, with its seek table.
fn seekable(plain: &[u8], frame: usize) -> Vec<u8> {
    let (mut file, mut table) = (Vec::new(), Vec::new());
    let number = |size: usize| u32::try_from(size).unwrap().to_le_bytes();
    for part in plain.chunks(frame) {
        let packed = pack("zst", part);
        table.extend([number(packed.len()), number(part.len())].concat());
        file.extend(packed);
    }
    file.extend(0x184d_2a5e_u32.to_le_bytes());
    file.extend(number(table.len() + 9));
    file.extend(&table);
    file.extend(number(plain.len().div_ceil(frame)));
    file.push(0);
    file.extend(0x8f92_eab1_u32.to_le_bytes());
    file
}

#[test]
fn compressed_digest_is_checked_on_a_hit() {
    let plain = fixtures::bytes(26, 300_000);
    let packed = pack("zst", &plain);
    let (of_plain, of_packed, wrong) = (sha256(&plain), sha256(&packed), "1".repeat(64));
    let server = server(&packed);
    let url = server.url_of("/model.gguf.zst");
    let world = World::empty(HubConfig::default());
    let path = world.run(&["get", &url, "--sha256", &of_plain]).ok().path();
    let get = |more: &[&str]| world.run(&[&["get", &url, "--sha256", &of_plain], more].concat());
    // The plain bytes are here; which compressed ones they came from is not recorded.
    get(&["--sha256-compressed", &of_packed, "--offline"]).fails(3, "does not know the digest");
    get(&["--sha256-compressed", &wrong]).fails(4, &wrong);
    let sent = server.bytes_sent();
    get(&["--sha256-compressed", &of_packed]).ok();
    assert!(server.bytes_sent() - sent >= packed.len() as u64);
    let requests = server.requests().len();
    get(&["--sha256-compressed", &of_packed]).ok();
    get(&["--sha256-compressed", &of_packed, "--offline"]).ok();
    let run = world.run(&["get", &url, "--sha256-compressed", &of_packed]).ok();
    assert_eq!(fs_err::read(run.path()).unwrap(), fs_err::read(path).unwrap());
    assert_eq!(server.requests().len(), requests, "the record is as good as the source's word");
    world.run(&["get", &url, "--sha256-compressed", &wrong, "--offline"]).fails(4, &wrong);
    assert_eq!(blobs(&world), 1);
}

/// Bytes that the journals of partials record.
fn recorded(folder: &Path) -> u64 {
    let Ok(entries) = fs_err::read_dir(folder) else { return 0 };
    let of = |path: PathBuf| match fs_err::read(&path) {
        _ if path.is_dir() => recorded(&path),
        Ok(text) if text.len() < 4096 => {
            let journal: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
            let ranges = ["ranges", "unsynced"].map(|key| journal[key].as_array().cloned().unwrap_or_default());
            let end = |range: &serde_json::Value| range[1].as_u64().unwrap_or_default();
            ranges.concat().iter().map(end).max().unwrap_or_default()
        }
        _ => 0,
    };
    entries.flatten().map(|entry| of(entry.path())).max().unwrap_or_default()
}
