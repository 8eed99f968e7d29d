//! The checks on the running server: they flag the historical servers and stay silent on the corrected one, over
//! random commands of a few sides in two apps, with losses, long pauses, restarts and ticks in between.

use serde_json::json;

use super::bench::{Bench, Client};
use crate::check::Outcome;
use crate::flows::mailbox::invariants::{memory, rows, time, usage};
use crate::flows::mailbox::model::{Created, TickRecord};
use crate::flows::mailbox::variants::{CORRECT, RELEASE_0_3_1, RELEASE_0_8_0, Rules};

/// A small generator, good enough to shuffle commands.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len() as u64) as usize]
    }
}

/// Everything that can be checked between two commands without history, and the accounts.
fn violations(bench: &Bench, created: &mut Created) -> Vec<String> {
    let server = bench.server.borrow();
    server.take_effects().iter().for_each(|effect| created.count(effect));
    let (view, committed) = (server.view(), bench.rows());
    let outcomes = [
        rows::no_open_transaction(server.open_transactions()),
        rows::references_hold(&committed),
        rows::mailbox_has_a_side(&committed),
        rows::nameplate_has_a_side(&committed),
        rows::names_and_sides_are_unique(&committed),
        rows::message_has_its_mailbox(&committed),
        rows::nameplate_stays_in_its_app(&committed),
        rows::mailbox_has_an_open_side(&committed),
        rows::nameplate_has_a_claim(&committed),
        rows::claimer_is_in_the_mailbox(&committed),
        memory::bound_app_is_registered(&view),
        memory::listener_on_a_registered_mailbox(&view, &committed),
        memory::lost_connection_does_not_listen(&view, &[]),
        memory::mailbox_object_has_a_row(&view, &committed),
        memory::listening_side_is_open(&view, &committed),
        usage::one_usage_row_each(created, &committed, &bench.usage()),
        usage::usage_times_make_sense(&bench.usage(), None),
    ];
    let violated = outcomes.into_iter().filter_map(|outcome| match outcome {
        Outcome::Violated(violation) => Some(violation.cause),
        Outcome::Idle | Outcome::Held => None,
    });
    violated.collect()
}

fn act(bench: &Bench, clients: &mut Vec<Client>, dice: &mut Dice, found: &mut Vec<String>) {
    if dice.roll(40) == 0 {
        clients.clear();
        bench.crash();
    }
    if clients.len() < 4 {
        clients.push(bench.bound_to(dice.pick(&["app", "app", "other"]), dice.pick(&["a", "b", "c"])));
    }
    let who = dice.roll(clients.len() as u64) as usize;
    let (name, mailbox) = (dice.pick(&["1", "2"]), dice.pick(&["m", "n"]).to_owned());
    let rows = bench.rows();
    let mailbox = match rows.nameplates.as_slice() {
        [] => mailbox,
        _ if dice.roll(3) == 0 => mailbox,
        nameplates => nameplates[dice.roll(nameplates.len() as u64) as usize].mailbox.clone(),
    };
    let command = match dice.roll(10) {
        0 => json!({ "type": "allocate" }),
        1 => json!({ "type": "claim", "nameplate": name }),
        2 => json!({ "type": "release", "nameplate": name }),
        3 | 4 => json!({ "type": "open", "mailbox": mailbox }),
        5 | 6 => json!({ "type": "add", "phase": "p", "body": "x" }),
        7 => json!({ "type": "close", "mailbox": mailbox }),
        8 => {
            clients.remove(who).connection.on_lost();
            return;
        }
        _ => {
            bench.later(dice.roll(800) as f64);
            let mut tick = TickRecord { at: bench.clock.now.get(), before: bench.rows(), ..TickRecord::default() };
            let view = bench.server.borrow().view();
            tick.listened =
                view.connections.iter().filter(|c| !c.lost).filter_map(|c| Some(c.listening.clone()?.0)).collect();
            tick.errors = bench.tick().prune_errors.len();
            tick.after = bench.rows();
            tick.status = Some(bench.usage().current[0].connections);
            let listening = tick.listened.len();
            for outcome in [
                time::tick_spares_the_living(&tick),
                time::faulty_mailbox_is_isolated(&tick),
                memory::status_counts_listeners(&tick, listening),
            ] {
                if let Outcome::Violated(violation) = outcome {
                    found.push(violation.cause);
                }
            }
            return;
        }
    };
    match clients[who].ask(command) {
        Err(raised) => {
            found.push(format!("dropped a client with {}", raised.name));
            clients.remove(who).connection.on_lost();
        }
        Ok(frames) if frames.iter().any(|frame| frame["type"] == "error") => {
            if let Outcome::Violated(violation) = time::refusal_changes_nothing(&rows, &bench.rows()) {
                found.push(violation.cause);
            }
        }
        Ok(_) => {}
    }
}

/// The causes found in two hundred random commands.
fn walk(rules: &'static Rules, seed: u64) -> Vec<String> {
    let (bench, mut dice) = (Bench::new(rules), Dice(seed));
    let (mut clients, mut created, mut found) = (Vec::new(), Created::default(), Vec::new());
    for _ in 0..200 {
        act(&bench, &mut clients, &mut dice, &mut found);
        found.extend(violations(&bench, &mut created));
    }
    found.sort();
    found.dedup();
    found
}

/// Claim: over random commands the corrected server breaks none of these promises.
#[test]
fn correct_keeps_its_promises() {
    for seed in 0..12 {
        assert_eq!(walk(&CORRECT, seed), Vec::<String>::new(), "seed {seed}");
    }
}

/// Claim: the same walks flag the historical servers, each with what it is known for.
#[test]
fn historical_servers_are_flagged() {
    let found = |rules| -> Vec<String> {
        (0..12).flat_map(|seed| walk(rules, seed)).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    };
    let has = |found: &[String], cause: &str| assert!(found.iter().any(|c| c == cause), "{cause}: {found:?}");
    // The timer of 0.3.1 would be dead after its first exception; here it is called on.
    let old = found(&RELEASE_0_3_1);
    for cause in [
        "dropped a client with IntegrityError",
        "channel transaction left open",
        "mailbox without sides",
        "other mailboxes left behind with a faulty one",
        "refused command refreshes a mailbox",
        "mailbox object without a row",
    ] {
        has(&old, cause);
    }
    let new = found(&RELEASE_0_8_0);
    for cause in [
        "dropped a client with IntegrityError",
        "channel transaction left open",
        "other mailboxes left behind with a faulty one",
        "nameplate without sides",
        "nameplate without a usage row",
        "orphan message",
        "bound to a forgotten app object",
        "tick deletes a mailbox with a listener",
        "status row miscounts listeners",
    ] {
        has(&new, cause);
    }
}
