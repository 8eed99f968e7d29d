//! Changing a file: map, read, change, publish; again after an uncoordinated write, with growing pauses.
//!
//! One server map is used for all attempts. It remembers, among other things, the dead references it has learned.

use std::rc::Rc;
use std::time::Duration;

use super::operations::read_best;
use super::publish::publish;
use super::update::update;
use super::{Client, Map};
use crate::choice::UpTo;
use crate::flows::publish::facts::Outcome;
use crate::flows::publish::servermap::UpdateMode;
use crate::flows::publish::sites;

/// The attempt that fails for good.
const ATTEMPTS_MAX: u32 = 4;
/// Nanoseconds of the pauses after the first, second and third attempt: 1 s times e, e² and e³.
const PAUSES_NS: [u64; 3] = [2_718_281_828, 7_389_056_099, 20_085_536_923];
/// Percent below the planned pause at which jitter begins.
const JITTER_BASE: u64 = 88;

/// What a modifier answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The new text; may be the old one.
    Text(Vec<u8>),
    /// Nothing to do.
    None,
    /// It raises.
    Raises,
    /// It raises as if somebody else had written.
    RaisesUcwe,
}

/// Makes a new text from the old one; told whether this is the first attempt.
pub type Modifier = Box<dyn Fn(&[u8], bool) -> Change>;

/// Applies `modifier` until its result is in place; `done` is called on an empty stack.
pub fn modify(client: &Rc<Client>, modifier: Modifier, done: impl FnOnce(Outcome) + 'static) {
    let modify = Rc::new(Modify { client: Rc::clone(client), map: client.new_map(), modifier });
    modify.attempt(1, Box::new(done));
}

struct Modify {
    client: Rc<Client>,
    map: Map,
    modifier: Modifier,
}

type Done = Box<dyn FnOnce(Outcome)>;

impl Modify {
    fn attempt(self: &Rc<Self>, number: u32, done: Done) {
        let modify = Rc::clone(self);
        let since = self.client.ghost(|model| model.now());
        self.client.broker.hide_by_choice();
        update(&self.client, &self.map, UpdateMode::Write, move || {
            let client = Rc::clone(&modify.client);
            client.note_map(&modify.map);
            client.broker.unhide();
            client.broker.lose_by_choice();
            let map = modify.map.clone();
            read_best(&client, &map, since, move |text| match text {
                Ok(old) => modify.change(number, &old, since, done),
                Err(outcome) => done(outcome),
            });
        });
    }

    fn change(self: Rc<Self>, number: u32, old: &[u8], since: crate::flows::publish::facts::Tick, done: Done) {
        let first = number == 1;
        let new = match (self.modifier)(old, first) {
            Change::Text(new) if first && new == old => return done(Outcome::Ok),
            Change::Text(new) => new,
            Change::None if first => return done(Outcome::Ok),
            // What the first attempt left behind may be a mixture of versions: the text is published all the same.
            Change::None => old.to_vec(),
            Change::Raises => return done(Outcome::Other("the modifier raises".into())),
            Change::RaisesUcwe => return self.again(number, done),
        };
        self.client.broker.lose_at_publish();
        let (client, map) = (Rc::clone(&self.client), self.map.clone());
        publish(&client, &map, since, &new, move |outcome| match outcome {
            Outcome::Ucwe => self.again(number, done),
            outcome => done(outcome),
        });
    }

    fn again(self: Rc<Self>, number: u32, done: Done) {
        if number >= ATTEMPTS_MAX {
            return done(Outcome::Ucwe);
        }
        let node = self.client.node().clone();
        node.sometimes("modify-retried");
        let planned = PAUSES_NS[number as usize - 1];
        let percent = JITTER_BASE + node.choose(&sites::JITTER, &UpTo { quiet: 12, max: 24 });
        let pause = Duration::from_nanos(planned / 100 * percent);
        let _ = node.after(pause, "back-off", move || self.attempt(number + 1, done));
    }
}
