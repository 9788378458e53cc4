//! Bombs, and whatever else somebody may put behind a name that ends in `.zst`.

use bytes::Bytes;
use cache_core::{Compression, Digest, ErrorKind};
use cache_inflate::InflateLimits;
use cache_testkit::{Content, fixtures};

use crate::memory::Memory;
use crate::pack::{pack, zeros};

/// Practically for ever.
const FOREVER: u64 = 1 << 40;

/// One stream, and how it must end.
pub(crate) struct Hostile {
    pub(crate) name: String,
    pub(crate) memory: Memory,
    pub(crate) limits: InflateLimits,
    /// The plain size that the listing tells.
    pub(crate) size: Option<u64>,
    pub(crate) kind: ErrorKind,
}

fn hostile(name: &str, compression: Compression, parts: Vec<(Bytes, u64)>) -> Hostile {
    Hostile {
        name: format!("{compression}, {name}"),
        memory: Memory::parts(&format!("m{}", compression.extension()), parts),
        limits: InflateLimits::default(),
        size: None,
        kind: ErrorKind::Integrity,
    }
}

fn once(bytes: impl Into<Bytes>) -> Vec<(Bytes, u64)> {
    vec![(bytes.into(), 1)]
}

/// All of them.
pub(crate) async fn all() -> Vec<Hostile> {
    let mut all = Vec::new();
    for compression in Compression::ALL {
        all.extend(of_every_kind(compression).await);
    }
    all.extend(zstd().await);
    all.extend(xz().await);
    all.extend(gzip().await);
    all
}

async fn of_every_kind(compression: Compression) -> Vec<Hostile> {
    let make = |name, parts| hostile(name, compression, parts);
    let noise = fixtures::bytes(8, 60_000);
    let whole: Bytes = pack(compression, &noise).await.into();
    let half = whole.len() / 2;
    let mut flipped = whole.to_vec();
    flipped[half] ^= 0x10;
    let zero_member: Bytes = zeros(compression, 8 << 20).await.into();
    let empty: Bytes = pack(compression, b"").await.into();
    let other = if compression == Compression::Gzip { Compression::Bzip2 } else { Compression::Gzip };

    let mut too_much = make("more than it should hold", once(whole.clone()));
    too_much.size = Some(1000);
    let mut too_little = make("less than it should hold", once(whole.clone()));
    too_little.size = Some(1 << 30);
    let mut endless = make("endless, of an honest ratio", vec![(whole.clone(), FOREVER)]);
    endless.limits.max_output = 8 << 20;
    let mut wrong = make("of another digest", once(whole.clone()));
    wrong.memory.file.digests = Digest::Sha256(Content::bytes("other").sha256()).into();

    vec![
        make("nothing at all", once("")),
        make("header only", once(whole.slice(..6))),
        make("cut in the middle", once(whole.slice(..half))),
        make("cut before the last byte", once(whole.slice(..whole.len() - 1))),
        make("cut in the second member", vec![(empty.clone(), 1), (whole.slice(..half), 1)]),
        make("a page of HTML", once("<!doctype html><html><body>Sign in to go on</body></html>")),
        make("noise", once(noise.clone())),
        make("noise for ever", vec![(noise.clone().into(), FOREVER)]),
        make("noise after the end", vec![(whole.clone(), 1), (noise.into(), 1)]),
        make("another packing", once(pack(other, b"plain").await)),
        make("one wrong bit", once(flipped)),
        make("zeros in one member", once(zeros(compression, 40 << 20).await)),
        make("zeros in members without end", vec![(zero_member, FOREVER)]),
        make("empty members without end", vec![(empty, FOREVER)]),
        too_much,
        too_little,
        endless,
        wrong,
    ]
}

/// A frame header with a window of so many bytes, given as a logarithm (RFC 8878, 3.1.1.1.2).
fn zstd_frame(window_log: u8) -> Vec<u8> {
    vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, (window_log - 10) << 3]
}

/// A block that repeats a byte, 128 KiB for 4 bytes.
fn rle_block() -> Bytes {
    let mut block = ((128_u32 << 13) | 2).to_le_bytes()[..3].to_vec();
    block.push(0);
    block.into()
}

async fn zstd() -> Vec<Hostile> {
    let make = |name, parts| hostile(name, Compression::Zstd, parts);
    let mut all = Vec::new();
    for window in [26, 27, 31, 41] {
        let name = format!("a window of 2^{window} bytes");
        let mut huge = hostile(&name, Compression::Zstd, vec![(zstd_frame(window).into(), 1), (rle_block(), FOREVER)]);
        huge.kind = ErrorKind::Unsupported;
        all.push(huge);
    }
    let skippable = [[0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff, 0xff].as_slice(), &[0; 1000]].concat();
    // What bombs in archives do: a small file that unpacks to many that do.
    let inner = zeros(Compression::Gzip, 1 << 20).await;
    let nested = inner.repeat((24 << 20) / inner.len());
    let nested = pack(Compression::Zstd, &nested).await;
    all.extend([
        make("repeated bytes without end", vec![(zstd_frame(20).into(), 1), (rle_block(), FOREVER)]),
        make("in the largest window there may be", vec![(zstd_frame(25).into(), 1), (rle_block(), FOREVER)]),
        make("skippable frames without end", vec![(skippable.into(), FOREVER)]),
        make("bombs in a bomb", once(nested)),
    ]);
    all
}

async fn xz() -> Vec<Hostile> {
    let make = |name, parts| hostile(name, Compression::Xz, parts);
    let whole = zeros(Compression::Xz, 1 << 20).await;
    let mut all = Vec::new();
    // 64 MiB, 1.5 GiB, 4 GiB - 1 (the .xz format, 5.3.1).
    for bits in [28, 37, 40] {
        let mut patched = whole.clone();
        // After the stream header of 12 bytes: size, flags, filter, size of its properties, dictionary.
        assert_eq!(patched[12..16], [0x02, 0x00, 0x21, 0x01]);
        patched[16] = bits;
        let crc = crc32(&patched[12..20]);
        patched[20..24].copy_from_slice(&crc.to_le_bytes());
        let mut huge = hostile(&format!("dictionary {bits}"), Compression::Xz, once(patched));
        huge.kind = ErrorKind::Unsupported;
        all.push(huge);
    }
    all.push(make("padding without end", vec![(whole.into(), 1), (Bytes::from(vec![0; 4096]), FOREVER)]));
    all
}

async fn gzip() -> Vec<Hostile> {
    let make = |name, parts| hostile(name, Compression::Gzip, parts);
    let named = [0x1f, 0x8b, 8, 0x08, 0, 0, 0, 0, 0, 0xff];
    let mut wrong_sum = pack(Compression::Gzip, b"plain").await;
    let at = wrong_sum.len() - 8;
    wrong_sum[at] ^= 1;
    vec![
        make("a name without end", vec![(Bytes::copy_from_slice(&named), 1), ("name".into(), FOREVER)]),
        make("a wrong checksum", once(wrong_sum)),
    ]
}

/// CRC-32 as gzip and xz have it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}
