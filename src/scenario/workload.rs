//! `[workload]`: how many operations are drawn, or which ones are listed.

use toml::de::DeValue;

use super::catalogue::Names;
use super::fields::Fields;
use super::findings::Findings;
use super::flow_types;
use super::model::Workload;
use super::values::wrong_type;

/// Operations of one run at most; a plan or a step budget ends far below.
const OPERATIONS_MAX: u64 = 1_000_000;

/// Reads the workload; without the table there are no operations.
pub(super) fn read(
    fields: Option<&Fields<'_, '_>>,
    names: Option<&Names<'_>>,
    findings: &mut Findings<'_>,
) -> Workload {
    let Some(fields) = fields else {
        return Workload::Generated(0);
    };
    match (fields.has("operations"), fields.get("op")) {
        (true, Some(_)) => {
            let message = "`operations` and `op` exclude each other: operations are drawn or listed";
            findings.add(&fields.key_span("operations"), message);
        }
        (false, None) => {
            let message = "[workload] has neither `operations` nor `op`";
            findings.add_help(&fields.span, message, "as in: operations = 6, or [[workload.op]] tables");
        }
        _ => {}
    }
    let count = fields.count("operations", 0, OPERATIONS_MAX, findings);
    let Some(list) = fields.get("op") else {
        let count = count.and_then(|count| usize::try_from(count.value).ok());
        return Workload::Generated(count.unwrap_or(0));
    };
    let DeValue::Array(list) = list.get_ref() else {
        wrong_type(list, "workload.op", "a list of operations, each below its own [[workload.op]]", findings);
        return Workload::Listed(Vec::new());
    };
    Workload::Listed(list.iter().filter_map(|op| flow_types::read_operation(op, names, findings)).collect())
}
