//! Operations as data: what people do. Events are named by the slugs they have in the fixture; what is not there any more
//! is answered by the application, as in life.

mod driver;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::config::{Config, Kind};
use super::form::{Choice, RELATIONS, Side, fields, may_combine};
use super::view::{ADMIN, VISITOR};

pub use driver::Driver;

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Op {
    /// Somebody opens the form of a merge, thinks, and sends it.
    Merge(Merge),
    /// Somebody changes an event.
    Edit(Edit),
    /// The administrator does something.
    Administer(Administer),
    /// Somebody asks the feed for tags.
    Ask(Ask),
    /// Somebody opens the page of an event.
    Look(Event),
    /// The website polls now.
    Poll(Nothing),
    /// The backup job, if there is one, copies now.
    BackUp(Nothing),
    /// Seconds pass.
    Wait(Seconds),
    /// The server's process is killed, and started again after some seconds.
    Kill(Seconds),
}

/// A merge. What is as usual is not written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Merge {
    /// The event called A in the form.
    #[serde(skip_serializing_if = "is_a")]
    pub a: String,
    /// The event called B in the form.
    #[serde(skip_serializing_if = "is_b")]
    pub b: String,
    /// Which survives.
    pub base: Side,
    /// What is chosen for fields; what is not named is as the form shows it first, from A.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub choices: BTreeMap<String, Choice>,
    /// The form is sent about these events, whatever the page was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<[String; 2]>,
    /// Who does it; nobody for somebody not logged in.
    #[serde(skip_serializing_if = "is_admin")]
    pub user: String,
    /// The form is sent again if no answer comes.
    #[serde(skip_serializing_if = "is_no")]
    pub again: bool,
    /// The next operation does not wait for this one.
    #[serde(skip_serializing_if = "is_no")]
    pub with_next: bool,
}

fn is_a(slug: &str) -> bool {
    slug == "A"
}

fn is_b(slug: &str) -> bool {
    slug == "B"
}

fn is_admin(user: &str) -> bool {
    user == ADMIN
}

fn is_no(flag: &bool) -> bool {
    !flag
}

/// A change of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Edit {
    /// Which event.
    pub event: String,
    /// Its new notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// A tag it gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add: Option<String>,
    /// A tag it loses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove: Option<String>,
    /// The next operation does not wait for this one.
    #[serde(skip_serializing_if = "is_no")]
    pub with_next: bool,
}

/// What the administrator does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Administer {
    /// Makes a tag.
    CreateTag(String),
    /// Deletes a tag, for everybody, and means it.
    DeleteTag(String),
    /// Deletes an event.
    DeleteEvent(String),
    /// Gives somebody a badge for an event.
    Award(String),
    /// Makes an invoice for an event.
    Invoice(String),
    /// Gives somebody a task.
    Task(String),
    /// Brings a tag back from a backup, found as the scenario says.
    Restore(String),
}

/// A request for the feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ask {
    /// The parameter (default `tag`).
    #[serde(default = "tag")]
    pub by: String,
    /// Its values.
    #[serde(default)]
    pub tags: Vec<String>,
}

fn tag() -> String {
    "tag".to_owned()
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Its slug.
    pub event: String,
}

/// Nothing to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seconds {
    /// How many.
    pub seconds: u32,
}

impl Default for Merge {
    fn default() -> Merge {
        Merge {
            a: "A".to_owned(),
            b: "B".to_owned(),
            base: Side::A,
            choices: BTreeMap::new(),
            form: None,
            user: ADMIN.to_owned(),
            again: false,
            with_next: false,
        }
    }
}

const EVENTS: [&str; 4] = ["A", "B", "C", "D"];
const TAGS: [&str; 4] = ["SWC", "DC", "LC", "TTT"];

fn one_of(names: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    proptest::sample::select(names).prop_map(str::to_owned)
}

