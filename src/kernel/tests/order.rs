//! Dispatch by choice.

use super::*;

fn by_choice(from: Option<&str>, events: &[&str]) -> Toy {
    Toy {
        dispatch: Dispatch::ByChoice {
            from: from.map(str::to_owned),
            events: events.iter().map(|&label| label.to_owned()).collect(),
        },
        ..Toy::default()
    }
}

fn scripted(mut toy: Toy, picks: &[(u64, &str)]) -> Toy {
    toy.mode = Mode::Replay;
    toy.script = picks.iter().map(|(n, words)| deviation("kernel/next-event", "world", *n, words)).collect();
    toy
}

/// An event of a queue, which writes its name and the time in microseconds.
fn send(sim: &Sim, lane: Lane, node: NodeId, label: &'static str, ms: u64, diary: &Diary) {
    let (seen, clock) = (diary.clone(), sim.clone());
    sim.schedule(Schedule {
        at: at(ms),
        lane,
        node,
        label,
        subject: sim.name("x"),
        action: Action::Call(Box::new(move || {
            seen.write(format!("{label}@{}", clock.now().as_nanos() / 1_000));
        })),
    });
}

/// Two queues (a1 a2, b1), a timer; all later than now.
fn scene(toy: &Toy) -> (Sim, Diary) {
    let sim = toy.sim();
    let diary = Diary::default();
    let (a, b) = (sim.lane(), sim.lane());
    send(&sim, a, NodeId::WORLD, "a1", 100, &diary);
    send(&sim, a, NodeId::WORLD, "a2", 200, &diary);
    send(&sim, b, NodeId::WORLD, "b1", 50, &diary);
    send(&sim, Lane::TIMER, NodeId::WORLD, "timer", 150, &diary);
    (sim, diary)
}

/// By time, what is due first goes first.
#[test]
fn by_time() {
    let (sim, diary) = scene(&Toy::default());
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "b1@50000 a1@100000 timer@150000 a2@200000");
}

/// By choice the heads of the queues are enabled at once and each takes 1 µs, in the order of scheduling when quiet; a
/// timer is not enabled before its deadline, which moves the clock when nothing else is left.
#[test]
fn heads_are_enabled_and_the_clock_ticks() {
    let (sim, diary) = scene(&by_choice(None, &[]));
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "a1@1 a2@2 b1@3 timer@150000");
}

/// A timer that is due is a candidate like any other.
#[test]
fn a_due_timer_is_enabled() {
    let toy = scripted(by_choice(None, &[]), &[(0, "late x")]);
    let sim = toy.sim();
    let diary = Diary::default();
    let lane = sim.lane();
    send(&sim, lane, NodeId::WORLD, "a", 9, &diary);
    send(&sim, Lane::TIMER, NodeId::WORLD, "late", 0, &diary);
    send(&sim, Lane::TIMER, NodeId::WORLD, "later", 1, &diary);
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "late@1 a@2 later@1000");
}

/// A deviation names the winner, and never a later event of a queue: FIFO holds. What a search found replays to the
/// same digest, without its seed.
#[test]
fn a_script_of_picks_replays() {
    let (sim, diary) = scene(&scripted(by_choice(None, &[]), &[(0, "b1 x"), (1, "a2 x")]));
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "b1@1 a1@2 a2@3 timer@150000");
    let mut orders = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let mut toy = by_choice(None, &[]);
        toy.seed = seed;
        toy.settings.class_rates.insert(SiteClass::Schedule, Rate::HALF);
        let (sim, diary) = scene(&toy);
        run(&sim);
        let replay =
            Toy { mode: Mode::Replay, script: sim.with_choices(|choices| choices.script()), ..by_choice(None, &[]) };
        let (again, seen) = scene(&replay);
        run(&again);
        assert_eq!(seen.text(), diary.text());
        assert_eq!(again.trace().digest(), sim.trace().digest());
        let place = |name: &str| diary.text().find(name);
        assert!(place("a1@") < place("a2@"), "{}", diary.text());
        orders.insert(diary.text());
    }
    assert_eq!(orders.len(), 3, "{orders:?}");
}

