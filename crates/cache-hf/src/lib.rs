//! The Hugging Face Hub as a source: hf-hub for its API calls, our engine for the bytes.
