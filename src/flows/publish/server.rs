//! A storage server's node: it takes requests from the network, one at a time, and answers in order. Its shares are
//! on its disk.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use super::config::Setting;
use super::layout::Checkstring;
use super::model::Model;
use super::observe::observe;
use super::protocol::{PORT, REPLY, Reply, Request, decode_request, encode_reply};
use super::servermap::ServerId;
use super::sites::{self, Harm, Harms, RAISES, Raise, SILENCES, Silence};
use super::slot::{self, Slot};
use super::storage::{MemoryShares, Refusal, ShareNumber, read, test_and_write};
use super::trace;
use super::variants::BrokenContainer;
use super::version::{verify_opening, verify_share};
use crate::choice::Latency;
use crate::disk::Disks;
use crate::kernel::Time;
use crate::net::Messages;
use crate::world::Node;

/// How late a slow server answers, at most.
const LATENESS: Latency = Latency { quiet: Duration::ZERO, max: Duration::from_secs(30) };

/// A server, over all lives of its process.
pub struct Store {
    server: ServerId,
    setting: Rc<Setting>,
    model: Rc<RefCell<Model>>,
    disks: Disks,
    life: RefCell<Option<Life>>,
    lives: Cell<u32>,
    answers_until: Cell<Time>,
}

/// One life of a server's process.
#[derive(Clone)]
struct Life {
    node: Node,
    slot: Rc<Slot>,
}

/// The stores of all servers.
#[derive(Clone, Default)]
pub struct Stores(Rc<BTreeMap<ServerId, Rc<Store>>>);

impl Stores {
    /// The stores of all servers of a run.
    pub fn new(setting: &Rc<Setting>, model: &Rc<RefCell<Model>>, disks: &Disks) -> Stores {
        let store = |server| {
            let store = Store {
                server,
                setting: Rc::clone(setting),
                model: Rc::clone(model),
                disks: disks.clone(),
                life: RefCell::new(None),
                lives: Cell::new(0),
                answers_until: Cell::new(Time::ZERO),
            };
            (server, Rc::new(store))
        };
        Stores(Rc::new((0..setting.config.servers).map(ServerId).map(store).collect()))
    }

    /// The store of one server.
    #[must_use]
    pub fn get(&self, server: ServerId) -> Option<&Rc<Store>> {
        self.0.get(&server)
    }

    /// The run is over: no life holds on to its node.
    pub fn tear_down(&self) {
        self.0.values().for_each(|store| drop(store.life.take()));
    }
}

/// Serves a store on a node, until the node goes down.
pub async fn serve(node: Node, store: Rc<Store>) {
    store.start(&node);
    let Ok(listener) = node.net().listen(PORT) else {
        return;
    };
    while let Ok(stream) = listener.accept().await {
        let messages = Messages::new(stream);
        let (answers, store, node) = (messages.clone(), Rc::clone(&store), node.clone());
        messages.on_message(move |frame| store.on_frame(&node, &answers, frame));
        // Without an end callback the network would keep the connection for an owner that does not care.
        messages.on_end(|_| {});
    }
}

impl Store {
    fn start(&self, node: &Node) {
        let (setting, variant) = (&self.setting, self.setting.variant);
        let mortal = setting.config.may_crash.contains(&self.server.to_string());
        let again = self.lives.replace(self.lives.get() + 1) > 0;
        let slot = Slot::open(node, (variant.update, variant.broken_container), mortal, again);
        *self.life.borrow_mut() = Some(Life { node: node.clone(), slot: Rc::new(slot) });
        self.answers_until.set(node.now());
        if again {
            let found = self.look(node);
            node.note(
                &trace::FOUND,
                "",
                format_args!("shares {:?}", found.iter().map(|(share, _)| share).collect::<Vec<_>>()),
            );
            self.model.borrow_mut().recovered(&setting.keys, self.server, &found);
        }
    }

    /// What is on its disk, for somebody who only looks.
    fn look(&self, node: &Node) -> MemoryShares {
        self.disks.look(node.id(), slot::look)
    }

    /// What is on the disk of its node, for people.
    #[must_use]
    pub fn show(&self) -> BTreeMap<String, String> {
        let life = self.life.borrow();
        let Some(life) = &*life else {
            return BTreeMap::new();
        };
        let keys = &self.setting.keys;
        let shares = self.look(&life.node);
        let words = |(share, bytes): (ShareNumber, &[u8])| {
            let words = match (Checkstring::parse(bytes), verify_share(keys, share, bytes)) {
                (Ok(version), Ok(_)) => version.to_string(),
                (Ok(version), Err(error)) => format!("{version}: {error}"),
                (Err(error), _) => error.to_string(),
            };
            (slot::file_of(share), words)
        };
        let mut shown: BTreeMap<String, String> = shares.iter().map(words).collect();
        for file in self.disks.look(life.node.id(), |disk| disk.read_dir("").unwrap_or_default()) {
            shown.entry(file).or_insert_with(|| "no container".to_owned());
        }
        shown
    }