/// How operations are drawn.
pub fn strategy(config: &Config) -> BoxedStrategy<Op> {
    let has = |kind| u32::from(config.people.contains(&kind) || config.people.is_empty());
    let careless = has(Kind::Careless);
    let pairs = weighted(vec![
        (8, Just(["A", "B"].map(str::to_owned)).boxed()),
        (careless, Just(["B", "A"].map(str::to_owned)).boxed()),
        (careless, Just(["C", "D"].map(str::to_owned)).boxed()),
        (careless, Just(["A", "C"].map(str::to_owned)).boxed()),
    ]);
    let forms = weighted(vec![
        (12, Just(None).boxed()),
        (careless, Just(Some(["C", "D"].map(str::to_owned))).boxed()),
        (careless, Just(Some(["A", "A"].map(str::to_owned))).boxed()),
    ]);
    let users = weighted(vec![
        (16, Just(ADMIN.to_owned()).boxed()),
        (careless, Just(VISITOR.to_owned()).boxed()),
        (careless, Just(String::new()).boxed()),
    ]);
    let base = match config.base {
        Some(base) => Just(base).boxed(),
        None => prop_oneof![Just(Side::A), Just(Side::B)].boxed(),
    };
    let pinned = config.choices.clone();
    let merge = (pairs, base, chosen(), forms, users, proptest::bool::weighted(0.4)).prop_map(
        move |([a, b], base, mut choices, form, user, with_next)| {
            choices.extend(pinned.clone());
            Op::Merge(Merge { a, b, base, choices, form, user, with_next, again: true })
        },
    );
    let change = prop_oneof![
        2 => "[a-z]{1,6}".prop_map(|notes| Edit { notes: Some(notes), ..Edit::default() }),
        1 => one_of(&TAGS).prop_map(|tag| Edit { add: Some(tag), ..Edit::default() }),
        1 => one_of(&TAGS).prop_map(|tag| Edit { remove: Some(tag), ..Edit::default() }),
    ];
    let edit = (one_of(&EVENTS), change, proptest::bool::weighted(0.5))
        .prop_map(|(event, edit, with_next)| Op::Edit(Edit { event, with_next, ..edit }));
    let administer = prop_oneof![
        2 => one_of(&["XYZ", "WIP"]).prop_map(Administer::CreateTag),
        1 => one_of(&["LC", "TTT", "XYZ"]).prop_map(Administer::DeleteTag),
        1 => one_of(&["D", "E"]).prop_map(Administer::DeleteEvent),
        1 => one_of(&EVENTS).prop_map(Administer::Award),
        1 => one_of(&EVENTS).prop_map(Administer::Invoice),
        1 => one_of(&EVENTS).prop_map(Administer::Task),
    ]
    .prop_map(Op::Administer);
    let tags = proptest::collection::vec(one_of(&["SWC", "DC", "LC", "NOPE"]), 0..3);
    let ask = tags.prop_map(|tags| Op::Ask(Ask { by: tag(), tags }));
    let look = one_of(&EVENTS).prop_map(|event| Op::Look(Event { event }));
    weighted(vec![
        (6 * has(Kind::Merger).max(careless), merge.boxed()),
        (3 * has(Kind::Editor), edit.boxed()),
        (has(Kind::Administrator), administer.boxed()),
        (1, ask.boxed()),
        (1, look.boxed()),
        (1, Just(Op::Poll(Nothing {})).boxed()),
    ])
}

/// Choices in which every relation and the text fields are drawn, and a few others.
fn chosen() -> impl Strategy<Value = BTreeMap<String, Choice>> {
    let three = prop_oneof![Just(Choice::A), Just(Choice::B), Just(Choice::Combine)];
    let relations = proptest::collection::vec(three.clone(), RELATIONS.len());
    let names: Vec<_> = fields().filter(|field| *field != "id" && !RELATIONS.contains(field)).collect();
    let others = proptest::collection::btree_map(proptest::sample::select(names), three, 0..4);
    (relations, others).prop_map(|(relations, others)| {
        let relations = RELATIONS.iter().copied().zip(relations);
        let others = others.into_iter().map(|(field, choice)| match choice {
            Choice::Combine if !may_combine(field) => (field, Choice::B),
            choice => (field, choice),
        });
        relations.chain(others).map(|(field, choice)| (field.to_owned(), choice)).collect()
    })
}

