//! Seedbed beside its peers, in one run: what counts are the ratios, since absolute times mean little on a shared machine.
//!
//! `cargo bench -p seedbed-harness` measures four things, each contender in turn, over and over, and prints medians:
//! messages delivered over the simulated network with random latency; whole runs of a small world (5 nodes, about 200
//! deliveries, one crash); writes, syncs and power cuts of the disk; and seeds per second of the flows that come with
//! Seedbed, below what SQLite alone would take for the mailbox's statements. `-- --rounds N` sets how often;
//! `-- --only NAME` leaves the contenders of other names out, for a profiler.

mod bare;
mod disk;
#[cfg(madsim)]
mod on_madsim;
mod on_seedbed;
mod on_turmoil;
mod sqlite_alone;

use std::time::Instant;

/// Something to be measured: does `amount` units of work once.
struct Contender {
    name: &'static str,
    amount: u64,
    work: Box<dyn FnMut(u64)>,
}

/// Units per second of each contender: medians over rounds in which each had its turn.
fn medians(contenders: &mut [Contender], rounds: usize) -> Vec<f64> {
    let mut rates = vec![Vec::new(); contenders.len()];
    for round in 0..=rounds {
        for (contender, rates) in contenders.iter_mut().zip(&mut rates) {
            let started = Instant::now();
            (contender.work)(contender.amount);
            let seconds = started.elapsed().as_secs_f64();
            // The first round warms up.
            if round > 0 {
                rates.push(contender.amount as f64 / seconds);
            }
        }
    }
    let median = |mut rates: Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    rates.into_iter().map(median).collect()
}

fn report(title: &str, unit: &str, mut contenders: Vec<Contender>, subject: &str, rounds: usize) {
    if let Some(only) = argument("--only") {
        contenders.retain(|contender| contender.name == only);
    }
    let medians = medians(&mut contenders, rounds);
    let own = contenders.iter().position(|contender| contender.name == subject);
    let own = own.map_or(f64::NAN, |index| medians[index]);
    println!("\n{title} ({unit} per second, median of {rounds} rounds)");
    for (contender, median) in contenders.iter().zip(&medians) {
        let ns = 1e9 / median;
        println!("  {:<34} {median:>14.0} {ns:>12.1} ns each   seedbed/this {:>7.3}", contender.name, own / median);
    }
}

/// The word after an option.
fn argument(option: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != option).nth(1)
}

fn main() {
    let rounds = argument("--rounds").and_then(|rounds| rounds.parse().ok()).unwrap_or(7);
    seedbed::kernel::quiet_panics();
    let messages = 300_000;
    let mut contenders = vec![
        Contender { name: "seedbed", amount: messages, work: Box::new(|count| on_seedbed::ping_pong(count, false)) },
        Contender {
            name: "seedbed, trace kept",
            amount: messages,
            work: Box::new(|count| on_seedbed::ping_pong(count, true)),
        },
        Contender { name: "bare heap loop", amount: 3_000_000, work: Box::new(bare::ping_pong) },
        Contender { name: "turmoil", amount: 10_000, work: Box::new(on_turmoil::ping_pong) },
    ];
    #[cfg(madsim)]
    contenders.push(Contender { name: "madsim endpoint", amount: 100_000, work: Box::new(on_madsim::ping_pong) });
    report("Messages", "messages", contenders, "seedbed", rounds);

    let mut contenders = vec![
        Contender { name: "seedbed", amount: 2_000, work: Box::new(on_seedbed::short_runs) },
        Contender { name: "turmoil", amount: 50, work: Box::new(on_turmoil::short_runs) },
    ];
    #[cfg(madsim)]
    contenders.push(Contender { name: "madsim", amount: 500, work: Box::new(on_madsim::short_runs) });
    report("Short runs: 5 nodes, 200 deliveries, one crash", "runs", contenders, "seedbed", rounds);

    let contenders = vec![
        Contender { name: "seedbed", amount: 300_000, work: Box::new(disk::writes) },
        Contender { name: "bare copies", amount: 3_000_000, work: Box::new(disk::bare_copies) },
    ];
    report("Disk: writes of 512 bytes, each eighth synced", "writes", contenders, "seedbed", rounds);

    let contenders = vec![
        Contender { name: "seedbed", amount: 20_000, work: Box::new(disk::cuts(64 << 10)) },
        Contender { name: "a file 256 times as large", amount: 20_000, work: Box::new(disk::cuts(16 << 20)) },
    ];
    report("Disk: power cuts after one changed page of 64 KiB", "cuts", contenders, "seedbed", rounds);

    let floor = vec![Contender { name: "the mailbox's share", amount: 100, work: Box::new(sqlite_alone::runs) }];
    report("SQLite alone, in memory: what a run of the mailbox server asks of it", "runs", floor, "", rounds);
    on_seedbed::flows(rounds);
}
