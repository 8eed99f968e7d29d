//! A flow without its types.

use std::marker::PhantomData;

use toml::de::ValueDeserializer;

use super::{AnyFlow, OperationTree, RunReport, RunRequest, execute, operations};
use crate::choice::Seed;
use crate::flow::{ConfigComplaint, Flow, FlowInfo, FlowSchema};

struct Erased<F>(PhantomData<fn() -> F>);

/// The flow `F` as the harness and scenario validation see it.
#[must_use]
pub fn erased<F: Flow>() -> Box<dyn AnyFlow> {
    Box::new(Erased::<F>(PhantomData))
}

impl<F: Flow> FlowSchema for Erased<F> {
    fn info(&self) -> &'static FlowInfo {
        const { &F::INFO }
    }

    fn check_config(
        &self,
        variant: &str,
        config: ValueDeserializer<'_>,
    ) -> Result<Vec<ConfigComplaint>, toml::de::Error> {
        let config: F::Config = serde::Deserialize::deserialize(config)?;
        Ok(F::validate(variant, &config).err().unwrap_or_default())
    }

    fn check_operation(&self, operation: ValueDeserializer<'_>) -> Result<(), toml::de::Error> {
        let _: F::Op = serde::Deserialize::deserialize(operation)?;
        Ok(())
    }
}

impl<F: Flow> AnyFlow for Erased<F> {
    fn draw_operations(&self, config: &toml::Table, seed: Seed, count: usize) -> Vec<(usize, toml::Value)> {
        let config: F::Config = execute::config::<F>(config);
        let draw = |index| (index, operations::to_value::<F>(&operations::draw::<F>(&config, seed, index)));
        (0..count).map(draw).collect()
    }

    fn simpler(&self, operation: &toml::Value) -> Vec<toml::Value> {
        let simpler = F::simpler(&operations::from_value::<F>(operation));
        simpler.iter().map(operations::to_value::<F>).collect()
    }

    fn drawn_operation(&self, config: &toml::Table, seed: Seed, index: usize) -> Option<Box<dyn OperationTree>> {
        let config: F::Config = execute::config::<F>(config);
        Some(operations::tree::<F>(&config, seed, index))
    }

    fn smaller_configs(&self, variant: &str, config: &toml::Table) -> Vec<toml::Table> {
        let typed: F::Config = execute::config::<F>(config);
        let laid_over = |keys: toml::Table| {
            let mut smaller = config.clone();
            smaller.extend(keys);
            smaller
        };
        let is_valid = |smaller: &toml::Table| {
            let typed: Result<F::Config, _> = smaller.clone().try_into();
            smaller != config && typed.is_ok_and(|typed| F::validate(variant, &typed).is_ok())
        };
        let smaller = F::smaller(&typed).into_iter().map(laid_over);
        smaller.filter(is_valid).collect()
    }

    fn run(&self, request: &RunRequest<'_>) -> RunReport {
        execute::execute::<F>(request)
    }
}
