//! The one way to take a mutex.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, even if a holder panicked ("poisoned" it): one session's panic must not end the others.
///
/// Only for state that is valid after every single statement of every holder, such as a set or a list of things to do.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
