//! Choices are keyed: a fault in one place moves no choice elsewhere.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What was chosen, by site, actor and n.
type Chosen = BTreeMap<(String, String, u64), String>;

/// Three pairs of nodes talk, each of them its own number of messages; answers what was offered and chosen.
fn talk(toy: &mut Toy, messages: usize) -> Chosen {
    toy.sim().with_choices(|choices| choices.log_offers(true));
    for pair in 0..3 {
        let server = format!("server{pair}");
        toy.node(&server, |node, _| async move {
            let messages = Messages::new(accept(&node).await);
            while let Ok(message) = messages.recv().await {
                if messages.send(&message).is_err() {
                    return;
                }
            }
        });
        toy.node(&format!("client{pair}"), move |node, _| {
            let server = server.clone();
            async move {
                // Without a fault an attempt may still be refused: the server starts at the same instant.
                let Ok(stream) = node.net().connect(&server, "port").await else {
                    return;
                };
                let connection = Messages::new(stream);
                for number in 0..messages {
                    // It goes on whatever comes: its n-th write is its n-th write.
                    let _ = connection.send(&[number as u8; 12]);
                    node.sleep(Duration::from_millis(700)).await;
                }
            }
        });
    }
    toy.run_to(600_000);
    toy.sim().with_choices(|choices| {
        let offers = choices.take_offers();
        let keyed = offers.into_iter().map(|offer| ((offer.site, offer.actor, offer.n), offer.chosen));
        keyed.collect()
    })
}

fn faulty() -> Settings {
    let mut settings = Settings::default();
    for site in ["net/stall", "net/partial-write", "net/duplicate", "net/reorder", "net/partition"] {
        settings = rated(settings, site, 100_000);
    }
    rated(settings, "net/half-open", 500_000)
}

/// Choices that are a fact about the write itself, not about what the network was like then.
fn is_of_a_write(site: &str) -> bool {
    ["net/latency", "net/stall", "net/partial-write", "net/cut", "net/partition"].contains(&site)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Forcing a cut on one link moves nothing on another link, and no latency of a later write on the same one.
    #[test]
    fn a_cut_moves_nothing_else(seed: u64, at in 0_u64..6, cut in proptest::sample::select(vec!["before delivery", "before the reply", "after the reply"])) {
        let calm = talk(&mut Toy::drawn(seed, &faulty()), 8);
        let mut settings = faulty();
        settings.sites.insert("net/cut".to_owned(), SiteSetting {
            pin: Some(cut.to_owned()),
            actors: vec!["client0->server0".to_owned()],
            rate: Some(Rate::per_million(150_000 * (at as u32 + 1))),
            max: Some(1),
        });
        let stormy = talk(&mut Toy::drawn(seed, &settings), 8);
        for (key, chosen) in &calm {
            let (site, actor, _) = key;
            let same_link = actor.contains("client0");
            if !same_link {
                prop_assert_eq!(stormy.get(key), Some(chosen), "{:?}", key);
            } else if actor == "client0->server0" && is_of_a_write(site) && site != "net/cut" {
                // After the end there are no more offers that could be answered; those that there are agree.
                if let Some(other) = stormy.get(key) {
                    prop_assert_eq!(other, chosen, "{:?}", key);
                }
            }
        }
    }

    /// Neither does splitting messages.
    #[test]
    fn splitting_a_message_moves_nothing_else(seed: u64, n in 0_u64..8) {
        let mut settings = rated(faulty(), "net/partial-write", 0);
        let before = talk(&mut Toy::drawn(seed, &settings), 8);
        settings.sites.insert("net/partial-write".to_owned(), SiteSetting {
            pin: Some("5 bytes".to_owned()),
            actors: vec!["client1->server1".to_owned()],
            rate: Some(Rate::ALWAYS),
            max: Some(n + 1),
        });
        let after = talk(&mut Toy::drawn(seed, &settings), 8);
        for (key, chosen) in &before {
            let (site, actor, _) = key;
            // How and when a connection ends is no write: it depends on what was read before.
            let is_of_the_end = actor.contains("client1") && actor.ends_with("/end");
            if is_of_the_end
                || site == "net/partial-write" || (actor.contains("client1") && !is_of_a_write(site)) || actor == "server1->client1" {
                continue;
            }
            prop_assert_eq!(after.get(key), Some(chosen), "{:?}", key);
        }
    }

    /// Over a script: taking one deviation out leaves the value of every other offer of a write that is still made.
    #[test]
    fn taking_one_deviation_out(seed: u64, which in any::<proptest::sample::Index>()) {
        let mut toy = Toy::drawn(seed, &faulty());
        talk(&mut toy, 6);
        let script = toy.sim().with_choices(|choices| choices.script());
        let replay = |script: &Script| {
            let mut toy = Toy::new(Choices::new(Seed(0), Mode::Replay, script, &Settings::default()));
            talk(&mut toy, 6)
        };
        let whole = replay(&script);
        let mut less = script.clone();
        let out = less.deviations.remove(which.index(less.deviations.len()));
        let rest = replay(&less);
        for (key, chosen) in &rest {
            let (site, actor, n) = key;
            // How and when a connection ends is no write: it depends on what was read before.
            let is_of_the_end = actor.ends_with("/end");
            if is_of_a_write(site) && !is_of_the_end && !(*site == out.site && *actor == out.actor && *n == out.n) {
                prop_assert_eq!(whole.get(key), Some(chosen), "{:?} without {:?}", key, out);
            }
        }
    }
}
