//! Error responses of the clouds, as errors with hints.
//!
//! Their codes: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>,
//! <https://cloud.google.com/storage/docs/xml-api/reference-status>,
//! <https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes>.

use cache_core::{BucketKind, Error, ErrorKind};
use cache_net::HttpResponse;
use http::StatusCode;

use crate::xml;

/// Longest refusal that is read.
const MAX_BODY: usize = 64 << 10;

/// Longest piece of a server's own words that is repeated.
const MAX_WORDS: usize = 200;

/// An error response.
#[derive(Debug, Clone, Default)]
pub(crate) struct CloudErrorResponse {
    pub(crate) status: StatusCode,
    pub(crate) host: String,
    /// The cloud's error code.
    pub(crate) code: Option<String>,
    message: Option<String>,
    /// Actual region of the bucket.
    region: Option<String>,
}

impl CloudErrorResponse {
    /// Reads what the reply says of itself.
    pub(crate) async fn of(response: HttpResponse) -> Self {
        let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let (status, host) = (response.status(), response.host());
        let (code, region) = (header("x-ms-error-code"), header("x-amz-bucket-region"));
        let body = response.bytes(MAX_BODY).await.unwrap_or_default();
        let body = String::from_utf8_lossy(&body);
        Self {
            status,
            host,
            code: code.or_else(|| xml::text(&body, "Code")),
            message: xml::text(&body, "Message"),
            region: region.or_else(|| xml::text(&body, "Region")),
        }
    }

    /// Reads a body that is a refusal in spite of its status, as S3 sends when it finds out late.
    #[cfg(feature = "s3")]
    pub(crate) fn late(host: &str, body: &str) -> Option<Self> {
        let error = xml::elements(body, "Error").next()?;
        Some(Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            host: host.to_owned(),
            code: xml::text(error, "Code"),
            message: xml::text(error, "Message"),
            region: None,
        })
    }

    fn is(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }

    /// Whether there is no such object, as far as the reply tells.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self.status, StatusCode::NOT_FOUND | StatusCode::GONE) && !self.is(NO_BUCKET)
    }

    fn words(&self) -> String {
        let status = self.status;
        let said = [self.code.as_deref(), self.message.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(": ");
        let said: String = said.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect();
        if said.is_empty() { status.to_string() } else { format!("{} ({said})", status.as_u16()) }
    }
}

const NO_BUCKET: &[&str] = &["NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"];
const EXPIRED: &[&str] = &["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"];
const CLOCK: &[&str] = &["RequestTimeTooSkewed"];
const UNKNOWN_KEY: &[&str] = &[
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "NotSignedUp",
    "InvalidAuthenticationInfo",
    "AuthenticationFailed",
    "AuthorizationFailure",
    "NoAuthenticationInformation",
];
const WRONG_KEY: &[&str] = &["SignatureDoesNotMatch", "InvalidSecurity"];
const ARCHIVED: &[&str] = &["InvalidObjectState", "BlobArchived", "BlobBeingRehydrated"];
const ELSEWHERE: &[&str] = &[
    "PermanentRedirect",
    "TemporaryRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "IncorrectEndpoint",
];
const READ_ONLY: &[&str] =
    &["MethodNotAllowed", "AccountIsDisabled", "ReadOnly", "XMinioStorageReadOnly", "BlobImmutableDueToPolicy"];

/// The error of a refusal of `what`.
pub(crate) fn error_of(kind: BucketKind, what: &str, reply: &CloudErrorResponse) -> Error {
    use ErrorKind as K;
    let words = reply.words();
    let moved = reply.is(ELSEWHERE) || reply.status.is_redirection();
    let (kind, message, hint) = if reply.is(NO_BUCKET) {
        (K::NotFound, format!("{what}: bucket not found ({words})"), "check the bucket's name and the endpoint")
    } else if reply.is(EXPIRED) {
        (K::Unauthorized, format!("{what}: the credentials have expired ({words})"), renew(kind))
    } else if reply.is(CLOCK) {
        let message = format!("{what}: the signature is of another time ({words})");
        (K::Unauthorized, message, "set this machine's clock: it differs too much from the server's")
    } else if reply.is(UNKNOWN_KEY) {
        (K::Unauthorized, format!("{what}: unknown credentials ({words})"), check(kind))
    } else if reply.is(WRONG_KEY) {
        let message = format!("{what}: signature mismatch ({words})");
        let hint = "check the secret key, this machine's clock, and that no proxy changes the requests";
        (K::Unauthorized, message, hint)
    } else if reply.is(ARCHIVED) {
        let message = format!("{what}: the object is in archive storage ({words})");
        (K::Unsupported, message, "have it restored first (`aws s3api restore-object`, a rehydration on Azure)")
    } else if moved {
        return elsewhere(what, reply, &words);
    } else if reply.is(READ_ONLY) || reply.status == StatusCode::METHOD_NOT_ALLOWED {
        (K::Unauthorized, format!("{what}: the bucket takes no writes ({words})"), "push to another bucket")
    } else {
        of_status(kind, what, reply.status, &words)
    };
    Error::new(kind, message).with_host(&*reply.host).with_hint(hint)
}

