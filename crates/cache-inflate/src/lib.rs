//! A source around a source: what is kept compressed there arrives plain.
