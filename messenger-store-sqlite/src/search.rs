//! Where in an ascending list something begins.

use crate::error::SqlResult;

/// The number of the first entry that comes after something, in a list of
/// ascending numbers from 1 on; that of number `last` does. `probe` tells of the
/// last entry up to a number what its number is and whether it comes after.
///
/// By doubling steps back, since what is asked for is mostly near the end, then
/// by halves.
pub(crate) fn first_after(last: i64, mut probe: impl FnMut(i64) -> SqlResult<Option<(i64, bool)>>) -> SqlResult<i64> {
    let (mut first, mut step) = (last, 1);
    let mut before = loop {
        let number = (first - step).max(0);
        match probe(number)? {
            Some((found, true)) => first = found,
            _ => break number,
        }
        step *= 2;
    };
    while first - before > 1 {
        let middle = before + (first - before) / 2;
        match probe(middle)? {
            Some((found, true)) => first = found,
            _ => before = middle,
        }
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first entry from `end` on, and in how many probes it was found.
    fn search(list: &[i64], end: i64) -> (i64, u32) {
        let mut probes = 0;
        let last = *list.last().expect("not empty");
        let found = first_after(last, |number| {
            probes += 1;
            Ok(list.iter().rev().find(|entry| **entry <= number).map(|entry| (*entry, *entry >= end)))
        });
        (found.expect("probes answer"), probes)
    }

    #[test]
    fn it_is_found_in_dense_lists_and_in_such_with_holes() {
        for list in [vec![1], vec![7], (1..=100).collect(), vec![1, 2, 50, 51, 52, 90], vec![5, 1_000, 1_001]] {
            for end in 0..=*list.last().expect("not empty") {
                let expected = list.iter().copied().find(|entry| *entry >= end);
                assert_eq!(Some(search(&list, end).0), expected, "{end} in {list:?}");
            }
        }
    }

    #[test]
    fn what_is_near_the_end_is_found_at_once() {
        let list: Vec<_> = (1..=100_000).collect();
        assert!(search(&list, 99_990).1 <= 8);
        assert!(search(&list, 10).1 <= 34);
    }
}
