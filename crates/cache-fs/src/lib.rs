//! Safe access to files that other users may have made: capped reads of regular files, folders without links.
//!
//! - [`read`] and [`read_text`] read a regular file whole, up to a cap; pipes and devices are refused.
//! - [`NewFile`] appears under its name whole.
//! - [`Folder`] opens files below a directory handle (`openat`, `O_NOFOLLOW`).
//!
//! All calls block. Errors are those of the system, with the path in their text.

mod folder;
mod new_file;
mod read;

pub use folder::Folder;
pub use new_file::NewFile;
pub use read::{open, read, read_text, text_of};
