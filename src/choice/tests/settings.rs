//! Profiles, rates, doses, pins, and what is counted.

use super::*;

fn with(label: &str, setting: SiteSetting) -> Settings {
    Settings { sites: [(label.into(), setting)].into(), ..Settings::default() }
}

fn search(seed: u64, settings: &Settings) -> Choices {
    Choices::new(Seed(seed), Mode::Search, &Script::default(), settings)
}

/// How many of 1,000 offers to one actor are deviations.
fn fired(settings: &Settings, site: &'static Site, seed: u64) -> u64 {
    let mut choices = search(seed, settings);
    let s = choices.stream(site, "client");
    (0..1_000).for_each(|_| {
        choices.choose(s, &Coin);
    });
    choices.fired(site.label)
}

/// The quiet profile has no faults and no re-entry, but draws orders, durations and values.
#[test]
fn quiet_profile() {
    let settings = Settings::default();
    let counts = SITES.map(|site| fired(&settings, site, 1));
    assert_eq!((counts[0], counts[1], counts[4]), (0, 0, 0));
    assert!((400..600).contains(&counts[2]) && (400..600).contains(&counts[3]), "{counts:?}");
    assert_eq!(counts[5], 1_000);
}

/// In a swarm about half of the runs have a given fault, at rates that differ and stay within its bounds;
/// two faults are there or not independently.
#[test]
fn swarm_profile() {
    let settings = Settings { profile: Profile::Swarm, ..Settings::default() };
    let mut seen = BTreeMap::new();
    for seed in 0..400 {
        let counts = [fired(&settings, &CUT, seed), fired(&settings, &SHORT, seed)];
        *seen.entry(counts.map(|count| count > 0)).or_insert(0_u32) += 1;
        let resolved = settings.resolve(&CUT, Seed(seed)).rate;
        assert!(resolved == Rate::NEVER || (CUT.default_rate..=CUT.cap_rate).contains(&resolved));
        assert_eq!(resolved == Rate::NEVER, counts[0] == 0);
        let latency = settings.resolve(&TRANSIT, Seed(seed)).rate;
        assert!((TRANSIT.default_rate..=Rate::HALF).contains(&latency));
    }
    assert_eq!(seen.len(), 4);
    assert!(seen.values().all(|runs| (70..130).contains(runs)), "{seen:?}");
}

/// What is more specific wins: site before class before profile. A named fault without a rate is on.
#[test]
fn precedence() {
    let mut settings = with(CUT.label, SiteSetting::default());
    settings.class_rates.insert(SiteClass::Latency, Rate::NEVER);
    settings.class_rates.insert(SiteClass::Value, Rate::NEVER);
    settings.sites.insert(ORDER.label.into(), SiteSetting::rate(Rate::ALWAYS));
    let rate = |site: &Site| settings.resolve(site, Seed(1)).rate;
    assert_eq!(rate(&CUT), CUT.default_rate);
    assert_eq!(rate(&SHORT), Rate::NEVER);
    assert_eq!(rate(&TRANSIT), Rate::NEVER);
    assert_eq!(rate(&ORDER), Rate::ALWAYS);
    settings.profile = Profile::Swarm;
    settings.class_rates.insert(SiteClass::Fault, Rate::HALF);
    assert_eq!(settings.resolve(&SHORT, Seed(1)).rate, Rate::HALF);
}

/// A higher rate adds deviations and moves none.
#[test]
fn rates_are_monotonic() {
    let at = |rate| {
        let mut choices = search(9, &with(SHORT.label, SiteSetting::rate(rate)));
        let s = choices.stream(&SHORT, "client");
        (0..500).for_each(|_| {
            choices.choose(s, &UpTo { quiet: 9_000, max: 8_999 });
        });
        choices.script().deviations
    };
    let (few, many, all) = (at(Rate::per_million(50_000)), at(Rate::HALF), at(Rate::ALWAYS));
    assert!(!few.is_empty() && few.len() < many.len() && many.len() < all.len());
    assert!(few.iter().all(|deviation| many.contains(deviation)));
    assert!(many.iter().all(|deviation| all.contains(deviation)));
}

