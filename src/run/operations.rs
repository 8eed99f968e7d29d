//! The operations of a run: listed, given, or drawn one by one so that each depends on seed and index alone.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::OperationTree;
use crate::choice::Seed;
use crate::flow::Flow;

/// The `index`-th operation that a seed stands for. Stable for one lock file.
pub(super) fn draw<F: Flow>(config: &F::Config, seed: Seed, index: usize) -> F::Op {
    drawn_tree::<F>(config, seed, index).current()
}

/// The same operation, which can be simplified.
pub(super) fn tree<F: Flow>(config: &F::Config, seed: Seed, index: usize) -> Box<dyn OperationTree> {
    Box::new(Tree::<F>(drawn_tree::<F>(config, seed, index)))
}

struct Tree<F: Flow>(Box<dyn ValueTree<Value = F::Op>>);

impl<F: Flow> OperationTree for Tree<F> {
    fn current(&self) -> toml::Value {
        to_value::<F>(&self.0.current())
    }

    fn simplify(&mut self) -> bool {
        self.0.simplify()
    }

    fn complicate(&mut self) -> bool {
        self.0.complicate()
    }
}

fn drawn_tree<F: Flow>(config: &F::Config, seed: Seed, index: usize) -> Box<dyn ValueTree<Value = F::Op>> {
    let mut key = [0; 32];
    for (part, bytes) in key.chunks_exact_mut(8).enumerate() {
        let word = seed.derive("operation", index as u64 * 4 + part as u64);
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    // Each field is set: the default reads the environment, which must not reach a run.
    let explicit = Config {
        cases: 1,
        max_local_rejects: 65_536,
        max_global_rejects: 1_024,
        max_flat_map_regens: 1_000_000,
        max_shrink_iters: 0,
        max_default_size_range: 100,
        failure_persistence: None,
        source_file: None,
        test_name: None,
        result_cache: proptest::test_runner::noop_result_cache,
        rng_algorithm: RngAlgorithm::ChaCha,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(explicit, TestRng::from_seed(RngAlgorithm::ChaCha, &key));
    let strategy = F::operation(config);
    match strategy.new_tree(&mut runner) {
        Ok(tree) => tree,
        Err(reason) => panic!("the flow's strategy for operations rejects everything: {reason}"),
    }
}

/// An operation as data.
pub(super) fn to_value<F: Flow>(operation: &F::Op) -> toml::Value {
    toml::Value::try_from(operation).unwrap_or_else(|error| panic!("an operation is not TOML data: {error}"))
}

/// Data as an operation; it was checked when the file was read.
pub(super) fn from_value<F: Flow>(value: &toml::Value) -> F::Op {
    value.clone().try_into().unwrap_or_else(|error| panic!("not an operation of this flow: {error}"))
}
