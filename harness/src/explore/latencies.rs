//! An order that was chosen, told as latencies: instants at which everything happens in that order by time.
//!
//! Every event of an explored run is later than the one before it. Where a latency choice decides its instant, it
//! may be any time after it was queued; a timer is due exactly so long after it was set. These are difference
//! constraints; raising every instant until all hold gives the earliest solution, if there is one. First it is tried
//! to keep quiet latencies as a lower bound (messages are only ever late), then without.

use std::time::Duration;

use seedbed::choice::{Deviation, Domain, Latency, Script};
use seedbed::kernel::{Due, Timing};

/// Ways to tell an order, to be tried in this order. The second leaves nodes the time to finish synchronous work before
/// they are asked for more: events that find their node busy would come late, and in another order.
pub const ATTEMPTS: [Attempt; 4] = [
    Attempt { keep_latencies: true, tick_ns: 1_000 },
    Attempt { keep_latencies: true, tick_ns: 10_000_000 },
    Attempt { keep_latencies: false, tick_ns: 1_000 },
    Attempt { keep_latencies: false, tick_ns: 1 },
];

/// A way to tell an order.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// No message is faster than it was.
    keep_latencies: bool,
    /// Distance of consecutive events, at least.
    tick_ns: u64,
}

/// The latencies that give the order of these events by time; `None` if there are none.
#[must_use]
pub fn latencies(timings: &[Timing], attempt: Attempt) -> Option<Script> {
    let end = timings.iter().rposition(|timing| timing.chosen).map_or(0, |last| last + 1);
    let timings = &timings[..end];
    let instants = instants(timings, attempt)?;
    let mut script = Script::default();
    for (index, timing) in timings.iter().enumerate().filter(|(_, timing)| timing.chosen) {
        let Due::Latency { site, actor, n, base, chosen } = &timing.due else {
            continue;
        };
        let since = timing.parent.map_or(0, |parent| instants[parent]) + nanoseconds(*base);
        let latency = Duration::from_nanos(instants[index].checked_sub(since)?);
        if latency != *chosen {
            script.deviations.push(Deviation {
                site: site.clone(),
                actor: actor.clone(),
                n: *n,
                value: ANY_LATENCY.words(&latency),
                step: 0,
            });
        }
    }
    Some(script)
}

/// Only for its notation.
const ANY_LATENCY: Latency = Latency { quiet: Duration::ZERO, max: Duration::MAX };

/// The earliest instants that satisfy everything.
fn instants(timings: &[Timing], attempt: Attempt) -> Option<Vec<u64>> {
    let mut at: Vec<u64> = timings.iter().map(|timing| if timing.chosen { 0 } else { timing.at.as_nanos() }).collect();
    // What happened by time keeps its instant. Each round settles at least one event, if all can be settled.
    for _ in 0..=timings.len() {
        let before = at.clone();
        for (index, timing) in timings.iter().enumerate().filter(|(_, timing)| timing.chosen) {
            let since = timing.parent.map_or(0, |parent| at[parent]);
            let tick = if timing.due == Due::Soon { 0 } else { attempt.tick_ns };
            let after_previous = index.checked_sub(1).map_or(0, |previous| at[previous] + tick);
            let (earliest, exactly) = match &timing.due {
                Due::After(delay) => (nanoseconds(*delay), true),
                Due::Soon => (0, true),
                Due::Latency { base, chosen, .. } if attempt.keep_latencies => {
                    (nanoseconds(*base) + nanoseconds(*chosen), false)
                }
                Due::Latency { base, .. } => (nanoseconds(*base), false),
            };
            at[index] = at[index].max(after_previous).max(since.checked_add(earliest)?);
            if exactly && at[index] > since + earliest {
                // A timer cannot wait: what set it happens later instead.
                let parent = timing.parent.filter(|parent| timings[*parent].chosen)?;
                at[parent] = at[index] - earliest;
            }
        }
        if at == before {
            return Some(at);
        }
    }
    None
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
