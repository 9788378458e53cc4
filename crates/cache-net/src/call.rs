//! [`Call`]: the request properties that the layers use.

use cache_core::RetryBudget;

use crate::Origin;

/// A request that the generic layers can carry: an HTTP request of ours, or any call that ends at one server.
pub trait Call: Clone {
    /// Origin of the request's target.
    fn origin(&self) -> &Origin;

    /// Description for errors and logs, without secrets: `GET https://host/path`.
    fn description(&self) -> &str;

    /// The retries it may use.
    fn budget(&self) -> &RetryBudget;

    /// Whether sending it twice does no more than sending it once. Others are never repeated.
    fn is_idempotent(&self) -> bool;
}

/// A call of another HTTP client that runs through the layers.
#[derive(Debug, Clone)]
pub(crate) struct ExternalCall<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) what: &'a str,
    pub(crate) budget: &'a RetryBudget,
}

impl Call for ExternalCall<'_> {
    fn origin(&self) -> &Origin {
        self.origin
    }

    fn description(&self) -> &str {
        self.what
    }

    fn budget(&self) -> &RetryBudget {
        self.budget
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}

/// A request for tests of the layers.
#[cfg(test)]
#[derive(Debug, Clone)]
pub(crate) struct FakeCall {
    pub(crate) origin: Origin,
    pub(crate) budget: RetryBudget,
    pub(crate) idempotent: bool,
}

#[cfg(test)]
impl FakeCall {
    pub(crate) fn at(host: &str) -> Self {
        let url = url::Url::parse(&format!("https://{host}/x")).unwrap();
        Self { origin: Origin::of(&url).unwrap(), budget: RetryBudget::default(), idempotent: true }
    }
}

#[cfg(test)]
impl Call for FakeCall {
    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn description(&self) -> &str {
        "GET x"
    }

    fn budget(&self) -> &RetryBudget {
        &self.budget
    }

    fn is_idempotent(&self) -> bool {
        self.idempotent
    }
}
