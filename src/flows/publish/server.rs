//! A storage server's node: it takes requests from the network, one at a time, and answers in order.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::model::Model;
use super::observe::observe;
use super::protocol::{PORT, REPLY, Reply, Request, decode_request, encode_reply};
use super::servermap::ServerId;
use super::sites::{self, Harm, Harms, RAISES, Raise, SILENCES, Silence};
use super::storage::{MemoryShares, Refusal, Secrets, ShareNumber, Shares, Span, read, test_and_write};
use super::trace;
use crate::choice::Latency;
use crate::kernel::Time;
use crate::net::Messages;
use crate::world::Node;

/// How late a slow server answers, at most.
const LATENESS: Latency = Latency { quiet: Duration::ZERO, max: Duration::from_secs(30) };

/// What a server keeps: its shares outlive its process.
pub struct Store {
    server: ServerId,
    shares: RefCell<MemoryShares>,
    model: Rc<RefCell<Model>>,
    node: RefCell<Option<Node>>,
    answers_until: Cell<Time>,
}

/// The stores of all servers.
#[derive(Clone, Default)]
pub struct Stores(Rc<BTreeMap<ServerId, Rc<Store>>>);

impl Stores {
    /// The stores of these servers, with the shares they begin with.
    pub fn new(stores: impl Iterator<Item = (ServerId, MemoryShares)>, model: &Rc<RefCell<Model>>) -> Stores {
        let store = |(server, shares)| {
            let store = Store {
                server,
                shares: RefCell::new(shares),
                model: Rc::clone(model),
                node: RefCell::new(None),
                answers_until: Cell::new(Time::ZERO),
            };
            (server, Rc::new(store))
        };
        Stores(Rc::new(stores.map(store).collect()))
    }

    /// The store of one server.
    #[must_use]
    pub fn get(&self, server: ServerId) -> Option<&Rc<Store>> {
        self.0.get(&server)
    }
}

/// Serves a store on a node, until the node goes down.
pub async fn serve(node: Node, store: Rc<Store>) {
    *store.node.borrow_mut() = Some(node.clone());
    store.answers_until.set(node.now());
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
    /// Whether its process runs.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.node.borrow().as_ref().is_some_and(|node| node.is_alive())
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
        if silence == Silence::Handled {
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
        let node = self.node.borrow().clone();
        let Some(node) = node else {
            return Reply::Raised(Refusal::Failed("down"));
        };
        self.harm_by_choice(&node);
        let raise = node.choose(&sites::SERVER_RAISES, &RAISES);
        let result = match raise {
            Raise::Early => Err(Refusal::Failed("cannot serve")),
            Raise::WriteEnabler => Err(Refusal::BadWriteEnabler(0)),
            Raise::No | Raise::Lease => self.execute(&node, request, raise == Raise::Lease),
        };
        result.unwrap_or_else(|refusal| {
            node.note(&trace::RAISED, "", format_args!("{refusal}"));
            Reply::Raised(refusal)
        })
    }

    fn execute(&self, node: &Node, request: &Request, no_lease: bool) -> Result<Reply, Refusal> {
        match request {
            Request::Read { shares, spans } => read(&*self.shares.borrow(), shares, spans).map(Reply::Read),
            Request::Write { ghost, request } => {
                let before = self.shares.borrow().clone();
                let result = {
                    let mut shares = self.shares.borrow_mut();
                    let mut disk = FailingLease { shares: &mut shares, fails: no_lease };
                    test_and_write(&mut disk, request)
                };
                let handling = observe(&before, request, &self.shares.borrow());
                let kind = if handling.changed.is_empty() { &trace::REFUSED } else { &trace::WROTE };
                node.note(kind, "", format_args!("shares {:?}", request.shares.keys()));
                self.model.borrow_mut().handled(*ghost, handling);
                result.map(Reply::Write)
            }
        }
    }

    fn harm_by_choice(&self, node: &Node) {
        let lengths: Vec<(ShareNumber, u64)> =
            self.shares.borrow().iter().map(|(share, bytes)| (share, bytes.len() as u64)).collect();
        let harm = node.choose(&sites::SHARE_DAMAGE, &Harms { shares: &lengths });
        let mut shares = self.shares.borrow_mut();
        let (share, harmed) = match harm {
            Harm::None => return,
            Harm::Lost(share) => (share, shares.remove(share)),
            Harm::Flipped(share, byte) => {
                (share, usize::try_from(byte).is_ok_and(|byte| shares.flip(share, byte, 0x10)))
            }
        };
        if harmed {
            node.note(&trace::HARM, "", format_args!("share {share}: {harm:?}"));
            self.model.borrow_mut().share_lost((self.server, share));
        }
    }
}

/// A slot whose lease may fail after the data was written.
struct FailingLease<'a> {
    shares: &'a mut MemoryShares,
    fails: bool,
}

impl Shares for FailingLease<'_> {
    fn numbers(&self) -> Vec<ShareNumber> {
        self.shares.numbers()
    }

    fn write_enabler(&self, number: ShareNumber) -> Result<super::keys::WriteEnabler, Refusal> {
        self.shares.write_enabler(number)
    }

    fn read(&self, number: ShareNumber, span: Span) -> Result<Vec<u8>, Refusal> {
        self.shares.read(number, span)
    }

    fn create(&mut self, number: ShareNumber, write_enabler: super::keys::WriteEnabler) -> Result<(), Refusal> {
        self.shares.create(number, write_enabler)
    }

    fn write(&mut self, number: ShareNumber, offset: u64, data: &[u8]) -> Result<(), Refusal> {
        self.shares.write(number, offset, data)
    }

    fn add_lease(&mut self, number: ShareNumber, secrets: &Secrets) -> Result<(), Refusal> {
        if self.fails { Err(Refusal::Failed("no room for a lease")) } else { self.shares.add_lease(number, secrets) }
    }
}
