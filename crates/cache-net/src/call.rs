//! [`Call`]: what the layers need to know of a request, whatever it is.

use cache_core::RetryBudget;

use crate::Origin;

/// A request that the generic layers can carry: an HTTP request of ours, or any call that ends at one server.
pub trait Call: Clone {
    /// Where it goes.
    fn origin(&self) -> &Origin;

    /// What it does, for errors and logs: `GET https://host/path`. Holds no secret.
    fn what(&self) -> &str;

    /// The retries it may use.
    fn budget(&self) -> &RetryBudget;

    /// Whether sending it twice does no more than sending it once. Others are never repeated.
    fn is_idempotent(&self) -> bool;
}

/// A call of someone else's client that is run through the layers.
#[derive(Debug, Clone)]
pub(crate) struct Foreign<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) what: &'a str,
    pub(crate) budget: &'a RetryBudget,
}

impl Call for Foreign<'_> {
    fn origin(&self) -> &Origin {
        self.origin
    }

    fn what(&self) -> &str {
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
pub(crate) struct Fake {
    pub(crate) origin: Origin,
    pub(crate) budget: RetryBudget,
    pub(crate) idempotent: bool,
}

#[cfg(test)]
impl Fake {
    pub(crate) fn at(host: &str) -> Self {
        let url = url::Url::parse(&format!("https://{host}/x")).unwrap();
        Self { origin: Origin::of(&url).unwrap(), budget: RetryBudget::default(), idempotent: true }
    }
}

#[cfg(test)]
impl Call for Fake {
    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn what(&self) -> &str {
        "GET x"
    }

    fn budget(&self) -> &RetryBudget {
        &self.budget
    }

    fn is_idempotent(&self) -> bool {
        self.idempotent
    }
}