/// A dose bounds the deviations of a run over all actors; n goes on.
#[test]
fn dose() {
    let settings = with(CUT.label, SiteSetting { max: Some(3), ..SiteSetting::rate(Rate::ALWAYS) });
    let mut choices = search(1, &settings);
    let (a, b) = (choices.stream(&CUT, "a"), choices.stream(&CUT, "b"));
    let fired: Vec<bool> = [a, b, a, b, a].map(|s| choices.choose(s, &Coin)).into();
    assert_eq!(fired, [true, true, true, false, false]);
    let late = choices.stream(&CUT, "late");
    assert!(!choices.choose(late, &Coin));
    let count = choices.accounting()[CUT.label];
    assert_eq!((count.offered, count.armed, count.fired), (6, 3, 3));
    let none = with(CUT.label, SiteSetting { max: Some(0), ..SiteSetting::rate(Rate::ALWAYS) });
    assert_eq!(self::fired(&none, &CUT, 1), 0);
}

/// A swarm gives the rarest faults a dose of 0 to 3, mostly 0; a rate that is written down lifts it.
#[test]
fn drawn_dose() {
    static ROT: Site = Site::fault("test/rot", "", Rate::HALF, Rate::HALF).with_dose();
    let settings = Settings { profile: Profile::Swarm, ..Settings::default() };
    let mut runs = [0_u32; 4];
    (0..1_000).for_each(|seed| runs[settings.resolve(&ROT, Seed(seed)).max.unwrap() as usize] += 1);
    let expected = [600_u32, 250, 100, 50];
    assert!(runs.iter().zip(expected).all(|(runs, expected)| runs.abs_diff(expected) < 60), "{runs:?}");
    assert!((0..50).all(|seed| fired(&settings, &ROT, seed) <= 3));
    let written = Settings { profile: Profile::Swarm, ..with(ROT.label, SiteSetting::rate(Rate::HALF)) };
    assert!(fired(&written, &ROT, 1) > 400);
}

/// Only the actors that are named deviate.
#[test]
fn actors() {
    let setting = SiteSetting { actors: vec!["b".into()], ..SiteSetting::rate(Rate::ALWAYS) };
    let mut choices = search(1, &with(CUT.label, setting));
    let answers = ["a", "b", "c"].map(|actor| {
        let s = choices.stream(&CUT, actor);
        choices.choose(s, &Coin)
    });
    assert_eq!(answers, [false, true, false]);
}

/// A pin decides every offer, as a deviation that a replay without settings repeats; with a rate it decides
/// that share of them.
#[test]
fn pin() {
    let pinned = SiteSetting { pin: Some("late".into()), ..SiteSetting::default() };
    let mut choices = search(1, &with(INSIDE.label, pinned.clone()));
    let s = choices.stream(&INSIDE, "client");
    assert!((0..10).all(|_| choices.choose(s, &HOW) == 2));
    let script = choices.script();
    let mut replay = Choices::new(Seed(0), Mode::Replay, &script, &Settings::default());
    let s = replay.stream(&INSIDE, "client");
    assert!((0..10).all(|_| replay.choose(s, &HOW) == 2));
    assert_eq!(replay.anchoring().used, 10);

    let mut choices = search(1, &with(INSIDE.label, SiteSetting { rate: Some(Rate::HALF), ..pinned }));
    let s = choices.stream(&INSIDE, "client");
    let answers: Vec<u8> = (0..100).map(|_| choices.choose(s, &HOW)).collect();
    assert!(answers.contains(&0) && answers.contains(&2) && !answers.contains(&1));

    let mut choices = search(1, &with(NEXT.label, SiteSetting { pin: Some("dot".into()), ..SiteSetting::default() }));
    let s = choices.stream(&NEXT, "loop");
    assert_eq!((choices.pick(s, &CANDIDATES), choices.pick(s, &["ada", "ben"])), (3, 0));
}

/// A pin that means nothing at its site is quiet there and is named.
#[test]
fn a_pin_outside_the_domain_is_named() {
    let setting = SiteSetting { pin: Some("sideways".into()), ..SiteSetting::default() };
    let mut choices = search(1, &with(INSIDE.label, setting));
    let s = choices.stream(&INSIDE, "client");
    assert_eq!((choices.choose(s, &HOW), choices.choose(s, &HOW)), (0, 0));
    assert_eq!(*choices.rejected_pins(), [(INSIDE.label, "sideways".to_owned())].into());
    assert_eq!(choices.deviations(), 0);
}

