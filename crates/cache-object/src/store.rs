//! [`BucketStore`]: one bucket of any provider, and its requests.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use cache_core::{Bucket, BucketKind, ByteRange, Error, ErrorKind, Result, RetryBudget};
use cache_net::{HttpClient, HttpResponse};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, PutOptions};

use crate::address::Cloud;
use crate::connector::{self, Connector, RequestContext};
use crate::error::{self, CloudErrorResponse};
use crate::{ObjectConfig, address};

/// One bucket.
#[derive(Clone)]
pub(crate) struct BucketStore {
    pub(crate) kind: BucketKind,
    pub(crate) name: String,
    /// Host of the requests, for display.
    pub(crate) host: String,
    pub(crate) cloud: Arc<dyn Cloud>,
    /// For requests that `object_store` does not know.
    #[cfg(feature = "s3")]
    pub(crate) http: HttpClient,
    /// S3 specifics.
    #[cfg(feature = "s3")]
    pub(crate) s3: Option<Arc<address::S3Address>>,
}

/// Options of a HEAD or GET.
#[derive(Debug, Default)]
pub(crate) struct ObjectReadOptions {
    pub(crate) range: Option<ByteRange>,
    /// The quoted tag that the object must have.
    pub(crate) tag: Option<String>,
    pub(crate) head: bool,
    /// Over a new connection.
    pub(crate) fresh: bool,
}

impl BucketStore {
    /// Prepares the client; sends no request.
    pub(crate) fn new(bucket: &Bucket, config: &ObjectConfig, http: HttpClient) -> Result<Self> {
        #[cfg(feature = "s3")]
        let own = http.clone();
        let connector =
            Connector { http, kind: bucket.kind(), shown: format!("{}://{}", bucket.kind().scheme(), bucket.name()) };
        let made = match bucket.kind() {
            #[cfg(feature = "s3")]
            BucketKind::S3 => address::s3(bucket.name(), config, connector)?,
            #[cfg(feature = "gcs")]
            BucketKind::Gcs => address::gcs(bucket.name(), config, connector)?,
            #[cfg(feature = "azure")]
            BucketKind::Azure => address::azure(bucket.name(), config, connector)?,
            _ => {
                let _ = (config, connector);
                let feature = match bucket.kind() {
                    BucketKind::S3 => "s3",
                    BucketKind::Gcs => "gcs",
                    _ => "azure",
                };
                return Err(Error::new(ErrorKind::Unsupported, format!("no source for {bucket} in this build"))
                    .with_hint(format!("build model-cache with the feature `{feature}`")));
            }
        };
        Ok(Self {
            kind: bucket.kind(),
            name: bucket.name().to_owned(),
            host: made.host,
            cloud: made.cloud,
            #[cfg(feature = "s3")]
            http: own,
            #[cfg(feature = "s3")]
            s3: made.s3,
        })
    }

    /// The address of an object, for people.
    pub(crate) fn shown(&self, key: &str) -> String {
        format!("{}://{}/{key}", self.kind.scheme(), self.name)
    }

    /// Asks for an object: the answer as it came, whatever its status.
    pub(crate) async fn ask(&self, key: &str, ask: ObjectReadOptions, budget: &RetryBudget) -> Result<HttpResponse> {
        let context = RequestContext::new(budget).fresh(ask.fresh);
        let options = GetOptions {
            range: ask.range.map(|range| GetRange::Bounded(range.start..range.end)),
            if_match: ask.tag,
            head: ask.head,
            extensions: context.extensions(),
            ..GetOptions::default()
        };
        let path = self.path(key)?;
        let done = self.cloud.get_opts(&path, options).await;
        self.answered(context, done.err())
    }

    /// The whole of a small object; `None` when it is not there.
    pub(crate) async fn read(&self, key: &str, cap: usize, budget: &RetryBudget) -> Result<Option<Bytes>> {
        let answer = self.ask(key, ObjectReadOptions::default(), budget).await?;
        if answer.status().is_success() {
            return answer.bytes(cap).await.map(Some);
        }
        match CloudErrorResponse::of(answer).await {
            reply if reply.is_absent() => Ok(None),
            reply => Err(self.refused(key, &reply)),
        }
    }

    /// Writes a small object, or replaces it.
    pub(crate) async fn write(&self, key: &str, bytes: Bytes, budget: &RetryBudget) -> Result<HttpResponse> {
        let context = RequestContext::new(budget);
        let options = PutOptions { extensions: context.extensions(), ..PutOptions::default() };
        let done = self.cloud.put_opts(&self.path(key)?, bytes.into(), options).await;
        let answer = self.answered(context, done.err())?;
        if answer.status().is_success() { Ok(answer) } else { Err(self.refusal(key, answer).await) }
    }

    fn answered(&self, context: RequestContext, error: Option<object_store::Error>) -> Result<HttpResponse> {
        match (context.answer(), error) {
            (Some(answer), _) => answer,
            (None, Some(error)) => Err(self.explain(&error)),
            (None, None) => Err(Error::new(ErrorKind::Network, "no request was made").with_host(&*self.host)),
        }
    }

    pub(crate) async fn refusal(&self, key: &str, answer: HttpResponse) -> Error {
        self.refused(key, &CloudErrorResponse::of(answer).await)
    }

    pub(crate) fn refused(&self, key: &str, reply: &CloudErrorResponse) -> Error {
        error::error_of(self.kind, &self.shown(key), reply)
    }

    /// An error of `object_store` in our words.
    pub(crate) fn explain(&self, error: &object_store::Error) -> Error {
        let ours = connector::unwrapped(error);
        if connector::found_no_credentials(error)
            && ours.as_ref().is_none_or(|error| error.kind() != ErrorKind::NotCached)
        {
            return self.no_credentials();
        }
        match (ours, error) {
            (Some(ours), _) => ours,
            (None, object_store::Error::InvalidPath { source }) => {
                Error::new(ErrorKind::Integrity, format!("an object's key in the listing is refused: {source}"))
                    .with_host(&*self.host)
                    .with_hint("the key would be unsafe on some file system; the object has to be renamed")
            }
            (None, error) => connector::nonsense(error, &self.host),
        }
    }

    fn no_credentials(&self) -> Error {
        let looked = match self.kind {
            BucketKind::S3 => {
                "AWS_ACCESS_KEY_ID, web identity, ~/.aws/config and credentials, container and instance metadata"
            }
            BucketKind::Gcs => "GOOGLE_APPLICATION_CREDENTIALS, gcloud's application default, instance metadata",
            _ => "AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN, AZURE_CLIENT_ID and others, managed identity",
        };
        let bucket = format!("{}://{}", self.kind.scheme(), self.name);
        let message = format!("{bucket}: no credentials were found; looked for: {looked}");
        Error::new(ErrorKind::Unauthorized, message).with_hint(error::check(self.kind))
    }

    pub(crate) fn path(&self, key: &str) -> Result<Path> {
        Path::parse(key)
            .map_err(|error| Error::new(ErrorKind::Usage, format!("{}: invalid object key: {error}", self.shown(key))))
    }
}

/// `s3(bucket at host)`.
impl fmt::Display for BucketStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({} at {})", self.kind.scheme(), self.name, self.host)
    }
}

impl fmt::Debug for BucketStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BucketStore({self})")
    }
}
