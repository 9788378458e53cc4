//! [`Personality`]: the ways in which a server goes wrong.

/// How one request is answered. Positions are offsets in the file; a position past the end does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Personality {
    /// As it should be: ranges, conditions, a strong tag.
    Good,
    /// All bytes, but no ranges: `Accept-Ranges: none`, 200 to everything.
    NoRanges,
    /// Ranges are announced and ignored: 200 and the whole file.
    IgnoreRange,
    /// All bytes, without `Content-Length` (chunked). No ranges.
    NoLength,
    /// Right bytes and ranges, without an `ETag`.
    NoEtag,
    /// Right bytes and ranges, with a weak `ETag`.
    WeakEtag,
    /// The body ends before this byte with an orderly close, short of its `Content-Length`.
    Truncate(u64),
    /// The connection is reset before this byte.
    Cut(u64),
    /// The connection is closed without a reply.
    Hangup,
    /// Nothing comes from this byte on, until the client leaves or the test releases it.
    Stall(u64),
    /// Not even the status comes, until the client leaves or the test releases it.
    StallHead,
    /// The 206 is for a range that begins so many bytes later, says so truthfully, and ends where it should.
    ShiftRange(u64),
    /// The bytes asked for, under a `Content-Range` that claims they begin so many bytes later.
    LieAboutRange(u64),
    /// `Content-Range` claims that the file is longer by so many bytes.
    WrongSize(u64),
    /// The lowest bit of this byte is wrong.
    FlipBit(u64),
    /// The bytes are gzipped and marked so, whatever `Accept-Encoding` said.
    Gzip,
    /// 200 and an error page in HTML.
    Html,
    /// 206 and `multipart/byteranges`.
    Multipart,
    /// `Content-Length` promises so many bytes more than the file has; the connection closes where it ends.
    TooLong(u64),
    /// `Content-Length` promises so many bytes fewer, and all are sent.
    TooShort(u64),
    /// The body goes on after the file's end for ever.
    Endless,
    /// 429, with `Retry-After` in seconds if given.
    TooManyRequests(Option<u64>),
    /// 429 with the Hub's `ratelimit` header: seconds until the window resets.
    RateLimited(u64),
    /// This status, with a short text. For the 5xx.
    Status(u16),
    /// 416 whatever was asked for.
    NotSatisfiable,
    /// From this request on the file is another one, with another tag, as if it had just been replaced.
    Change,
    /// The file changes with every request, whose tag is new too.
    ChangeAlways,
    /// 302 to an address here that answers 302 again, without end.
    RedirectLoop,
    /// 302 to this address.
    Redirect(String),
    /// So many bytes a second.
    SlowDrip(u64),
    /// Bytes that are no HTTP.
    Garbage,
    /// A head that never ends.
    EndlessHead,
}

impl Personality {
    /// One of each kind that a client meets in the wild, for a file of this size: for tests that go through all.
    #[must_use]
    pub fn every(size: u64) -> Vec<Self> {
        let half = size / 2;
        vec![
            Self::Good,
            Self::NoRanges,
            Self::IgnoreRange,
            Self::NoLength,
            Self::NoEtag,
            Self::WeakEtag,
            Self::Truncate(half),
            Self::Truncate(0),
            Self::Cut(half),
            Self::Hangup,
            Self::Stall(half),
            Self::StallHead,
            Self::ShiftRange(1),
            Self::LieAboutRange(1),
            Self::WrongSize(1),
            Self::FlipBit(half),
            Self::Gzip,
            Self::Html,
            Self::Multipart,
            Self::TooLong(10),
            Self::TooShort(10),
            Self::Endless,
            Self::TooManyRequests(Some(1)),
            Self::RateLimited(1),
            Self::Status(500),
            Self::Status(503),
            Self::NotSatisfiable,
            Self::Change,
            Self::ChangeAlways,
            Self::RedirectLoop,
            Self::SlowDrip(1000),
            Self::Garbage,
            Self::EndlessHead,
        ]
    }
}
