//! Plain URLs of compressed files.

use std::path::PathBuf;

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
    world.run(&["get", &server.url_of("/model.gguf"), "--sha256-compressed", &of_packed]).fails(2, "not decompressed");
    let given = ["get", &url, "--keep-compressed", "--sha256", &of_plain, "--sha256-compressed", &of_packed];
    world.run(&given).fails(2, "two digests");
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
    let plain = fixtures::bytes(24, 9_000_000);
    let packed = pack("zst", &plain);
    let server = server(&packed);
    server.beside("/model.gguf.zst.sha256", sha256(&packed));
    let url = server.url_of("/model.gguf.zst");
    let world = World::empty(HubConfig::default());
    // HEAD, and then a body that breaks off.
    server.script([Personality::Good, Personality::Cut(4_000_000)]);
    let run = world.run(&["get", &url]).ok();
    assert!(fs_err::read(run.path()).unwrap() == plain);
    assert!(server.bytes_sent() < 10_000_000, "{} bytes for one file", server.bytes_sent());

    let world = World::empty(HubConfig::default());
    server.script([Personality::Good, Personality::Stall(8_000_000)]);
    let child = world.command(&["get", &url]).spawn().unwrap();
    until("most of it has come", || partial_bytes(&world) > 4_000_000);
    signal(&child, Signal::KILL);
    finish(child);
    assert_eq!(blobs(&world), 0);
    let run = world.run(&["get", &url]).ok();
    assert!(fs_err::read(run.path()).unwrap() == plain);
    assert_eq!(blobs(&world), 1);
}

/// Bytes that lie in partials, as far as they take room.
fn partial_bytes(world: &World) -> u64 {
    fn sum(folder: PathBuf) -> u64 {
        use std::os::unix::fs::MetadataExt as _;
        let Ok(entries) = fs_err::read_dir(folder) else { return 0 };
        entries
            .flatten()
            .map(|entry| match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => sum(entry.path()),
                Ok(metadata) => metadata.blocks() * 512,
                Err(_) => 0,
            })
            .sum()
    }
    sum(world.store().join("partial"))
}