    /// Whether its process runs.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.life.borrow().as_ref().is_some_and(|life| life.node.is_alive())
    }

    fn on_frame(self: &Rc<Self>, node: &Node, answers: &Messages, frame: &[u8]) {
        let (call, request) = match decode_request(frame) {
            Ok(decoded) => decoded,
            // What is no frame of ours ends the connection, as in any protocol.
            Err(error) => {
                node.note(&trace::RAISED, "", format_args!("{error}"));
                return answers.abort();
            }
        };
        let silence = node.choose(&sites::SERVER_SILENT, &SILENCES);
        if silence == Silence::Ignored {
            return;
        }
        let reply = self.handle(&request);
        if silence == Silence::Handled || !node.is_alive() {
            return;
        }
        let late = node.choose(&sites::SLOW_SERVER, &LATENESS);
        let at = self.answers_until.get().max(node.now()) + late;
        self.answers_until.set(at);
        let frame = encode_reply(call, &reply);
        if at <= node.now() {
            // An answer that cannot be sent is the asker's loss: its connection ends.
            let _ = answers.send_labelled(REPLY, &frame);
            return;
        }
        let answers = answers.clone();
        let _ = node.after(at.since(node.now()), "late answer", move || {
            let _ = answers.send_labelled(REPLY, &frame);
        });
    }

    /// Handles a request, with whatever goes wrong on the server.
    #[must_use]
    pub fn handle(&self, request: &Request) -> Reply {
        let life = self.life.borrow().clone();
        let Some(life) = life else {
            return Reply::Raised(Refusal::Failed("down"));
        };
        self.harm_by_choice(&life);
        let raise = life.node.choose(&sites::SERVER_RAISES, &RAISES);
        let result = match raise {
            Raise::Early => Err(Refusal::Failed("cannot serve")),
            Raise::WriteEnabler => Err(Refusal::BadWriteEnabler(0)),
            Raise::No | Raise::Lease => self.execute(&life, request, raise == Raise::Lease),
        };
        result.unwrap_or_else(|refusal| {
            life.node.note(&trace::RAISED, "", format_args!("{refusal}"));
            Reply::Raised(refusal)
        })
    }

    fn execute(&self, life: &Life, request: &Request, no_lease: bool) -> Result<Reply, Refusal> {
        let Life { node, slot } = life;
        let mut work = slot.request(no_lease);
        match request {
            Request::Read { shares, spans } => {
                let result = read(&work, shares, spans);
                if shares.is_empty() {
                    self.note_broken(node, work.broken().collect(), &result.as_ref().err());
                }
                result.map(Reply::Read)
            }
            Request::Write { ghost, request } => {
                let before = self.look(node);
                let result = test_and_write(&mut work, request);
                let after = self.look(node);
                let handling = observe(&before, request, &after, !node.is_alive());
                let kind = match (handling.changed.is_empty(), &result) {
                    (false, _) => Some(&trace::WROTE),
                    (true, Ok(_)) => Some(&trace::REFUSED),
                    (true, Err(_)) => None,
                };
                if let Some(kind) = kind {
                    node.note(kind, "", format_args!("shares {:?}", request.shares.keys()));
                }
                self.model.borrow_mut().handled(*ghost, handling);
                result.map(Reply::Write)
            }
        }
    }

    /// A request for everything came upon files that are no containers.
    fn note_broken(&self, node: &Node, broken: BTreeSet<ShareNumber>, refusal: &Option<&Refusal>) {
        let mut model = self.model.borrow_mut();
        if let Some(Refusal::BrokenContainer(_)) = refusal {
            let keys = &self.setting.keys;
            let good = |(share, bytes): (ShareNumber, &[u8])| verify_opening(keys, bytes).is_ok().then_some(share);
            let hidden = self.look(node).iter().filter_map(good).collect();
            model.beside(self.server, hidden, "broken container");
        } else if !broken.is_empty() && self.setting.variant.broken_container == BrokenContainer::CountsAsAbsent {
            model.beside(self.server, BTreeSet::new(), "broken container");
        }
    }

    fn harm_by_choice(&self, life: &Life) {
        let Life { node, slot } = life;
        let lengths = self.disks.look(node.id(), slot::lengths);
        let harm = node.choose(&sites::SHARE_DAMAGE, &Harms { shares: &lengths });
        let (share, harmed) = match harm {
            Harm::None => return,
            Harm::Lost(share) => (share, slot.lose(share)),
            Harm::Flipped(share, byte) => (share, slot.flip(share, byte)),
        };
        if !harmed {
            return;
        }
        node.note(&trace::HARM, "", format_args!("share {share}: {harm:?}"));
        let found = self.look(node);
        let mut model = self.model.borrow_mut();
        model.share_lost((self.server, share));
        if let Some(bytes) = found.get(share) {
            model.examine(&self.setting.keys, (self.server, share), bytes);
        }
    }
}