fn of_status(kind: BucketKind, what: &str, status: StatusCode, words: &str) -> (ErrorKind, String, &'static str) {
    match status {
        StatusCode::UNAUTHORIZED => {
            (ErrorKind::Unauthorized, format!("{what}: credentials required ({words})"), check(kind))
        }
        StatusCode::FORBIDDEN => (
            ErrorKind::Unauthorized,
            format!("{what}: access denied ({words})"),
            "these credentials lack the permission (downloading needs GetObject and ListBucket, uploading PutObject), or the \
             bucket is not public",
        ),
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            (ErrorKind::NotFound, format!("{what}: not found ({words})"), "check the bucket and the prefix")
        }
        StatusCode::RANGE_NOT_SATISFIABLE => (
            ErrorKind::Integrity,
            format!("{what}: the object ends before the requested bytes"),
            "the object has changed; run the same command again",
        ),
        _ => (ErrorKind::Network, format!("{what}: the host answered {words}"), "check the endpoint; else try again"),
    }
}

fn elsewhere(what: &str, reply: &CloudErrorResponse, words: &str) -> Error {
    // A hint is copied into a shell: what is no region's name is not repeated.
    let is_region =
        |region: &&String| region.len() <= 64 && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let hint = match reply.region.as_ref().filter(is_region) {
        Some(region) => format!("set AWS_REGION={region}"),
        None => "set AWS_REGION and the endpoint to the bucket's own".to_owned(),
    };
    Error::new(ErrorKind::Usage, format!("{what}: the bucket is in another region ({words})"))
        .with_host(&*reply.host)
        .with_hint(hint)
}

fn renew(kind: BucketKind) -> &'static str {
    match kind {
        BucketKind::S3 => "get fresh ones (`aws sso login`, or export AWS_ACCESS_KEY_ID and the others again)",
        BucketKind::Gcs => "get fresh ones (`gcloud auth application-default login`)",
        _ => "get fresh ones (`az login`, or a new shared access signature)",
    }
}

/// Hint on where credentials are looked up.
pub(crate) fn check(kind: BucketKind) -> &'static str {
    match kind {
        BucketKind::S3 => {
            "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE and ~/.aws/credentials; \
             AWS_SKIP_SIGNATURE=true is for public buckets"
        }
        BucketKind::Gcs => "check GOOGLE_APPLICATION_CREDENTIALS; GOOGLE_SKIP_SIGNATURE=true is for public buckets",
        _ => {
            "check AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN; \
             AZURE_SKIP_SIGNATURE=true is for public containers"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, code: &str) -> CloudErrorResponse {
        CloudErrorResponse {
            status: StatusCode::from_u16(status).unwrap(),
            host: "h".to_owned(),
            code: Some(code.to_owned()).filter(|code| !code.is_empty()),
            ..CloudErrorResponse::default()
        }
    }

    #[test]
    fn refusals_are_told_apart() {
        for (status, code, kind, part) in [
            (404, "NoSuchBucket", ErrorKind::NotFound, "bucket's name"),
            (404, "NoSuchKey", ErrorKind::NotFound, "prefix"),
            (400, "ExpiredToken", ErrorKind::Unauthorized, "aws sso login"),
            (403, "RequestTimeTooSkewed", ErrorKind::Unauthorized, "clock"),
            (403, "SignatureDoesNotMatch", ErrorKind::Unauthorized, "secret key"),
            (403, "InvalidAccessKeyId", ErrorKind::Unauthorized, "AWS_PROFILE"),
            (403, "AccessDenied", ErrorKind::Unauthorized, "permission"),
            (403, "", ErrorKind::Unauthorized, "permission"),
            (401, "", ErrorKind::Unauthorized, "AWS_PROFILE"),
            (403, "InvalidObjectState", ErrorKind::Unsupported, "restore"),
            (301, "PermanentRedirect", ErrorKind::Usage, "AWS_REGION"),
            (405, "MethodNotAllowed", ErrorKind::Unauthorized, "another bucket"),
            (418, "", ErrorKind::Network, "endpoint"),
        ] {
            let error = error_of(BucketKind::S3, "s3://b/k", &reply(status, code));
            assert_eq!(error.kind(), kind, "{status} {code}");
            assert!(error.hint().unwrap().contains(part), "{status} {code}: {error:?}");
        }
    }

    #[test]
    fn the_right_region_is_named() {
        let mut moved = reply(400, "AuthorizationHeaderMalformed");
        moved.region = Some("eu-central-1".to_owned());
        assert_eq!(error_of(BucketKind::S3, "x", &moved).hint(), Some("set AWS_REGION=eu-central-1"));
        moved.region = Some("x; rm -rf ~".to_owned());
        assert!(!error_of(BucketKind::S3, "x", &moved).hint().unwrap().contains("rm"));
        assert!(reply(404, "NoSuchKey").is_absent() && !reply(404, "NoSuchBucket").is_absent());
    }

    #[test]
    #[cfg(feature = "s3")]
    fn a_late_refusal_is_read() {
        let late =
            CloudErrorResponse::late("h", "<?xml?>\n<Error><Code>InternalError</Code><Message>Oh</Message></Error>")
                .unwrap();
        assert_eq!(late.code.as_deref(), Some("InternalError"));
        assert!(
            CloudErrorResponse::late("h", "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>").is_none()
        );
    }
}
