//! The HTTP client as one tower stack, and the plain HTTP source.
