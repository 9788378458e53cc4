//! The vocabulary of the model cache and its two traits, Source and Verifier. No I/O.
