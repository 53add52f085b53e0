use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use crate::{Limits, layer::LayerError};

/// What the layers of one image may take together, counted by all threads that read them.
#[derive(Debug)]
pub(crate) struct Budget<'a> {
    pub(crate) limits: Limits,
    inflated: AtomicU64,
    kept: AtomicU64,
    members: AtomicU64,
    stop: Option<&'a AtomicBool>,
    large: Mutex<()>,
}

/// Below this a layer may grow as it likes.
const EXPANSION_FLOOR: u64 = 4 << 30;

impl<'a> Budget<'a> {
    pub(crate) fn new(limits: Limits, stop: Option<&'a AtomicBool>) -> Self {
        Self {
            limits,
            inflated: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            members: AtomicU64::new(0),
            stop,
            large: Mutex::default(),
        }
    }

    /// Whether the caller's time is over.
    pub(crate) fn check_time(&self) -> Result<(), LayerError> {
        if self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            Err(LayerError::Stopped)
        } else {
            Ok(())
        }
    }

    /// Counts bytes that came out of a layer of which `stored` became `inflated` so far.
    pub(crate) fn inflate(
        &self,
        count: usize,
        stored: u64,
        inflated: u64,
    ) -> Result<(), LayerError> {
        let total = self.inflated.fetch_add(count as u64, Ordering::Relaxed) + count as u64;
        if total > self.limits.inflated_bytes {
            return Err(LayerError::limit(
                "the image inflates to more than",
                self.limits.inflated_bytes,
                "bytes",
            ));
        }
        let allowed = stored.max(1).saturating_mul(self.limits.expansion).max(EXPANSION_FLOOR);
        if inflated > allowed {
            return Err(LayerError::limit(
                "it inflates to more than",
                self.limits.expansion,
                "times its stored size, as only a bomb does",
            ));
        }
        Ok(())
    }

    /// Counts bytes that stay in memory.
    pub(crate) fn keep(&self, count: u64) -> Result<(), LayerError> {
        let before = self.kept.fetch_add(count, Ordering::Relaxed);
        if before.saturating_add(count) > self.limits.kept_bytes {
            return Err(LayerError::limit(
                "what is wanted of the image takes more than",
                self.limits.kept_bytes,
                "bytes",
            ));
        }
        Ok(())
    }

    /// The right to hold the whole body of a large file. One thread has it at a time; it is given up soon, when the file has
    /// come to its end or its layer has failed.
    pub(crate) fn one_large(&self) -> MutexGuard<'_, ()> {
        self.large.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives back what is not kept after all.
    pub(crate) fn release(&self, count: u64) {
        self.kept.fetch_sub(count, Ordering::Relaxed);
    }

    /// Counts members.
    pub(crate) fn members(&self, count: u64) -> Result<(), LayerError> {
        let before = self.members.fetch_add(count, Ordering::Relaxed);
        if before.saturating_add(count) > self.limits.image_entries {
            return Err(LayerError::limit(
                "the image has more than",
                self.limits.image_entries,
                "entries",
            ));
        }
        Ok(())
    }
}
