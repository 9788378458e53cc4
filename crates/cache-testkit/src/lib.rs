//! Servers that behave, servers that do not, and the conformance suites. A dev-dependency only.
