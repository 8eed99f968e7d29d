//! Frozen values. A change here voids every stored seed: the code is wrong, not the constant.
//! They were computed by a second implementation, not copied from this one's output.

use super::*;

/// Names hash to what they always hashed to.
#[test]
fn hashes() {
    assert_eq!(
        [
            stable_hash(&[]),
            stable_hash(&[""]),
            stable_hash(&["net/latency", "client->server"]),
            stable_hash(&["größe", "ß"]),
        ],
        [0xf52a_15e9_a9b5_e89b, 0x4f2d_b50f_1240_40cd, 0x0fcf_beb5_da6b_26b0, 0x8475_b525_26fe_67b7]
    );
}

/// Streams have the words they always had: near the beginning, across a buffer's end and far away.
#[test]
fn streams() {
    let words = |seed, stream| [0, 1, 31, 32, 1 << 40].map(|n| stream::Reader::new(Seed(seed), stream).at(n));
    assert_eq!(
        words(0, 0),
        [
            0xbf94_d133_2d8e_e5e8,
            0x3a73_8775_a6da_5a01,
            0x3fc0_3cba_03f0_9f08,
            0x8585_c900_453c_a227,
            0x6f4b_be9c_2510_3ceb
        ]
    );
    assert_eq!(
        words(1, stable_hash(&["net/latency", "client->server"])),
        [
            0x9d8c_5fbf_7c76_782d,
            0xf4cc_ecfe_cf8a_94f8,
            0xd322_0138_3f50_5da8,
            0x4ed9_c240_184e_7cad,
            0x0bdb_506e_2538_aa98
        ]
    );
    assert_eq!(
        words(u64::MAX, u64::MAX),
        [
            0x5ad4_014d_b5a3_3433,
            0xf891_238a_57f2_0ffe,
            0x3a2a_7c88_a6dd_5d9f,
            0xba55_0dad_e171_17af,
            0x6668_e5b8_0a15_551d
        ]
    );
    assert_eq!(
        [Seed(1).derive("host", 0), Seed(1).derive("host", 1), Seed(1).derive("workload", 0)],
        [0xe957_b269_b2bf_b676, 0xbee5_3fcf_cb54_57e4, 0x362f_dda7_4909_7634]
    );
}

/// One word expands to what it always expanded to.
#[test]
fn expansion() {
    let mut e = Expander::new(0x0123_4567_89ab_cdef);
    assert_eq!([e.next(), e.next()], [0x157a_3807_a48f_aa9d, 0xd573_529b_34a1_d093]);
    assert_eq!([e.below(1_000_000), e.below(7), e.below(u64::MAX)], [185_801, 4, 90_156_556_503_711_751]);
    assert_eq!([e.range_inclusive(10, 20), e.range_inclusive(0, u64::MAX)], [10, 13_329_629_123_005_418_501]);
    assert_eq!([(); 6].map(|()| e.weighted(&[3, 0, 5, 2])), [2, 3, 0, 3, 2, 2]);
    assert_eq!([(); 6].map(|()| e.pow2_scale(20)), [4_992, 152_945, 1, 177_238, 974, 1_434_839]);
    assert_eq!([e.subset(0), e.subset(5), e.subset(64)], [0, 27, 6_420_575_426_902_537_181]);
    let mut order = [0, 1, 2, 3, 4, 5, 6, 7];
    e.shuffle(&mut order);
    assert_eq!(order, [5, 7, 4, 2, 1, 6, 0, 3]);
    let hits = [(); 8].map(|()| u8::from(e.chance(Rate::per_million(300_000))));
    assert_eq!(hits, [1, 0, 1, 0, 0, 0, 0, 0]);
}

/// What the words `0`, `1` … mean to a domain.
fn drawn<D: Domain>(domain: &D) -> [String; 6] {
    [0, 1, 2, 3, 4, 5].map(|word| domain.words(&domain.draw(&mut Expander::new(word))))
}

/// Every ready-made domain makes of a word what it always made of it.
#[test]
fn domains() {
    let list = OneOf(&[("eventual", 0_u8, 2), ("inline", 1, 5), ("never", 2, 3)]);
    assert_eq!(drawn(&Coin), ["yes"; 6]);
    assert_eq!(drawn(&list), ["never", "inline", "inline", "eventual", "inline", "inline"]);
    assert_eq!(drawn(&UpTo { quiet: 512, max: 511 }), ["221", "382", "383", "1", "256", "64"]);
    assert_eq!(
        drawn(&Word),
        [
            "0xe220a8397b1dcdaf",
            "0x910a2dec89025cc1",
            "0x975835de1c9756ce",
            "0x1d0b14e4db018fed",
            "0x6e73e372e2338aca",
            "0x63033b0ca389c35a"
        ]
    );
    let link = Latency { quiet: Duration::from_millis(1), max: Duration::from_secs(1) };
    assert_eq!(drawn(&link), ["187.633ms", "3.575ms", "3.582ms", "6us", "484us", "224us"]);
    let fine = Latency { quiet: Duration::ZERO, max: Duration::from_nanos(999) };
    assert_eq!(drawn(&fine), ["883ns", "566ns", "591ns", "113ns", "431ns", "386ns"]);
    assert_eq!(
        drawn(&Permutation(5)),
        ["[2,3,0,1,4]", "[1,0,3,4,2]", "[0,3,1,4,2]", "[3,4,1,2,0]", "[1,0,4,3,2]", "[4,2,0,3,1]"]
    );
    assert_eq!(drawn(&Subset(6)), ["{3,4,5}", "{2,5}", "{0,2,5}", "{0,1,2}", "{0,1,3,4}", "{3,4}"]);
}

/// Which faults the swarms of the first seeds have, how often, and at which dose.
#[test]
fn swarms() {
    static ROT: Site = Site::fault("test/rot", "", Rate::per_million(100), Rate::per_million(10_000)).with_dose();
    let settings = Settings { profile: Profile::Swarm, ..Settings::default() };
    let rot = [0, 1, 2, 3, 4, 5].map(|seed| {
        let resolved = settings.resolve(&ROT, Seed(seed));
        (resolved.rate.threshold(), resolved.max.unwrap())
    });
    assert_eq!(
        rot,
        [
            (0x0062_b395_08aa_836d, 0),
            (0x0042_d561_b3e6_243d, 0),
            (0x000b_d08a_39f5_80c3, 0),
            (0x018a_ce54_22aa_0db5, 1),
            (0x000b_504f_333f_9de6, 0),
            (0x0017_a114_73eb_0186, 2)
        ]
    );
    let latency = [0, 1, 2].map(|seed| settings.resolve(&TRANSIT, Seed(seed)).rate.threshold());
    assert_eq!(latency, [0x6712_460a_8fc2_4071, 0x45ca_e0f1_f545_eb73, 0x6ba2_7e65_6b4e_b57a]);
}

/// What the first picks of a seed are, and the raw words of a stream.
#[test]
fn picks_and_raw_words() {
    let mut choices = Choices::new(Seed(42), Mode::Search, &Script::default(), &Settings::default());
    let s = choices.stream(&NEXT, "loop");
    let picks = [(); 16].map(|()| choices.pick(s, &CANDIDATES));
    assert_eq!(picks, [0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 3]);
    assert_eq!([choices.word(s), choices.word(s)], [0xdd3f_2e50_3eb2_14fe, 0x6e8f_2bf5_0fe6_3500]);
}
