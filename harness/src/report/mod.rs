//! What people and scripts read: the table, failure cards, JSON lines, the progress bar.

mod card;
mod exploration;
mod json;
mod minimal;
mod paint;
mod power;
mod progress;
mod searching;
mod table;
mod words;

pub use card::{Card, card};
pub use exploration::{ExploreLine, Explored};
pub use json::{FirstFailure, MinimalLine, RegressionLine, ReplayLine, RunLine};
pub use minimal::{MinimalCard, ShrinkLine, minimal_card};
pub use paint::Paint;
pub use power::{PowerLine, Quantity, power_page, power_remarks, power_summary, power_table};
pub use progress::with_progress;
pub use searching::{with_explaining, with_shrinking};
pub use table::{Row, Table};
pub use words::{also, command_line, deviations, shell_word, thousands};
