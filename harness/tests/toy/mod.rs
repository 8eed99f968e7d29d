//! A small system under test with two distinct bugs, for tests of shrinking: shops that sell over a network.
//!
//! Bug one: a purchase is repeated after a lost connection and sold twice. Bug two: a shop forgets what it sold, and a
//! later look at it notices. Both break the same invariant with another cause, and one can turn into the other
//! when the wrong thing is left out.
//!
//! `[flow-config] edits` changes the code in unrelated places, as a later commit would.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::{Just, any};
use proptest::prop_oneof;
use seedbed::prelude::*;
use seedbed::trace::Kind;
use serde::{Deserialize, Serialize};

static FORGETS: Site =
    Site::fault("toy/forgets", "a shop forgets what it has just sold", Rate::per_million(100_000), Rate::HALF);
static MOOD: Site = Site::value("toy/mood", "the mood of a shop; plays no part");
static NOTE: Kind = Kind::new("toy-note", 'N', "a line in a log", &[]);

pub const TWICE: &str = "sold twice";
pub const FORGOTTEN: &str = "forgotten";

/// What a client does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    Buy { shop: u8, amount: u16 },
    Look { shop: u8 },
    Wait,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    shops: u8,
    /// Changes to the code: `node`, `site`, `log`.
    edits: Vec<String>,
}

impl Default for Config {
    fn default() -> Config {
        Config { shops: 3, edits: Vec::new() }
    }
}

pub struct Toy;

impl Flow for Toy {
    type Config = Config;
    type Op = Op;

    const INFO: FlowInfo = FlowInfo {
        variants: &[
            Named::new("1.0", "sells twice, and forgets"),
            Named::new("1.1", "recognises a repeated purchase, and forgets"),
            Named::new("correct", "neither"),
        ],
        sites: &[&FORGETS, &MOOD, &MOOD_PAUSE],
        invariants: &[InvariantInfo::always("books-balance", "what is sold is what was bought")],
        needs: Needs { host: false, fresh_thread: false },
        ..FlowInfo::new("toy", "shops that sell over a network", "made up")
    };

    fn operation(config: &Config) -> BoxedStrategy<Op> {
        let shops = config.shops;
        prop_oneof![
            3 => (0..shops, 1_u16..1_000).prop_map(|(shop, amount)| Op::Buy { shop, amount }),
            2 => (0..shops).prop_map(|shop| Op::Look { shop }),
            1 => any::<()>().prop_map(|()| Op::Wait),
            1 => Just(Op::Wait),
        ]
        .boxed()
    }

    fn simpler(operation: &Op) -> Vec<Op> {
        match operation {
            Op::Buy { shop, amount } if *amount > 1 => vec![Op::Buy { shop: *shop, amount: 1 }],
            _ => Vec::new(),
        }
    }

    fn smaller(config: &Config) -> Vec<toml::Table> {
        let fewer = |shops| toml::Table::from_iter([("shops".to_owned(), toml::Value::Integer(shops))]);
        (1..i64::from(config.shops)).map(fewer).collect()
    }

    fn build(world: &World, setup: Setup<Self>) {
        let books = Rc::new(Books::default());
        let edits = Rc::new(setup.config.edits);
        if edits.iter().any(|edit| edit == "node") {
            world.node("stranger", |node| async move {
                for _ in 0..5 {
                    let pause = Latency { quiet: Duration::from_micros(700), max: Duration::from_millis(9) };
                    let pause = node.choose(&MOOD_PAUSE, &pause);
                    node.sleep(pause).await;
                    let _ = node.net().connect("shop-0", "nothing").await;
                }
            });
        }
        let code = Code { repeats: setup.variant == "1.0", forgets: setup.variant != "correct", edits };
        for shop in 0..setup.config.shops {
            let (books, code) = (Rc::clone(&books), code.clone());
            world.node(&format!("shop-{shop}"), move |node| sell(node, shop, Rc::clone(&books), code.clone()));
        }
        let (operations, kept) = (Rc::new(setup.operations), Rc::clone(&books));
        world.client("client", move |node| buy(node, Rc::clone(&operations), Rc::clone(&kept)));
        world.always("books-balance", move || books.balance());
    }
}

