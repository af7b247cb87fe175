//! A limit on how often one address may register and log in: passwords are
//! guessed by trying, and every try costs the server a slow hash.
//!
//! It is kept in this process. Nodes do not share it, so behind *n* nodes an
//! address has *n* times the quota.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use poem::Response;
use poem::http::HeaderValue;

use crate::address::ClientAddress;
use crate::problem::whole_seconds;

/// The most addresses that are remembered for one quota: some 4 MB.
const MAX_ADDRESSES: usize = 65_536;

/// So many requests in a period; they come back one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many an address may make at once.
    pub burst: u32,
    /// How long it takes until all of them are there again.
    pub period: Duration,
}

/// The quotas of limited operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// Making accounts.
    pub register: Quota,
    /// Logging in.
    pub login: Quota,
}

impl Default for RateLimits {
    /// 20 a minute for each.
    fn default() -> Self {
        let quota = Quota { burst: 20, period: Duration::from_mins(1) };
        Self { register: quota, login: quota }
    }
}

/// What an address has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    limit: u32,
    remaining: u32,
    /// Until the whole burst is there again.
    reset: Duration,
    /// Until the next request is allowed; `None` when this one is.
    pub(crate) retry_after: Option<Duration>,
}

impl Standing {
    /// Tells the client.
    pub(crate) fn write(&self, response: &mut Response) {
        let values = [
            ("ratelimit-limit", u64::from(self.limit)),
            ("ratelimit-remaining", u64::from(self.remaining)),
            ("ratelimit-reset", whole_seconds(self.reset)),
        ];
        for (name, value) in values {
            response.headers_mut().insert(name, HeaderValue::from(value));
        }
    }
}

/// Counts one operation's requests by address, with the generic cell rate
/// algorithm: one instant per address says all.
#[derive(Debug)]
pub(crate) struct Limiter {
    quota: Quota,
    /// When the address will have its whole burst again. An instant in the
    /// past says no more than an absent address.
    full_at: Mutex<HashMap<IpAddr, Instant>>,
    capacity: usize,
}

impl Limiter {
    pub(crate) fn new(quota: Quota) -> Self {
        Self { quota, full_at: Mutex::default(), capacity: MAX_ADDRESSES }
    }

    /// Counts a request at `now`, unless it is one too many.
    pub(crate) fn count(&self, address: ClientAddress, now: Instant) -> Standing {
        let Quota { burst, period } = self.quota;
        let burst = burst.max(1);
        let interval = period / burst;
        let address = counted_as(address.0);
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let before = full_at.get(&address).copied().filter(|at| *at > now).unwrap_or(now);
        let after = before + interval;
        let debt = after - now;
        if let Some(wait) = debt.checked_sub(interval * burst).filter(|wait| !wait.is_zero()) {
            return Standing { limit: burst, remaining: 0, reset: before - now, retry_after: Some(wait) };
        }
        if full_at.len() >= self.capacity && !full_at.contains_key(&address) {
            self.make_room(&mut full_at, now);
        }
        full_at.insert(address, after);
        let used = debt.as_nanos().div_ceil(interval.as_nanos().max(1));
        let remaining = burst.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX));
        Standing { limit: burst, remaining, reset: debt, retry_after: None }
    }

    /// Forgets who has the whole burst again; when that leaves too many, the
    /// half that comes to it soonest. Whoever fills the table so gains least
    /// by it.
    fn make_room(&self, full_at: &mut HashMap<IpAddr, Instant>, now: Instant) {
        full_at.retain(|_, at| *at > now);
        if full_at.len() > self.capacity / 2 {
            let mut instants: Vec<_> = full_at.values().copied().collect();
            let middle = instants.len() / 2;
            let median = *instants.select_nth_unstable(middle).1;
            full_at.retain(|_, at| *at > median);
        }
    }
}

/// An IPv6 client has a whole /64 to itself, so that counts as one.
fn counted_as(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> ClientAddress {
        ClientAddress(text.parse().expect("an address"))
    }

    fn limiter(burst: u32, seconds: u64) -> Limiter {
        Limiter::new(Quota { burst, period: Duration::from_secs(seconds) })
    }

    #[test]
    fn a_burst_is_allowed_and_then_one_after_another() {
        let (limiter, start, ada) = (limiter(3, 30), Instant::now(), address("192.0.2.1"));
        let remaining: Vec<_> = (0..3).map(|_| limiter.count(ada, start).remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        let refused = limiter.count(ada, start + Duration::from_secs(4));
        assert_eq!(refused.retry_after, Some(Duration::from_secs(6)));
        assert_eq!((refused.remaining, refused.reset), (0, Duration::from_secs(26)));
        let later = limiter.count(ada, start + Duration::from_secs(10));
        assert_eq!((later.retry_after, later.remaining), (None, 0));
        let full = limiter.count(ada, start + Duration::from_mins(1));
        assert_eq!((full.retry_after, full.remaining), (None, 2));
    }

    #[test]
    fn a_refused_request_costs_nothing() {
        let (limiter, start, ada) = (limiter(1, 10), Instant::now(), address("192.0.2.1"));
        limiter.count(ada, start);
        for _ in 0..100 {
            assert!(limiter.count(ada, start + Duration::from_secs(5)).retry_after.is_some());
        }
        assert!(limiter.count(ada, start + Duration::from_secs(10)).retry_after.is_none());
    }

    #[test]
    fn addresses_are_counted_apart_but_an_ipv6_network_is_one() {
        let (limiter, now) = (limiter(1, 10), Instant::now());
        assert!(limiter.count(address("192.0.2.1"), now).retry_after.is_none());
        assert!(limiter.count(address("192.0.2.2"), now).retry_after.is_none());
        assert!(limiter.count(address("2001:db8::1"), now).retry_after.is_none());
        assert!(limiter.count(address("2001:db8::ffff"), now).retry_after.is_some());
        assert!(limiter.count(address("2001:db8:0:1::1"), now).retry_after.is_none());
    }

    #[test]
    fn memory_is_bounded_and_the_worst_are_remembered() {
        let limiter = Limiter { capacity: 100, ..limiter(2, 10) };
        let now = Instant::now();
        let worst = address("192.0.2.1");
        limiter.count(worst, now);
        limiter.count(worst, now);
        for host in 0..10_000_u32 {
            limiter.count(ClientAddress(std::net::Ipv4Addr::from_bits(0x0a00_0000 + host).into()), now);
            assert!(limiter.full_at.lock().expect("not poisoned").len() <= 100);
        }
        assert!(limiter.count(worst, now).retry_after.is_some());
    }
}
