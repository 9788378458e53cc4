//! Properties of unpacking, for any bytes.

use bytes::Bytes;
use cache_core::{Compression, Digest, Digests};
use cache_testkit::Content;
use proptest::prelude::*;

use crate::memory::{Memory, read};
use crate::pack::pack;

fn compression() -> impl Strategy<Value = Compression> {
    proptest::sample::select(Compression::ALL.to_vec())
}

/// Bytes that compress, and bytes that do not.
fn plain() -> impl Strategy<Value = Vec<u8>> {
    let noise = proptest::collection::vec(any::<u8>(), 0..2000);
    let runs = proptest::collection::vec((any::<u8>(), 0..5000_usize), 0..8)
        .prop_map(|runs| runs.into_iter().flat_map(|(byte, count)| std::iter::repeat_n(byte, count)).collect());
    prop_oneof![noise, runs]
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_packed_comes_back_however_it_is_cut(
        compression in compression(),
        plain in plain(),
        split in any::<prop::sample::Index>(),
        chunk in 1..300_usize,
    ) {
        let at = split.index(plain.len() + 1);
        let back = run(async {
            let mut packed = pack(compression, &plain[..at]).await;
            packed.extend(pack(compression, &plain[at..]).await);
            let mut memory = Memory::new(&format!("m{}", compression.extension()), packed);
            memory.chunk = chunk;
            read(memory).await
        });
        prop_assert!(back.unwrap() == plain);
    }

    #[test]
    fn changed_stream_is_noticed_by_digest(
        compression in compression(),
        plain in plain(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        run(async {
            let packed = pack(compression, &plain).await;
            let mut changed = packed.clone();
            for (at, byte) in changes {
                let at = at.index(changed.len());
                changed[at] = byte;
            }
            if let Some(cut) = cut {
                changed.truncate(cut.index(packed.len() + 1));
            }
            let name = format!("m{}", compression.extension());
            let memory = || Memory::new(&name, Bytes::from(changed.clone()));
            // Any answer will do, but no panic.
            let _ = read(memory()).await;
            let digest: Digests = Digest::Sha256(Content::bytes(packed.clone()).sha256()).into();
            let judged = read(memory().digests(digest)).await;
            assert_eq!(judged.is_ok(), changed == packed);
        });
    }

    #[test]
    fn any_bytes_at_all_end_in_an_answer(compression in compression(), bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        run(async {
            let mut start = pack(compression, b"").await;
            start.truncate(4);
            start.extend(&bytes);
            let _ = read(Memory::new(&format!("m{}", compression.extension()), start)).await;
        });
    }
}