/// One of these, those of weight zero left out.
fn weighted<T: std::fmt::Debug + 'static>(mut options: Vec<(u32, BoxedStrategy<T>)>) -> BoxedStrategy<T> {
    options.retain(|(weight, _)| *weight > 0);
    proptest::strategy::Union::new_weighted(options).boxed()
}

/// Simpler forms of an operation, simplest first.
#[must_use]
pub fn simpler(op: &Op) -> Vec<Op> {
    match op {
        Op::Merge(merge) => simpler_merges(merge).into_iter().map(Op::Merge).collect(),
        Op::Edit(edit) if edit.with_next => vec![Op::Edit(Edit { with_next: false, ..edit.clone() })],
        Op::Ask(ask) if ask.tags.len() > 1 => (0..ask.tags.len())
            .map(|left_out| {
                let mut tags = ask.tags.clone();
                tags.remove(left_out);
                Op::Ask(Ask { tags, ..ask.clone() })
            })
            .collect(),
        Op::Wait(Seconds { seconds }) => shorter(*seconds).map(|seconds| Op::Wait(Seconds { seconds })).collect(),
        Op::Kill(Seconds { seconds }) => shorter(*seconds).map(|seconds| Op::Kill(Seconds { seconds })).collect(),
        Op::Edit(_) | Op::Ask(_) | Op::Administer(_) | Op::Look(_) | Op::Poll(_) | Op::BackUp(_) => Vec::new(),
    }
}

fn shorter(seconds: u32) -> impl Iterator<Item = u32> {
    [1, 60, 1_800].into_iter().filter(move |round| *round < seconds)
}

fn simpler_merges(merge: &Merge) -> Vec<Merge> {
    let mut simpler = Vec::new();
    // The form as it is shown, then one field after the other as it is shown.
    if merge.choices.len() > 1 {
        simpler.push(Merge { choices: BTreeMap::new(), ..merge.clone() });
    }
    for field in merge.choices.keys() {
        let mut choices = merge.choices.clone();
        choices.remove(field);
        simpler.push(Merge { choices, ..merge.clone() });
    }
    if merge.with_next {
        simpler.push(Merge { with_next: false, ..merge.clone() });
    }
    if merge.form.is_some() {
        simpler.push(Merge { form: None, ..merge.clone() });
    }
    if merge.base == Side::B {
        simpler.push(Merge { base: Side::A, ..merge.clone() });
    }
    if merge.again {
        simpler.push(Merge { again: false, ..merge.clone() });
    }
    simpler
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        op: Op,
    }

    /// Claim: operations are written as tables under their names, and unknown keys are refused.
    #[test]
    fn operations_are_tables() {
        let file: File = toml::from_str(r#"op.merge = { base = "b", choices = { tags = "combine" } }"#).unwrap();
        let Op::Merge(merge) = &file.op else { panic!("{:?}", file.op) };
        assert_eq!((merge.base, merge.a.as_str()), (Side::B, "A"));
        let file: File = toml::from_str(r#"op.administer = { delete-tag = "DC" }"#).unwrap();
        assert_eq!(file.op, Op::Administer(Administer::DeleteTag("DC".to_owned())));
        assert!(toml::from_str::<File>("op.poll = {}").is_ok());
        assert!(toml::from_str::<File>(r#"op.merge = { c = "C" }"#).is_err());
    }

    /// Claim: every drawn operation survives its text, and simplifying one ends.
    #[test]
    fn drawn_operations_survive_and_simplify() {
        crate::flows::testing::assert_operations_survive_and_simplify(&strategy(&Config::default()), simpler);
    }

    /// Claim: what a scenario pins is in every drawn merge.
    #[test]
    fn pins_hold() {
        let config: Config = toml::from_str(
            r#"base = "b"
            choices = { tags = "a" }
            people = ["merger"]"#,
        )
        .unwrap();
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let strategy = strategy(&config);
        for _ in 0..50 {
            let op = proptest::strategy::ValueTree::current(&strategy.new_tree(&mut runner).unwrap());
            if let Op::Merge(merge) = op {
                assert_eq!((merge.base, merge.choices.get("tags")), (Side::B, Some(&Choice::A)));
                assert_eq!((merge.form, merge.user.as_str()), (None, ADMIN));
            }
        }
    }
}