static MOOD_PAUSE: Site = Site::latency("toy/pause", "how long a stranger pauses");

#[derive(Clone)]
struct Code {
    repeats: bool,
    forgets: bool,
    edits: Rc<Vec<String>>,
}

#[derive(Default)]
struct Books {
    wanted: Cell<u32>,
    sold: Cell<u32>,
    /// What each shop believes to have sold, and what it has.
    shops: RefCell<BTreeMap<u8, (u32, u32)>>,
    seen: Cell<Option<u8>>,
}

impl Books {
    fn balance(&self) -> Outcome {
        if let Some(shop) = self.seen.get() {
            return Outcome::violated(FORGOTTEN, format!("by shop {shop}"));
        }
        match (self.sold.get(), self.wanted.get()) {
            (0, 0) => Outcome::Idle,
            (sold, wanted) if sold <= wanted => Outcome::Held,
            (sold, wanted) => Outcome::violated(TWICE, format!("{sold} of {wanted}")),
        }
    }
}

async fn sell(node: Node, shop: u8, books: Rc<Books>, code: Code) {
    let Ok(listener) = node.net().listen("shop") else {
        return;
    };
    let last = Rc::new(Cell::new(None));
    while let Ok(stream) = listener.accept().await {
        let (connection, books, last) = (Messages::new(stream), Rc::clone(&books), Rc::clone(&last));
        let (code, here) = (code.clone(), node.clone());
        node.spawn("customer", async move {
            while let Ok(request) = connection.recv().await {
                if code.edits.iter().any(|edit| edit == "site") {
                    here.choose(&MOOD, &Coin);
                }
                if code.edits.iter().any(|edit| edit == "log") {
                    here.note(&NOTE, "customer", format_args!("{} bytes", request.len()));
                }
                let number = request[0];
                let amount = u32::from(u16::from_be_bytes([request[1], request[2]]));
                let mut shops = books.shops.borrow_mut();
                let (believed, had) = shops.entry(shop).or_default();
                if amount == 0 {
                    if believed != had {
                        books.seen.set(Some(shop));
                    }
                } else if code.repeats || last.replace(Some(number)) != Some(number) {
                    books.sold.set(books.sold.get() + amount);
                    *had += amount;
                    if !(code.forgets && here.choose(&FORGETS, &Coin)) {
                        *believed += amount;
                    }
                }
                drop(shops);
                let _ = connection.send(b"ok");
            }
        });
    }
}

async fn buy(node: Node, operations: Rc<Vec<(usize, Op)>>, books: Rc<Books>) {
    for (number, operation) in operations.iter() {
        let (shop, amount) = match operation {
            Op::Buy { shop, amount } => (*shop, *amount),
            Op::Look { shop } => (*shop, 0),
            Op::Wait => {
                node.sleep(Duration::from_millis(3)).await;
                continue;
            }
        };
        books.wanted.set(books.wanted.get() + u32::from(amount));
        let bytes = amount.to_be_bytes();
        for _ in 0..20 {
            match ask(&node, shop, &[*number as u8, bytes[0], bytes[1]]).await {
                // A shop that was left out of the configuration.
                Ok(()) | Err(NetError::NoSuchNode) => break,
                Err(_) => node.sleep(Duration::from_millis(10)).await,
            }
        }
    }
}

async fn ask(node: &Node, shop: u8, request: &[u8]) -> Result<(), NetError> {
    let connection = Messages::new(node.net().connect(&format!("shop-{shop}"), "shop").await?);
    connection.send(request)?;
    connection.recv().await.map(|_| ())
}
