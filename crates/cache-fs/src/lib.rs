//! Safe access to files that other users may have made: capped reads of regular files, folders without links.
//!
//! - [`read`] and [`read_text`] read a regular file whole, up to a cap; pipes and devices are refused.
//! - [`Folder`] opens files below a directory handle (`openat`, `O_NOFOLLOW`).
//!
//! All calls block. Errors are those of the system, with the path in their text.

mod folder;
mod read;

pub use folder::Folder;
pub use read::{open, read, read_text, text_of};
