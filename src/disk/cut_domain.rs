//! The choice of a cut: which there are, what stands for them where they are too many, and how a plan says one.

use super::cut::{Cut, CutShape, Fate, OpShape};
use super::cut_words;
use super::tear::{Sectors, Tear};
use crate::choice::{Domain, Expander, distinct};

/// Up to so many operations every subset is enumerated.
const ENUMERABLE_MAX: usize = 8;

/// [`Domain::values`] lists, for up to eight operations, every subset the profile allows, and each also with
/// its last kept write torn in front, torn behind, and noisy: the classes of outcomes, not every outcome.
impl Domain for CutShape {
    type Value = Cut;

    fn quiet(&self) -> Cut {
        self.all(Fate::Kept)
    }

    fn draw(&self, e: &mut Expander) -> Cut {
        if self.ops.is_empty() {
            return self.quiet();
        }
        let cut = self.sample(e);
        debug_assert!(self.allows(&cut), "the sampler went beyond its profile: {}", cut_words::words(&cut));
        cut
    }

    fn words(&self, cut: &Cut) -> String {
        cut_words::words(cut)
    }

    fn parse(&self, words: &str) -> Option<Cut> {
        cut_words::parse(words, self).filter(|cut| self.allows(cut))
    }

    fn values(&self) -> Option<Vec<Cut>> {
        let n = self.ops.len();
        if n > ENUMERABLE_MAX {
            return None;
        }
        let mut cuts = Vec::new();
        for kept in (0..1_u32 << n).rev() {
            let fates: Vec<Fate> = (0..n).map(|index| Fate::kept_if(kept >> index & 1 == 1)).collect();
            let whole = Cut { fates, pages: Vec::new() };
            let last = (0..n).rev().find(|index| kept >> index & 1 == 1);
            let torn = last.into_iter().flat_map(|last| {
                let classes = tear_classes(self.ops[last]);
                let whole = &whole;
                classes.into_iter().map(move |fate| {
                    let mut cut = whole.clone();
                    cut.fates[last] = fate;
                    cut
                })
            });
            let torn: Vec<Cut> = torn.collect();
            cuts.extend(std::iter::once(whole).chain(torn).filter(|cut| self.allows(cut)));
        }
        Some(cuts)
    }

    /// Every prefix of what is pending, every operation lost alone, every one kept alone, and some draws, which tear.
    fn representatives(&self) -> Vec<Cut> {
        const DRAWS: u64 = 24;
        let (n, quiet) = (self.ops.len(), self.quiet());
        let cut = |kept: &dyn Fn(usize) -> bool| Cut {
            fates: (0..n).map(|index| Fate::kept_if(kept(index))).collect(),
            pages: Vec::new(),
        };
        let some = if n <= 1 {
            self.values().unwrap_or_default()
        } else {
            let prefixes = (0..n).map(|length| cut(&|index| index < length));
            let lost = (0..n).map(|lost| cut(&|index| index != lost));
            let kept = (0..n).map(|kept| cut(&|index| index == kept));
            let drawn = (0..DRAWS).map(|word| self.draw(&mut Expander::new(word)));
            prefixes.chain(lost).chain(kept).chain(drawn).filter(|cut| self.allows(cut)).collect()
        };
        distinct(some).into_iter().filter(|cut| *cut != quiet).collect()
    }
}

