//! Reference systems: each in the shape it had on the day of a real incident, in the shape of the upstream
//! fix, and in a corrected shape. A flow never imports another flow.

/// The names, for the flow's description, of a table whose rows have a `label` and a `doc`.
macro_rules! names_of {
    ($table:expr) => {{
        let mut names = [$crate::flow::Named::new("", ""); $table.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = $crate::flow::Named::new($table[index].label, $table[index].doc);
            index += 1;
        }
        names
    }};
}

pub mod mailbox;
pub mod merge;
pub mod publish;
pub mod sync;

#[cfg(test)]
mod testing;
