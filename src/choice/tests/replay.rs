//! A script is all that a replay needs, and it says what it could not use.

use super::*;

/// A search over one fault that fires at every offer.
fn fifteen_cuts() -> Script {
    let settings =
        Settings { sites: [(CUT.label.into(), SiteSetting::rate(Rate::ALWAYS))].into(), ..Settings::default() };
    let mut choices = Choices::new(Seed(5), Mode::Search, &Script::default(), &settings);
    let s = choices.stream(&CUT, "client");
    (0..15).for_each(|_| assert!(choices.choose(s, &Coin)));
    choices.script()
}

fn replaying(script: &Script) -> Choices {
    Choices::new(Seed(0), Mode::Replay, script, &Settings::default())
}

proptest! {
    /// What a search recorded replays to the same answers everywhere, without seed and settings, with
    /// every deviation in its place and in whatever order they are listed; the replay records the same script.
    #[test]
    fn replay_is_identical(seed: u64, ops in program(), quiet_from: prop::sample::Index) {
        let at = quiet_from.index(ops.len() + 1);
        let mut search = Runner::search(seed, &ops[..at]);
        search.choices.arm(false);
        let search = search.run(&ops[at..]);
        let script = search.choices.script();
        let mut rearranged = script.clone();
        rearranged.deviations.reverse();
        let mut replay = Runner::replay(&rearranged, &ops[..at]);
        replay.choices.arm(false);
        let replay = replay.run(&ops[at..]);
        prop_assert_eq!(&replay.answers, &search.answers);
        prop_assert_eq!(&replay.choices.script(), &script);
        prop_assert_eq!(replay.choices.anchoring().to_string(), format!("{0} of {0}", script.len()));
        for (label, count) in search.choices.accounting() {
            let replayed = replay.choices.accounting()[label];
            prop_assert_eq!(replayed.offered, count.offered);
            prop_assert_eq!(replayed.fired, count.fired);
            prop_assert_eq!(replayed.armed, count.fired, "armed are the places that the script names");
            prop_assert_eq!(replayed.ineligible, count.ineligible);
        }
    }

    /// Until the step a mixed run is the replay, from it on the search.
    #[test]
    fn mixed_is_replay_then_search(seed: u64, other: u64, ops in program(), until: prop::sample::Index) {
        let until = until.index(ops.len() + 1);
        let script = Runner::search(other, &ops).choices.script();
        let replay = Runner::replay(&script, &ops);
        let search = Runner::search(seed, &ops);
        let mixed = Runner::new(seed, Mode::Mixed { until_step: until as u64 }, &script, &busy()).run(&ops[..until]);
        let early: Vec<Place> = mixed.answers.keys().cloned().collect();
        let mixed = mixed.run(&ops[until..]);
        for (place, answer) in &mixed.answers {
            let expected = if early.contains(place) { &replay } else { &search };
            prop_assert_eq!(answer, &expected.answers[place], "{:?}", place);
        }
        let scripted = script.iter().filter(|deviation| deviation.step < until as u64).count();
        prop_assert_eq!(mixed.choices.anchoring().used, scripted);
        // What it took replays on its own.
        let taken = mixed.choices.script();
        prop_assert_eq!(&Runner::replay(&taken, &ops).answers, &mixed.answers);
    }

    /// Without one of its deviations a script replays to the same answers but for that one.
    #[test]
    fn removing_a_deviation_changes_one_answer(seed: u64, ops in program(), which: prop::sample::Index) {
        let search = Runner::search(seed, &ops);
        let script = search.choices.script();
        prop_assume!(!script.is_empty());
        let which = which.index(script.len());
        let mut replay = Runner::replay(&script.without(which), &ops);
        let gone = &script.deviations[which];
        let label = SITES.iter().find(|site| site.label == gone.site).unwrap().label;
        let answer = replay.answers.insert((label, gone.actor.clone(), gone.n), gone.value.clone());
        prop_assert_eq!(answer.as_deref(), Some(Runner::quiet_answer(label)));
        prop_assert_eq!(replay.answers, search.answers);
    }
}

/// A site that was added since changes nothing for the script: all of it finds its place.
#[test]
fn an_added_site_keeps_everything_anchored() {
    let mut choices = replaying(&fifteen_cuts());
    let (s, added) = (choices.stream(&CUT, "client"), choices.stream(&SHORT, "client"));
    for _ in 0..15 {
        assert_eq!(choices.choose(added, &UpTo { quiet: 9, max: 8 }), 9);
        assert!(choices.choose(s, &Coin));
    }
    assert_eq!(choices.anchoring(), Anchoring { used: 15, total: 15, unused: vec![] });
}

