//! Labels that handlers put into a response's extensions, for the log and the metrics.

/// The name of the route that answered: `resolve`, `tree`, `page` …
#[derive(Debug, Clone, Copy)]
pub(crate) struct RouteName(pub(crate) &'static str);

/// Whether a file's bytes lay in the store: `hit` or `miss`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CacheState(pub(crate) &'static str);
