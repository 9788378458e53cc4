//! The model cache to embed: one facade, backends chosen by cargo features.