/// Each kind of event is counted once, where it belongs.
#[test]
fn accounting() {
    let mut choices = search(1, &with(CUT.label, SiteSetting::rate(Rate::ALWAYS)));
    let (a, b, off) = (choices.stream(&CUT, "a"), choices.stream(&CUT, "b"), choices.stream(&SHORT, "a"));
    choices.choose(a, &Coin);
    choices.choose(b, &Coin);
    choices.ineligible(a);
    choices.observed(b);
    choices.choose(off, &Coin);
    choices.arm(false);
    choices.choose(a, &Coin);
    let counts = choices.accounting();
    assert_eq!(counts[CUT.label], SiteCount { offered: 3, armed: 2, fired: 2, observed: 1, ineligible: 1 });
    assert_eq!(counts[SHORT.label], SiteCount { offered: 1, ..SiteCount::default() });
    assert_eq!((choices.fired(CUT.label), choices.fired("test/unknown")), (2, 0));
}

/// A pick is listed with its candidates even while its site is off, since a script could answer it.
#[test]
fn picks_are_listed_while_off() {
    let mut choices = search(1, &with(NEXT.label, SiteSetting::rate(Rate::NEVER)));
    choices.log_offers(true);
    let s = choices.stream(&NEXT, "loop");
    choices.pick(s, &CANDIDATES);
    choices.pick(s, &["only"]);
    let candidates: Vec<String> = CANDIDATES.map(str::to_owned).into();
    assert_eq!(choices.offers().len(), 1);
    assert_eq!(choices.offers()[0].values.as_ref(), Some(&candidates));
    assert_eq!(choices.accounting()[NEXT.label].armed, 0);
}

/// Offers that no script could have answered are not listed.
#[test]
fn quiet_phases_are_not_listed() {
    let mut choices = search(1, &Settings::default());
    choices.log_offers(true);
    let (cut, order) = (choices.stream(&CUT, "a"), choices.stream(&ORDER, "a"));
    choices.choose(cut, &Coin);
    choices.arm(false);
    choices.choose(cut, &Coin);
    choices.choose(order, &Permutation(2));
    choices.ineligible(cut);
    let listed: Vec<(&str, u64)> = choices.offers().iter().map(|offer| (offer.site.as_str(), offer.n)).collect();
    assert_eq!(listed, [(CUT.label, 0), (ORDER.label, 0)]);
    assert_eq!(choices.offers()[0].values, Some(vec!["no".into(), "yes".into()]));
    assert_eq!(choices.take_offers().len(), 2);
    assert!(choices.offers().is_empty());
}

/// Enumerating starts from what is pinned: seed and rates say nothing, and a script wins over a pin.
#[test]
fn exploring_keeps_pins() {
    let mut settings = Settings::default();
    settings.class_rates.insert(SiteClass::Fault, Rate::ALWAYS);
    let pin = SiteSetting { pin: Some("yes".into()), actors: vec!["a".into()], ..SiteSetting::default() };
    settings.sites.insert(CUT.label.into(), pin);
    let no = Deviation { site: CUT.label.into(), actor: "a".into(), n: 1, value: "no".into(), step: 0 };
    let script = Script { deviations: vec![no] };
    let mut choices = Choices::new(Seed(3), Mode::Explore, &script, &settings);
    let pinned = choices.stream(&CUT, "a");
    let other = choices.stream(&CUT, "b");
    let unpinned = choices.stream(&SHORT, "a");
    let answers: Vec<bool> = (0..3).map(|_| choices.choose(pinned, &Coin)).collect();
    assert_eq!(answers, [true, false, true]);
    assert!(!choices.choose(other, &Coin));
    assert!(!choices.choose(unpinned, &Coin));
    choices.arm(false);
    assert!(!choices.choose(pinned, &Coin), "not in a quiet phase");
    assert_eq!(choices.script().len(), 2);
}

/// A script may say in a quiet phase how long something takes; a fault has no place there.
#[test]
fn scripted_latencies_in_a_quiet_phase() {
    let deviation = |site: &Site, value: &str| Deviation {
        site: site.label.into(),
        actor: "a".into(),
        n: 0,
        value: value.into(),
        step: 0,
    };
    let script = Script { deviations: vec![deviation(&TRANSIT, "7ms"), deviation(&CUT, "yes")] };
    let mut choices = Choices::new(Seed(3), Mode::Replay, &script, &Settings::default());
    choices.arm(false);
    let (transit, cut) = (choices.stream(&TRANSIT, "a"), choices.stream(&CUT, "a"));
    assert_eq!(choices.choose(transit, &LINK), Duration::from_millis(7));
    assert!(!choices.choose(cut, &Coin));
    assert_eq!(choices.anchoring().used, 1);
}
