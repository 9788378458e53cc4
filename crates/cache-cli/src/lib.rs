//! The model-cache command.
