//! Reading scenarios of the toy flow from text.

use seedbed::flow::FlowSchema;
use seedbed::run::engine_sites;
use seedbed::scenario::{Catalogue, Scenario, read_scenario};

use super::toys::toys;

/// A scenario of the toy flow; `rest` begins with its `flow-config`.
pub fn scenario(rest: &str) -> Scenario {
    let flow = toys();
    let schema: &dyn FlowSchema = &*flow;
    let catalogue = Catalogue { flows: vec![schema], engine_sites: engine_sites() };
    let head = "seedbed = 1\ngoal = \"A test.\"\nflow = \"toys\"\nvariant = \"1.0\"\n";
    let text = format!("{head}{rest}");
    read_scenario("scenarios/toys/test.toml", text.as_bytes(), &catalogue, &[])
        .unwrap_or_else(|complaints| panic!("{complaints}\n{text}"))
}
