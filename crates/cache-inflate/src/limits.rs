//! [`InflateLimits`]: what a compressed stream may cost.

/// Plain bytes before the ratio is judged: small files of zeros are common, and harmless.
pub(crate) const FREE_OUTPUT: u64 = 16 << 20;

/// Compressed bytes in a row that may yield nothing. bzip2 needs most for its first byte, 900 kB; beyond that there
/// are only empty members, padding and skippable frames.
pub(crate) const MAX_BARREN: u64 = 8 << 20;

/// Streams unpacked at once by one process. With [`InflateLimits::max_memory`] it bounds what all decoders hold.
pub(crate) const MAX_DECODERS: usize = 4;

/// Limits of a compressed stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct InflateLimits {
    /// Most plain bytes of one file, where its size is not known; a known size is the limit itself. 256 GiB when not
    /// set: the transfer engine takes no more of a body of unknown size either.
    pub max_output: u64,
    /// Most plain bytes for each compressed byte, once 16 MiB have come out. 1,000 when not set: weights that are
    /// worth keeping reach 2 or 3, a file of zeros 1,030 with gzip and far more with the others.
    pub max_ratio: u64,
    /// Most bytes a stream may ask for its window or dictionary. 40 MiB when not set: enough for `zstd -20` and
    /// `xz -8`, too little for `zstd -21`, `zstd --long` and `xz -9`. For zstd, rounded down to a power of two.
    pub max_memory: u64,
}

impl Default for InflateLimits {
    fn default() -> Self {
        Self { max_output: 256 << 30, max_ratio: 1000, max_memory: 40 << 20 }
    }
}

impl InflateLimits {
    /// The base-2 logarithm of zstd's largest window, within what libzstd takes (`ZSTD_WINDOWLOG_MIN`, and
    /// `ZSTD_WINDOWLOG_MAX` of 32-bit machines).
    pub(crate) fn window_log(self) -> u32 {
        self.max_memory.max(1).ilog2().clamp(10, 30)
    }
}
