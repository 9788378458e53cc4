//! [`Layers`]: a [`ServiceBuilder`] that knows its layers by name, other crates' layers too.

use std::fmt;

use tower::ServiceBuilder;
use tower::layer::Layer;
use tower::layer::util::{Identity, Stack};

/// A stack under construction, from the outside in.
pub(super) struct Layers<L> {
    builder: ServiceBuilder<L>,
    names: Vec<&'static str>,
}

impl Layers<Identity> {
    pub(super) fn new() -> Self {
        Self { builder: ServiceBuilder::new(), names: Vec::with_capacity(12) }
    }
}

impl<L> Layers<L> {
    /// Adds a layer inside those before it.
    pub(super) fn layer<T>(mut self, name: &'static str, layer: T) -> Layers<Stack<T, L>> {
        self.names.push(name);
        Layers { builder: self.builder.layer(layer), names: self.names }
    }

    /// Puts all layers around a service.
    pub(super) fn service<S>(mut self, name: &'static str, service: S) -> NamedStack<L::Service>
    where
        L: Layer<S>,
    {
        self.names.push(name);
        NamedStack { service: self.builder.service(service), names: self.names }
    }
}

/// A finished stack. `Display` prints it: `outer(inner(service))`.
pub(crate) struct NamedStack<S> {
    service: S,
    names: Vec<&'static str>,
}

impl<S> NamedStack<S> {
    pub(crate) fn into_service(self) -> S {
        self.service
    }

    #[cfg(test)]
    pub(super) fn names(&self) -> &[&'static str] {
        &self.names
    }
}

impl<S> fmt::Display for NamedStack<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names.join("("))?;
        self.names.iter().skip(1).try_for_each(|_| f.write_str(")"))
    }
}