/// A place that is not reached any more is reported, with what should have happened there.
#[test]
fn a_lost_place_is_reported() {
    let script = fifteen_cuts();
    let mut choices = replaying(&script);
    let s = choices.stream(&CUT, "client");
    (0..14).for_each(|_| assert!(choices.choose(s, &Coin)));
    let anchoring = choices.anchoring();
    assert_eq!(anchoring.to_string(), "14 of 15");
    assert_eq!(anchoring.unused, script.deviations[14..]);
}

/// A value that left the domain, a winner that is no candidate, a place in a quiet phase, an ineligible
/// offer, a raw word and a second entry for one place: quiet, and not anchored. What follows is unharmed.
#[test]
fn what_cannot_be_taken_is_not_anchored() {
    let entry = |site: &Site, n, value: &str| Deviation {
        site: site.label.into(),
        actor: "client".into(),
        n,
        value: value.into(),
        step: 0,
    };
    let script: Script = [
        entry(&CUT, 0, "maybe"),
        entry(&CUT, 1, "yes"),
        entry(&CUT, 2, "yes"),
        entry(&CUT, 3, "yes"),
        entry(&CUT, 4, "yes"),
        entry(&CUT, 4, "yes"),
        entry(&NEXT, 0, "zoe"),
        entry(&NEXT, 1, "cy"),
    ]
    .into_iter()
    .collect();
    let mut choices = replaying(&script);
    let (cut, next) = (choices.stream(&CUT, "client"), choices.stream(&NEXT, "client"));
    assert!(!choices.choose(cut, &Coin));
    choices.arm(false);
    assert!(!choices.choose(cut, &Coin));
    choices.arm(true);
    choices.ineligible(cut);
    choices.word(cut);
    assert!(choices.choose(cut, &Coin));
    assert_eq!(choices.pick(next, &CANDIDATES), 0);
    assert_eq!(choices.pick(next, &CANDIDATES), 2);
    let anchoring = choices.anchoring();
    assert_eq!(anchoring.to_string(), "2 of 8");
    let unused: Vec<u64> = anchoring.unused.iter().map(|deviation| deviation.n).collect();
    assert_eq!(unused, [0, 1, 2, 3, 4, 0]);
    assert_eq!(choices.deviations(), 2);
}

/// A scripted quiet value is taken, and is no deviation.
#[test]
fn a_scripted_quiet_value_is_anchored() {
    let script: Script = fifteen_cuts().with_value(0, "no").deviations.drain(..1).collect();
    let mut choices = replaying(&script);
    let s = choices.stream(&CUT, "client");
    assert!(!choices.choose(s, &Coin));
    assert_eq!((choices.anchoring().used, choices.deviations()), (1, 0));
}

/// A renamed site keeps its seeds, and scripts and settings under any of its names.
#[test]
fn aliases() {
    static OLD: Site = Site::fault("test/old", "", Rate::HALF, Rate::HALF);
    static NEW: Site = Site::fault("test/new", "", Rate::HALF, Rate::HALF).with_aliases(&["test/old", "test/mid"]);
    let run = |site: &'static Site, mode, script: &Script, name: &str| {
        let settings = Settings { sites: [(name.into(), SiteSetting::rate(Rate::HALF))].into(), ..Settings::default() };
        let mut choices = Choices::new(Seed(3), mode, script, &settings);
        let s = choices.stream(site, "client");
        let answers: Vec<bool> = (0..64).map(|_| choices.choose(s, &Coin)).collect();
        (answers, choices.script(), choices.anchoring().unused.len())
    };
    let none = Script::default();
    let (answers, script, _) = run(&OLD, Mode::Search, &none, "test/old");
    for name in ["test/old", "test/mid", "test/new"] {
        let (renamed, recorded, _) = run(&NEW, Mode::Search, &none, name);
        assert_eq!(renamed, answers);
        assert!(recorded.iter().all(|deviation| deviation.site == "test/new"));
        let mut script = script.clone();
        script.deviations.iter_mut().for_each(|deviation| deviation.site = name.into());
        let (replayed, _, unused) = run(&NEW, Mode::Replay, &script, name);
        assert_eq!((replayed, unused), (answers.clone(), 0));
    }
    assert!(answers.contains(&true) && answers.contains(&false));
}
