//! What every flow's workload has to answer for.

use std::fmt::Debug;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Drawn operations come back from a plan file as they were, and simplifying one ends.
pub fn assert_operations_survive_and_simplify<Op>(strategy: &impl Strategy<Value = Op>, simpler: fn(&Op) -> Vec<Op>)
where
    Op: Serialize + DeserializeOwned + Debug + PartialEq,
{
    let mut runner = TestRunner::deterministic();
    for _ in 0..200 {
        let op = strategy.new_tree(&mut runner).expect("the strategy has operations").current();
        let value = toml::Value::try_from(&op).expect("an operation is plain data");
        assert_eq!(value.try_into::<Op>().as_ref(), Ok(&op));
        let mut next = Some(op);
        for _ in 0..100 {
            next = next.and_then(|op| simpler(&op).into_iter().next());
        }
        assert_eq!(next, None, "simplifying does not end");
    }
}
