//! Lack of file descriptors below other errors.

/// Whether an error says that the process, or the machine, can open no more files.
///
/// An [`io::Error`](std::io::Error) that wraps another in a text, as those of `fs-err` do, hides the number from all but
/// its text.
#[must_use]
pub fn is_out_of_descriptors(error: &(dyn std::error::Error + 'static)) -> bool {
    // ENFILE and EMFILE, the same numbers on Linux, macOS and the BSDs.
    let is_it = |error: &std::io::Error| match error.raw_os_error() {
        Some(number) => matches!(number, 23 | 24),
        None => {
            let text = error.to_string();
            text.ends_with("(os error 23)") || text.ends_with("(os error 24)")
        }
    };
    std::iter::successors(Some(error), |&error| error.source())
        .any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(is_it))
}