/// Events whose label is not listed go first, in the order of time, and are no choice.
#[test]
fn unlisted_events_go_first() {
    let toy = scripted(by_choice(None, &["a1", "a2"]), &[(0, "b1 x")]);
    let (sim, diary) = scene(&toy);
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "b1@1 a1@2 a2@3 timer@150000");
    let anchoring = sim.with_choices(|choices| choices.anchoring());
    assert_eq!((anchoring.used, anchoring.total), (0, 1));
}

/// Before the mark, and while the choices are not armed, events go by time.
#[test]
fn by_time_until_the_mark_and_outside_the_run_phase() {
    let (sim, diary) = scene(&by_choice(Some("go"), &[]));
    let marked = sim.clone();
    sim.schedule(Schedule {
        at: at(60),
        lane: Lane::TIMER,
        node: NodeId::WORLD,
        label: "mark",
        subject: sim.name("x"),
        action: Action::Call(Box::new(move || marked.pass_mark(NodeId::WORLD, "go"))),
    });
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "b1@50000 a1@60001 a2@60002 timer@150000");

    let (sim, diary) = scene(&by_choice(None, &[]));
    sim.with_choices(|choices| choices.arm(false));
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "b1@50000 a1@100000 timer@150000 a2@200000");
}

/// A turn, and an event that comes before everything else at its instant, are no points of exploration and take no
/// time.
#[test]
fn turns_are_no_choice() {
    let sim = by_choice(None, &[]).sim();
    let diary = Diary::default();
    let seen = diary.clone();
    node(&sim, "n", move |node| {
        let (inner, noted) = (node.clone(), seen.clone());
        node.eventually("turn", move || {
            noted.write(format!("turn@{}", inner.now().as_nanos() / 1_000));
        });
        send(node.sim(), Lane::TIMER, node.id(), "timer", 0, &seen);
        send(node.sim(), Lane::SOON, node.id(), "soon", 0, &seen);
    });
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "turn@0 soon@0 timer@1");
}

/// That a node is busy forbids no order: whichever of its queues is chosen, the clock moves to when it is free. Its timers,
/// and all events of a paused node, are not enabled.
#[test]
fn a_busy_node_is_waited_for_if_it_is_chosen() {
    for (chosen, expected) in [("own x", "own@5000 other@5001 timer@5002"), ("other x", "other@1 own@5000 timer@5001")]
    {
        let toy = scripted(by_choice(None, &[]), &[(0, chosen)]);
        let sim = toy.sim();
        let diary = Diary::default();
        let seen = diary.clone();
        node(&sim, "n", move |node| {
            let lane = node.sim().lane();
            send(node.sim(), lane, node.id(), "own", 1, &seen);
            node.sim().add_debt(node.id(), MS * 5);
            let other = node.sim().lane();
            send(node.sim(), other, NodeId::WORLD, "other", 9, &seen);
            send(node.sim(), Lane::TIMER, node.id(), "timer", 0, &seen);
        });
        let paused = node(&sim, "paused", |node| node.sim().pause(node.id()));
        let lane = sim.lane();
        assert_eq!(run_until(&sim, at(20)), Ended::Quiescent, "{chosen}");
        send(&sim, lane, paused, "never", 1, &diary);
        assert_eq!(run_until(&sim, at(20)), Ended::Deadline, "{chosen}");
        assert_eq!(diary.text(), expected, "{chosen}");
    }
}

/// Two enabled events with the same name have different names in the choice.
#[test]
fn names_of_candidates_are_unique() {
    let toy = scripted(by_choice(None, &[]), &[(0, "a x (2)")]);
    let sim = toy.sim();
    let diary = Diary::default();
    for ms in [1, 2] {
        let seen = diary.clone();
        sim.schedule(Schedule {
            at: at(ms),
            lane: sim.lane(),
            node: NodeId::WORLD,
            label: "a",
            subject: sim.name("x"),
            action: Action::Call(Box::new(move || seen.write(format!("due {ms}")))),
        });
    }
    run(&sim);
    assert_eq!(diary.read(), ["due 2", "due 1"]);
}
