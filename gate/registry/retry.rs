//! When to try again, and how long to wait before.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::{Duration, Instant},
};

use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::{
    StatusCode,
    header::{DATE, HeaderMap, RETRY_AFTER},
};

use crate::error::ErrorKind;

/// Bounds of one registry's or engine's conversation.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Until a connection stands, TLS included.
    pub connect: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
    /// One operation whole, every try, wait and token included, blobs excepted.
    pub operation: Duration,
    /// One blob, from asking for it to its last byte, as far as the network is waited for.
    pub blob: Duration,
    /// How often one request is tried at most.
    pub tries: u32,
    /// The first wait before another try; it doubles each time, and a random part of it is waited.
    pub pause: Duration,
    /// No wait is longer, whatever the server says.
    pub longest_pause: Duration,
    /// A blob that brings fewer than [`Self::least_bytes`] in this time counts as cut off.
    pub window: Duration,
    /// See [`Self::window`].
    pub least_bytes: u64,
    /// How often one blob is continued after a cut at most.
    pub resumes: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            operation: Duration::from_secs(120),
            blob: Duration::from_secs(3600),
            tries: 6,
            pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(30),
            window: Duration::from_secs(30),
            least_bytes: 64 << 10,
            resumes: 50,
        }
    }
}

/// Whether a status is of the kind that passes.
pub(crate) fn passes(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// How long the server asks to wait (RFC 9110 §10.2.3): seconds, or a date, which is held against the server's own.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let seconds = http_date(text)?.checked_sub(http_date(headers.get(DATE)?.to_str().ok()?)?)?;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

/// An HTTP date (RFC 9110 §5.6.7, the preferred form) in seconds since 1970.
fn http_date(text: &str) -> Option<i64> {
    let text = text.trim().strip_suffix("GMT")?;
    DateTimeParser::new()
        .parse_timestamp(format!("{text}+0000"))
        .ok()
        .map(jiff::Timestamp::as_second)
}

/// How long to wait before try number `next` (2 is the first repetition): what the server asks, but no more than is bearable;
/// otherwise a random part of a doubling time, so that many clients that failed together do not come back together.
pub(crate) fn pause(bounds: &Bounds, next: u32, asked: Option<Duration>) -> Duration {
    if let Some(asked) = asked {
        return asked.min(bounds.longest_pause);
    }
    let doublings = next.saturating_sub(2).min(16);
    let whole = bounds.pause.saturating_mul(1 << doublings).min(bounds.longest_pause);
    let random = RandomState::new().build_hasher().finish() % 1000;
    let part = u32::try_from(random).unwrap_or(0);
    // Never less than half: a pause of nothing is none.
    whole / 2 + whole / 2000 * part
}

/// What went wrong with one try.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Another try may do better; the server may have said when.
    Passing(ErrorKind, Option<Duration>),
    Final(ErrorKind),
}

impl From<ErrorKind> for Fault {
    fn from(kind: ErrorKind) -> Self {
        Self::Final(kind)
    }
}

/// The tries of one request.
#[derive(Debug)]
pub(crate) struct Tries {
    bounds: Bounds,
    end: Instant,
    made: u32,
}

impl Tries {
    pub(crate) fn new(bounds: Bounds, end: Instant) -> Self {
        Self { bounds, end, made: 1 }
    }

    /// Waits until it is time for another try.
    ///
    /// # Errors
    /// The fault itself, when another try would not help, or there is no try or no time left.
    pub(crate) async fn again(&mut self, fault: Fault) -> Result<(), ErrorKind> {
        let (kind, asked) = match fault {
            Fault::Final(kind) => return Err(kind),
            Fault::Passing(kind, asked) => (kind, asked),
        };
        if self.made >= self.bounds.tries {
            return Err(kind);
        }
        self.made += 1;
        let pause = pause(&self.bounds, self.made, asked);
        if Instant::now().checked_add(pause).is_none_or(|then| then >= self.end) {
            return Err(kind);
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_as_long_as_the_server_asks_and_no_longer_than_is_bearable() {
        let check = |after: &str, date: Option<&str>, expected: Option<u64>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, after.parse().unwrap());
            if let Some(date) = date {
                headers.insert(DATE, date.parse().unwrap());
            }
            assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{after}");
        };
        check("7", None, Some(7));
        check("0", None, Some(0));
        check("-1", None, None);
        check("soon", None, None);
        check("Fri, 20 Nov 2026 18:37:25 GMT", Some("Fri, 20 Nov 2026 18:37:05 GMT"), Some(20));
        check("Fri, 20 Nov 2026 18:37:25 GMT", Some("Fri, 20 Nov 2026 18:38:05 GMT"), None);
        check("Fri, 20 Nov 2026 18:37:25 GMT", None, None);
        check("99999999999999999999", None, None);
        let bounds = Bounds::default();
        assert_eq!(pause(&bounds, 2, Some(Duration::from_secs(99_999))), bounds.longest_pause);
    }

    #[test]
    fn pauses_double_within_their_bound() {
        let bounds = Bounds::default();
        for next in 2..200 {
            let pause = pause(&bounds, next, None);
            let whole = (bounds.pause * 2_u32.pow((next - 2).min(16))).min(bounds.longest_pause);
            assert!(pause >= whole / 2 && pause <= whole, "{next} {pause:?}");
        }
    }
}
