//! [`Lazy`]: a value that is made at its first use.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Result;

/// A value made at its first use and shared by all clones. A failure is not kept: the next use tries again.
#[derive(Debug)]
pub(crate) struct Lazy<T>(Arc<Mutex<Option<T>>>);

impl<T: Clone> Lazy<T> {
    /// The value; made by `init` unless it is there.
    pub(crate) fn get_or_try_init(&self, init: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut value = self.lock();
        if let Some(value) = &*value {
            return Ok(value.clone());
        }
        Ok(value.insert(init()?).clone())
    }

    /// The value, if it was made.
    pub(crate) fn get(&self) -> Option<T> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> From<T> for Lazy<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(Mutex::new(Some(value))))
    }
}

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Lazy<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, ErrorKind};

    #[test]
    fn lazy_after_a_failure_tries_again() {
        let lazy = Lazy::default();
        let clone = lazy.clone();
        assert!(lazy.get_or_try_init(|| Err(Error::new(ErrorKind::Usage, "no"))).is_err());
        assert_eq!(lazy.get(), None);
        assert_eq!(clone.get_or_try_init(|| Ok(1)).unwrap(), 1);
        assert_eq!(lazy.get_or_try_init(|| Ok(2)).unwrap(), 1);
    }
}
