//! Latencies and errors, counted.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest latency that is told apart.
const LONGEST: Duration = Duration::from_mins(2);

/// What one connection, or all of them, met.
#[derive(Debug, Clone)]
pub struct Tally {
    /// In microseconds, of successes only: refusals are quick.
    latencies: Histogram<u64>,
    /// By status, or by what broke.
    errors: BTreeMap<String, u64>,
}

impl Default for Tally {
    fn default() -> Self {
        let highest = u64::try_from(LONGEST.as_micros()).unwrap_or(u64::MAX);
        let latencies = Histogram::new_with_bounds(1, highest, 3).expect("the bounds are in order");
        Self { latencies, errors: BTreeMap::new() }
    }
}

impl Tally {
    /// A success that took so long.
    pub fn succeed(&mut self, latency: Duration) {
        self.latencies.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    /// A request that did not succeed.
    pub fn fail(&mut self, why: impl Into<String>) {
        *self.errors.entry(why.into()).or_default() += 1;
    }

    /// Adds what another one met.
    pub fn add(&mut self, other: &Self) {
        self.latencies.add(&other.latencies).expect("the bounds are the same");
        for (why, count) in &other.errors {
            *self.errors.entry(why.clone()).or_default() += count;
        }
    }

    /// The latency that this part of all kept to, in milliseconds.
    pub fn millis_at(&self, quantile: f64) -> f64 {
        millis(self.latencies.value_at_quantile(quantile))
    }

    /// What it comes to in so much time.
    pub fn figures(&self, name: &str, elapsed: Duration) -> Figures {
        let at = |quantile: f64| self.millis_at(quantile);
        #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let rate = self.latencies.len() as f64 / elapsed.as_secs_f64().max(f64::EPSILON);
        Figures {
            name: name.to_owned(),
            successes: self.latencies.len(),
            seconds: elapsed.as_secs_f64(),
            rate,
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            max_ms: millis(self.latencies.max()),
            errors: self.errors.clone(),
            notes: BTreeMap::new(),
        }
    }
}

fn millis(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64() * 1_000.0
}

/// One run, in figures.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Which run.
    pub name: String,
    /// How many requests succeeded.
    pub successes: u64,
    /// In how much time.
    pub seconds: f64,
    /// Successes a second.
    pub rate: f64,
    /// Half took no longer.
    pub p50_ms: f64,
    /// Nine of ten took no longer.
    pub p90_ms: f64,
    /// 99 of 100 took no longer.
    pub p99_ms: f64,
    /// None took longer.
    pub max_ms: f64,
    /// What did not succeed, by status or by what broke.
    pub errors: BTreeMap<String, u64>,
    /// What else there is to tell.
    pub notes: BTreeMap<String, f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_count_for_nothing_but_themselves() {
        let mut one = Tally::default();
        one.succeed(Duration::from_millis(1));
        one.fail("503");
        let mut all = Tally::default();
        all.succeed(Duration::from_millis(3));
        all.fail("503");
        all.add(&one);
        let figures = all.figures("send", Duration::from_secs(1));
        assert_eq!((figures.successes, figures.errors["503"]), (2, 2));
        assert!((figures.rate - 2.0).abs() < 1e-9);
        assert!((figures.p50_ms - 1.0).abs() < 0.01 && (figures.max_ms - 3.0).abs() < 0.01, "{figures:?}");
    }
}
