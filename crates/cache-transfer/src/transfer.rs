//! One file from its sources: opens it, spreads its ranges over connections, keeps the journal, hashes as it goes.
//!
//! With one source the first answer tells whether it serves ranges. With several, the size is known beforehand and each
//! takes pieces as fast as it can: a slow one loses the rest of its piece to a faster one.

use std::sync::Arc;
use std::time::Duration;

use cache_core::failpoints::{Mutant, mutant};
use cache_core::{Body, ByteRange, Compression, Error, ErrorKind, Result};
use tokio::time::Instant;

use crate::bandwidth::Bandwidth;
use crate::body_limit::BodyLimit;
use crate::config::ConnectionLimits;
use crate::context::{TransferContext, host_limit};
use crate::job::FileSpec;
use crate::lane::Lane;
use crate::plan::{LeaseId, Limit, Piece};
use crate::pool::PoolBuffer;
use crate::sink::Sink;
use crate::slots::ConnectionSlot;
use crate::stop_reason::StopReason;

#[derive(Debug)]
pub(crate) struct Transfer {
    pub(crate) spec: FileSpec,
    pub(crate) lanes: Vec<Arc<Lane>>,
    pub(crate) context: TransferContext,
    pub(crate) limits: ConnectionLimits,
    pub(crate) bandwidth: Bandwidth,
    pub(crate) sink: Arc<Sink>,
    /// Greatest length of a body of unknown size.
    pub(crate) body_limit: Option<BodyLimit>,
}

impl Transfer {
    /// The entity tag by which the authority knows the bytes we have. A mirror's means nothing to the next process.
    pub(crate) fn tag(&self) -> Option<String> {
        self.lanes.iter().find(|lane| lane.authority).and_then(|lane| lane.tag())
    }

    /// Whether what has arrived can be kept when a connection breaks.
    pub(crate) fn is_resumable(&self) -> bool {
        !self.spec.needs_validator() || self.tag().is_some()
    }

    /// Whether what has arrived saves a later process some bytes: ranges can be asked for, of the plain bytes as well. What
    /// does not is never recorded, and goes with its process.
    pub(crate) fn is_worth_keeping(&self) -> bool {
        let has_ranges = match &self.spec.file.compressed {
            // With a seek table, as large files usually have one; of the others all is read again.
            Some(compressed) => compressed.compression == Compression::Zstd,
            None => self.sink.plan().size().is_some(),
        };
        has_ranges && self.is_resumable()
    }

    /// Checks that a body of unknown size may still grow.
    pub(crate) async fn check_unsized(&self, length: u64, host: &str) -> Result<()> {
        if length > self.limits.unsized_bytes {
            let most = self.limits.unsized_bytes;
            let message = format!("{}: no size stated and no end after {most} bytes", self.spec.file.path);
            return Err(Error::new(ErrorKind::Network, message)
                .with_host(host)
                .with_hint("the server does not send one file; check the address"));
        }
        match &self.body_limit {
            Some(body_limit) if !body_limit.admits(&self.context.store, length).await? => {
                Err(body_limit.exceeded(&self.spec.file.path))
            }
            _ => Ok(()),
        }
    }

    /// The limit of one host, if it has one.
    pub(crate) fn host_limit(&self, host: &str) -> Option<&Bandwidth> {
        host_limit(&self.context.hosts, host)
    }

    pub(crate) async fn buffer(&self) -> Result<PoolBuffer> {
        self.context.pool.take().await.ok_or_else(Error::interrupted)
    }

    /// Whether a request for a buffer has to wait.
    pub(crate) fn lacks_buffers(&self) -> bool {
        self.context.pool.is_empty()
    }

    /// Next piece for a connection of a lane.
    pub(crate) fn next_piece(&self, lane: &Lane) -> Option<Piece> {
        if !lane.ranges() {
            return self.sink.plan().take_rest(Instant::now());
        }
        let connections = self.lanes.iter().filter(|lane| lane.given_up().is_none()).map(|lane| lane.slots.limit());
        self.sink.next_piece(connections.sum()).or_else(|| self.steal(lane))
    }

    /// Work of a slow connection, for an idle one of this lane.
    pub(crate) fn steal(&self, lane: &Lane) -> Option<Piece> {
        // Behind a limit of its host another connection brings nothing.
        let helps = !lane.is_limited() || mutant(Mutant::RaceThrottled);
        if helps { self.sink.plan().steal(lane.speed(), Instant::now()) } else { None }
    }

    /// Waits until a limit allows `bytes` more for a piece, and returns for how long.
    pub(crate) async fn throttle(&self, piece: LeaseId, rate: &Bandwidth, limit: Limit, bytes: usize) -> Duration {
        if rate.get().is_none() {
            return Duration::ZERO;
        }
        let began = Instant::now();
        if !mutant(Mutant::RaceThrottled) {
            self.sink.plan().pause(piece, limit, began);
        }
        rate.take(bytes as u64).await;
        let now = Instant::now();
        self.sink.plan().resume(piece, now);
        now.duration_since(began)
    }

    /// Checks what a lane's source says of a body.
    pub(crate) fn accept(&self, lane: &Lane, body: &Body, asked: ByteRange) -> Result<(), StopReason> {
        let known = self.sink.plan().size();
        lane.accept(&self.spec, body, known, asked)
    }
}

/// The first answer of the only source, and the right to the connection it came over.
pub(crate) struct FirstResponse {
    pub(crate) slot: ConnectionSlot,
    pub(crate) gap: ByteRange,
    pub(crate) body: Body,
}
