//! The wrapped source against what every source must do.

use std::sync::Arc;

use cache_core::{Compression, ModelId};
use cache_inflate::InflateSource;
use cache_testkit::conformance::{self, SourceUnderTest};
use cache_testkit::{Content, fixtures};

use crate::memory::{Memory, model};
use crate::pack::pack;

#[tokio::test]
async fn a_packed_file_conforms() {
    let plain = fixtures::bytes(9, 200_000);
    let packed = pack(Compression::Zstd, &plain).await;
    conformance::source(|| {
        let source = InflateSource::new(Arc::new(Memory::new("file.bin.zst", packed.clone()).tags(&["t"])));
        SourceUnderTest::new(source, model(), [("file.bin", Content::from(plain.clone()))])
    })
    .await;
}

#[tokio::test]
async fn a_packed_file_with_a_digest_conforms() {
    let plain = fixtures::bytes(9, 200_000);
    let packed = pack(Compression::Xz, &plain).await;
    let digests = Content::from(packed.clone()).hashes().digests();
    conformance::source(|| {
        let source = InflateSource::new(Arc::new(Memory::new("file.bin.xz", packed.clone()).digests(digests)));
        SourceUnderTest::new(source, model(), [("file.bin", Content::from(plain.clone()))])
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_not_packed_passes_through() {
    let plain = fixtures::bytes(9, 200_000);
    conformance::source(|| {
        let source = InflateSource::new(Arc::new(Memory::new("file.bin", plain.clone()).tags(&["t"])));
        SourceUnderTest::new(source, model(), [("file.bin", Content::from(plain.clone()))]).serves_ranges()
    })
    .await;
}

#[tokio::test]
async fn files_on_this_machine_are_unpacked() {
    let plain = fixtures::bytes(9, 700_000);
    let packed = pack(Compression::Gzip, &plain).await;
    conformance::source(|| {
        let folder = tempfile::tempdir().unwrap();
        fixtures::write_files(folder.path(), [("a/file.bin.gz", Content::from(packed.clone()))]).unwrap();
        let model: ModelId = ModelId::Folder(folder.path().to_path_buf());
        let source = InflateSource::new(Arc::new(cache_local::LocalSource::default()));
        SourceUnderTest::new(source, model, [("a/file.bin", Content::from(plain.clone()))]).keep(folder)
    })
    .await;
}
