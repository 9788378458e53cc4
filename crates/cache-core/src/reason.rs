//! [`Reason`]: a code for what is wrong, by which a program chooses its own hint.

use serde::{Deserialize, Serialize};

/// What is wrong, as a code: a program that has commands and options words its hint by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// The disk has no room.
    DiskFull,
    /// The quota of the store has no room.
    QuotaExceeded,
    /// The quota is taken up by pinned models or models in use.
    QuotaPinned,
    /// The store cannot be written or found.
    StoreUnusable,
    /// The store is read-only, and a file in it is corrupted.
    ReadOnlyCorrupted,
    /// The model, named by the subject, is not in the store.
    NotCached,
    /// Nothing of this name is in the store.
    NotInStore,
    /// The network is off.
    Offline,
    /// The source is slow or does not answer.
    SlowNetwork,
    /// The host did not answer in time.
    NoAnswer,
    /// The version, of the model in the subject, has no such file.
    NoSuchFile,
    /// No file matches the patterns; the message quotes them after `include` and `exclude`.
    NoMatch,
    /// The source gives no checksum, and one is required.
    NoDigest,
    /// Several checksums contradict each other.
    DigestConflict,
    /// The checksum file of a source cannot be read.
    DigestUnavailable,
    /// A compressed file cannot be decompressed on its way.
    CannotDecompress,
    /// A file is not what its compressed ending says.
    NotDecompressible,
    /// A compressed file decompresses to more than it should.
    UntrustedCompression,
    /// A checksum was given for compressed bytes of a file that is not decompressed.
    NotCompressed,
    /// Two checksums were given for one compressed file that is kept.
    TwoDigests,
    /// A compressed file has no such version once decompressed.
    DecompressedVersion,
    /// A stored file is corrupted.
    Corrupted,
    /// A stored file of the model in the subject is corrupted.
    ModelCorrupted,
    /// A stored file of the model in the subject changed since it was verified.
    ModelChanged,
    /// A blob that no model refers to is corrupted.
    OrphanCorrupted,
    /// The copy that was sent differs from the local one.
    SentDiffers,
    /// Links do not work in the store.
    LinksFail,
    /// A downloaded file failed its check; the subject is its id in quarantine.
    Quarantined,
    /// Nothing in quarantine has this id.
    NoQuarantineId,
    /// The version in the subject is pinned.
    Pinned,
    /// A file cannot be shared with the store, and copies are not allowed.
    CopyNeeded,
    /// The layout of a folder is not recognized.
    UnknownLayout,
    /// The model does not fit into memory.
    MemoryExceeded,
    /// The model has no variants to fall back to.
    NoVariants,
    /// The model has no mmproj file.
    NoMmproj,
    /// The model has several mmproj files.
    SeveralMmproj,
    /// The lock file, named by the subject, is absent.
    NoLockFile,
    /// The file is not a lock file.
    NotLockFile,
    /// The lock file does not have the model in the subject.
    NotLocked,
    /// The model in the subject has no checksum to lock.
    NothingToLock,
    /// The registered name has versions, and the new one is not named.
    VersionNeeded,
    /// The registered version exists.
    VersionExists,
    /// Imported names contradict registered ones.
    NamesConflict,
    /// No name of the registry matches.
    NoSuchName,
    /// No registered version is for this machine.
    NoPlatform,
    /// The list to sync is empty, and pruning by it would remove everything.
    EmptyList,
    /// A file takes the name of an object that a push writes itself.
    ObjectNameTaken,
    /// The prefix of a push holds blobs.
    PrefixHoldsBlobs,
    /// The file is not a bundle.
    NotBundle,
    /// The bundle needs another one, named by the subject.
    BaseNeeded,
    /// The bundle contradicts what the store has of a commit.
    CommitDiffers,
    /// The file is not a private key.
    NotPrivateKey,
    /// The file is not a public key.
    NotPublicKey,
    /// The server has no address, or an address that cannot be used.
    ListenAddress,
    /// The server would be open to other machines without tokens.
    PublicWithoutTokens,
    /// The configured hash of a token is not one.
    TokenHash,
    /// Two users have the same token.
    SameToken,
    /// The upstream of the mirror is not a Hub.
    UpstreamNotHub,
}
