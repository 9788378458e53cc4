//! Read-only inspection of model files. No async, no I/O of its own.