fn tear_classes(op: OpShape) -> Vec<Fate> {
    let mut classes = Vec::new();
    match op {
        OpShape::Write { sectors, extends } => {
            if sectors > 1 {
                classes.extend([Fate::Torn(Tear::Before(sectors / 2)), Fate::Torn(Tear::From(sectors / 2))]);
            }
            let noisy = Sectors::single(sectors - 1);
            classes.push(Fate::Torn(Tear::Noise(noisy)));
            if extends {
                classes.push(Fate::Zeros);
            }
        }
        OpShape::Rename => classes.extend([Fate::TargetMissing, Fate::BothNames]),
        OpShape::SetLen | OpShape::Entry => {}
    }
    classes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::disk::cut::PageFate;
    use crate::disk::profile::Profile;

    fn op() -> impl Strategy<Value = OpShape> {
        prop_oneof![
            (1_u32..20, any::<bool>()).prop_map(|(sectors, extends)| OpShape::Write { sectors, extends }),
            Just(OpShape::SetLen),
            Just(OpShape::Entry),
            Just(OpShape::Rename),
        ]
    }

    fn shape(profile: Profile, ops: Vec<OpShape>) -> CutShape {
        let pages = ops.iter().filter(|op| matches!(op, OpShape::Write { .. })).count() as u32;
        CutShape { profile, seqs: (0..ops.len() as u64).collect(), ops, pages, page_sectors: 8 }
    }

    proptest! {
        /// Every sampled cut is one the profile allows, and its words mean the same cut.
        #[test]
        fn sampled(word: u64, which in 0..4_usize, ops in prop::collection::vec(op(), 0..12)) {
            let shape = shape(Profile::WEIGHTS[which].0, ops);
            for cut in [shape.quiet(), shape.draw(&mut Expander::new(word))] {
                prop_assert!(shape.allows(&cut));
                let words = shape.words(&cut);
                prop_assert_eq!(shape.parse(&words), Some(cut), "{}", words);
            }
        }

        /// The enumeration begins with the quiet cut, repeats nothing, and every value can be written down.
        #[test]
        fn enumerated(which in 0..4_usize, ops in prop::collection::vec(op(), 0..6)) {
            let shape = shape(Profile::WEIGHTS[which].0, ops);
            let values = shape.values().unwrap();
            prop_assert_eq!(&values[0], &shape.quiet());
            for (index, cut) in values.iter().enumerate() {
                prop_assert!(!values[..index].contains(cut));
                prop_assert_eq!(shape.parse(&shape.words(cut)), Some(cut.clone()));
            }
        }
    }

    /// Where subsets are too many, what stands for them is allowed, each once, has the edges in it, and tears.
    #[test]
    fn representatives_of_many() {
        let writes = vec![OpShape::Write { sectors: 2, extends: false }; 20];
        let many = shape(Profile::PosixStrict, writes.clone());
        let cuts = many.representatives();
        assert!(cuts.iter().enumerate().all(|(index, cut)| many.allows(cut) && !cuts[..index].contains(cut)));
        for words in ["none", "keep {7}", "keep {1-6}", "keep {1-6,8-20}"] {
            assert!(cuts.contains(&many.parse(words).unwrap()), "{words}");
        }
        assert!(!cuts.contains(&many.quiet()));
        assert!(cuts.iter().any(|cut| cut.fates.iter().any(|fate| matches!(fate, Fate::Torn(_)))));
        let in_order = shape(Profile::InOrder, writes).representatives();
        assert_eq!(in_order.len(), 20, "prefixes only");
    }

    /// The notation people read and edit.
    #[test]
    fn notation() {
        let writes = vec![OpShape::Write { sectors: 8, extends: false }; 4];
        let shape = shape(Profile::PosixStrict, writes);
        let cut = shape.parse("keep {1,3}, tear 4 at sector 2").unwrap();
        assert_eq!(cut.fates, [Fate::Kept, Fate::Lost, Fate::Kept, Fate::Torn(Tear::Before(2))]);
        assert_eq!(shape.parse("all"), Some(shape.quiet()));
        assert_eq!(shape.parse("none"), Some(shape.all(Fate::Lost)));
        for wrong in ["keep {0}", "keep {5}", "tear 4 at sector 8", "keep {1}, keep {1}", "zeros {1}", "", "most"] {
            assert_eq!(shape.parse(wrong), None, "{wrong}");
        }
        let storm = shape.parse("storm, keep {1-4}, new {1}, mix 3 nnoxxonn").unwrap();
        assert_eq!(storm.pages[1], PageFate::Old);
        assert_eq!(shape.words(&storm), "storm, keep {1-4}, new {1}, mix 3 nnoxxonn");
    }

    /// A profile refuses states it excludes: a gap in the order of entries, a torn write in the control group.
    #[test]
    fn beyond_the_profile() {
        let ops = vec![OpShape::Entry, OpShape::Write { sectors: 2, extends: true }, OpShape::Entry];
        assert!(shape(Profile::PosixStrict, ops.clone()).parse("keep {3}").is_some());
        assert!(shape(Profile::Ordered, ops.clone()).parse("keep {3}").is_none());
        assert!(shape(Profile::Ordered, ops.clone()).parse("keep {1,3}").is_some());
        assert!(shape(Profile::InOrder, ops.clone()).parse("keep {1,3}").is_none());
        assert!(shape(Profile::InOrder, ops.clone()).parse("keep {1}, tear 2 at sector 1").is_none());
        assert!(shape(Profile::Ordered, ops).parse("keep {1}, zeros {2}").is_none());
    }
}
