use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use secgate_advisory::Progress;

/// A bar a part of the update, on standard error.
pub(crate) struct Bars {
    all: MultiProgress,
    parts: Mutex<HashMap<String, ProgressBar>>,
}

impl Bars {
    pub(crate) fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        Self { all, parts: Mutex::new(HashMap::new()) }
    }

    fn bar(&self, part: &str, total: Option<u64>) -> ProgressBar {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = parts.entry(part.to_owned()).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::no_length());
            let style = "{prefix:<16} {bar:24} {bytes:>10} {wide_msg}";
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style.progress_chars("━━ "));
            }
            bar.set_prefix(part.to_owned());
            bar
        });
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.clone()
    }
}

impl Progress for Bars {
    fn received(&self, part: &str, bytes: u64, total: Option<u64>) {
        self.bar(part, total).inc(bytes);
    }

    fn finished(&self, part: &str, outcome: &str) {
        self.bar(part, None).finish_with_message(outcome.to_owned());
    }
}
