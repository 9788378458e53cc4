//! A folder, another Hugging Face cache or a USB disk as a source.
