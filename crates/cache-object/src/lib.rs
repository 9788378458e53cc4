//! A source over S3, Google Cloud Storage and Azure, and the way to push a model there.
