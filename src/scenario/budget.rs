//! `[budget]`: limits of a run and numbers of seeds.

use super::fields::Fields;
use super::findings::Findings;
use super::keys;
use super::model::Budget;

/// Reads the limits; what is not given keeps its default.
pub(super) fn read(fields: Option<&Fields<'_, '_>>, findings: &mut Findings<'_>) -> Budget {
    let mut budget = Budget::default();
    let Some(fields) = fields else { return budget };
    let mut limit = |key, target: &mut u64| {
        if let Some(count) = fields.count(key, 1, u64::MAX, findings) {
            *target = count.value;
        }
    };
    limit("steps", &mut budget.steps);
    limit("polls-per-step", &mut budget.polls_per_step);
    limit("trace-events", &mut budget.trace_events);
    if let Some(limit) = fields.duration("virtual", findings) {
        budget.virtual_time = limit;
    }
    budget
}

/// Reads `seeds = { test, run, full }`.
///
/// Each sweep takes at least the seeds of the shorter one. A default gives way to a number that was given.
pub(super) fn read_seeds(fields: &Fields<'_, '_>, budget: &mut Budget, findings: &mut Findings<'_>) {
    let Some(seeds) = fields.table("seeds", keys::SEEDS, findings) else {
        return;
    };
    let mut given = |key| seeds.count(key, 1, u64::MAX, findings).map(|count| (key, count));
    let counts = [given("test"), given("run"), given("full")];
    let number = |index: usize| counts[index].as_ref().map(|(_, count)| count.value);

    budget.seeds_run = number(1).unwrap_or_else(|| {
        let from_below = budget.seeds_run.max(number(0).unwrap_or(0));
        from_below.min(number(2).unwrap_or(u64::MAX))
    });
    budget.seeds_test = number(0).unwrap_or(budget.seeds_test.min(budget.seeds_run));
    budget.seeds_full = number(2).unwrap_or(budget.seeds_full.max(budget.seeds_run));

    let present: Vec<_> = counts.iter().flatten().collect();
    for pair in present.windows(2) {
        let ((shorter, fewer), (longer, more)) = (pair[0], pair[1]);
        if fewer.value > more.value {
            let message = format!(
                "seeds.{longer} is {}, less than seeds.{shorter}, which is {}; it must be test <= run <= full",
                more.value, fewer.value
            );
            findings.add(&more.span, message);
        }
    }
}
