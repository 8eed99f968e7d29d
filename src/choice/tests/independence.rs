//! Nothing that happens elsewhere moves a choice.

use super::*;

proptest! {
    /// Extra operations anywhere (at other sites, by other actors, more of the same later) leave every
    /// choice that was there before as it was.
    #[test]
    fn extra_operations_move_nothing(seed: u64, ops in program(), extra in proptest::collection::vec((op(), any::<prop::sample::Index>()), 0..40)) {
        let before = Runner::search(seed, &ops);
        let mut more = ops;
        for (op, at) in extra {
            // In front of an operation of the same stream it would take that one's n, which is another
            // choice's name; what the extra one does there must then be the same kind of thing.
            let op = Op { what: What::Choose, ..op };
            let at = at.index(more.len() + 1);
            if more[at..].iter().all(|later| (later.site, later.actor) != (op.site, op.actor)) {
                more.insert(at, op);
            }
        }
        let after = Runner::search(seed, &more);
        for (place, answer) in &before.answers {
            prop_assert_eq!(&after.answers[place], answer, "{:?}", place);
        }
    }

    /// A site and an actor that nobody had asked for before change nothing, wherever they come first.
    #[test]
    fn an_extra_site_and_actor_move_nothing(seed: u64, ops in program(), at: prop::sample::Index) {
        static STRANGER: Site = Site::value("test/stranger", "Not there before.");
        let before = Runner::search(seed, &ops);
        let (early, late) = ops.split_at(at.index(ops.len() + 1));
        let mut after = Runner::search(seed, early);
        for site in [&STRANGER, &CUT, &NEXT] {
            let s = after.choices.stream(site, "newcomer");
            after.choices.choose(s, &Word);
            after.choices.pick(s, &CANDIDATES);
            after.choices.word(s);
        }
        let after = after.run(late);
        prop_assert_eq!(after.answers, before.answers);
    }

    /// A further candidate changes only the picks that it wins; which of two orders the set comes in
    /// changes nothing but the quiet answer.
    #[test]
    fn an_extra_candidate_changes_what_it_wins(seed: u64) {
        let mut small = Choices::new(Seed(seed), Mode::Search, &Script::default(), &Settings::default());
        let mut large = Choices::new(Seed(seed), Mode::Search, &Script::default(), &Settings::default());
        let (s, l) = (small.stream(&NEXT, "loop"), large.stream(&NEXT, "loop"));
        let with_one_more = ["ada", "eve", "dot", "ben", "cy"];
        let mut won = 0;
        for _ in 0..100 {
            let before = CANDIDATES[small.pick(s, &CANDIDATES)];
            let after = with_one_more[large.pick(l, &with_one_more)];
            prop_assert!(after == before || after == "eve", "{} became {}", before, after);
            won += u32::from(after == "eve");
        }
        prop_assert!(won < 40, "a fifth of half of the picks, not {}", won);
    }

    /// Quiet phases, other modes and offers that are off count like any other: afterwards every choice is
    /// what it would have been.
    #[test]
    fn n_advances_in_quiet_phases(seed: u64, ops in program(), from: prop::sample::Index, to: prop::sample::Index) {
        let (from, to) = (from.index(ops.len() + 1), to.index(ops.len() + 1));
        let (from, to) = (from.min(to), from.max(to));
        let always = Runner::search(seed, &ops);
        let mut phases = Runner::search(seed, &ops[..from]);
        phases.choices.arm(false);
        let deviations = phases.choices.script().len();
        let known = phases.answers.clone();
        let mut phases = phases.run(&ops[from..to]);
        for (place, answer) in &phases.answers {
            let said_by_choice = answer == Runner::quiet_answer(place.0);
            let raw = ops.iter().any(|op| op.what != What::Choose && SITES[op.site].label == place.0);
            prop_assert!(known.contains_key(place) || said_by_choice || raw || place.0 == ORDER.label);
        }
        let new = phases.choices.script().deviations.split_off(deviations);
        prop_assert!(new.iter().all(|deviation| deviation.site == ORDER.label));
        phases.choices.arm(true);
        let resumed: Vec<Place> = phases.answers.keys().cloned().collect();
        let phases = phases.run(&ops[to..]);
        for (place, answer) in &phases.answers {
            prop_assert!(resumed.contains(place) || *answer == always.answers[place]);
        }
    }

    /// Keeping a list of offers changes neither answers nor counts, and the list has what was answered.
    #[test]
    fn logging_changes_nothing(seed: u64, ops in program()) {
        let silent = Runner::search(seed, &ops);
        let mut logged = Runner::new(seed, Mode::Search, &Script::default(), &busy());
        logged.choices.log_offers(true);
        let logged = logged.run(&ops);
        prop_assert_eq!(&logged.answers, &silent.answers);
        prop_assert_eq!(logged.choices.accounting(), silent.choices.accounting());
        let chosen = ops.iter().filter(|op| op.what == What::Choose).count();
        prop_assert_eq!(logged.choices.offers().len(), chosen);
        for offer in logged.choices.offers() {
            let place = (SITES.iter().find(|site| site.label == offer.site).unwrap().label, offer.actor.clone(), offer.n);
            prop_assert_eq!(&logged.answers[&place], &offer.chosen);
            if let Some(values) = &offer.values {
                prop_assert!(values.contains(&offer.chosen));
                prop_assert_eq!(&values[0], Runner::quiet_answer(&offer.site));
            }
        }
    }
}

/// Latency and schedule sites are quiet at least half of the time under either profile.
#[test]
fn latency_and_schedule_are_mostly_quiet() {
    for profile in [Profile::Quiet, Profile::Swarm] {
        let settings = Settings { profile, ..Settings::default() };
        let (mut deviations, mut offers) = ([0, 0], 0);
        for seed in 0..50 {
            let mut choices = Choices::new(Seed(seed), Mode::Search, &Script::default(), &settings);
            let (link, next) = (choices.stream(&TRANSIT, "a->b"), choices.stream(&NEXT, "loop"));
            for _ in 0..200 {
                offers += 1;
                deviations[0] += u32::from(choices.choose(link, &LINK) != LINK.quiet);
                deviations[1] += u32::from(choices.pick(next, &CANDIDATES) != 0);
            }
        }
        assert!(deviations.iter().all(|count| (500..offers / 2 + 200).contains(count)), "{deviations:?} of {offers}");
    }
}

/// Of two candidates with one name the first is taken, and a single candidate leaves nothing to pick.
#[test]
fn odd_candidates() {
    let settings = Settings { class_rates: [(SiteClass::Schedule, Rate::ALWAYS)].into(), ..Settings::default() };
    let mut choices = Choices::new(Seed(1), Mode::Search, &Script::default(), &settings);
    let s = choices.stream(&NEXT, "loop");
    let picks: Vec<usize> = (0..40).map(|_| choices.pick(s, &["x", "y", "x", "y"])).collect();
    assert!(picks.contains(&0) && picks.contains(&1) && picks.iter().all(|index| *index < 2));
    let before = choices.deviations();
    assert_eq!(choices.pick(s, &["only"]), 0);
    assert_eq!(choices.deviations(), before);
    let count = choices.accounting()[NEXT.label];
    assert_eq!((count.offered, count.armed), (41, 40));
}
