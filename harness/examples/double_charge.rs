//! A disconnect bug: a client repeats a deposit after a lost connection; the bank does not recognise it.
//! Its scenarios lie beside it: `cargo run --release --example double_charge`.

use seedbed::prelude::*;
use std::{cell::Cell, rc::Rc, time::Duration};

struct Deposits;

impl Flow for Deposits {
    type Config = NoConfig;
    type Op = u8; // the amount

    const INFO: FlowInfo = FlowInfo {
        variants: &[
            Named::new("1.0", "a deposit is applied as often as it arrives"),
            Named::new("1.1", "a deposit that was applied is only acknowledged"),
        ],
        invariants: &[InvariantInfo::always(
            "no-money-from-nothing",
            "the balance is never more than what clients wanted to deposit",
        )],
        ..FlowInfo::new("deposits", "a bank account behind a network", "made up")
    };

    fn operation(_: &NoConfig) -> BoxedStrategy<u8> {
        (1_u8..100).boxed()
    }

    fn build(world: &World, setup: Setup<Self>) {
        let (balance, wanted) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (account, dedupe) = (balance.clone(), setup.variant == "1.1");
        world.node("bank", move |node| bank(node, account.clone(), dedupe));
        let (operations, promised) = (Rc::new(setup.operations), wanted.clone());
        world.client("client", move |node| client(node, operations.clone(), promised.clone()));
        let (has, should) = (balance.clone(), wanted.clone());
        world.snapshot("bank", move || json!({ "balance": has.get() }));
        world.snapshot("client", move || json!({ "wanted": should.get() }));
        world.always("no-money-from-nothing", move || match (balance.get(), wanted.get()) {
            (0, _) => Outcome::Idle,
            (has, wanted) if has <= wanted => Outcome::Held,
            (has, wanted) => Outcome::violated("applied twice", format!("{has} of {wanted}")),
        });
    }
}

async fn bank(node: Node, balance: Rc<Cell<u32>>, dedupe: bool) {
    let Ok(listener) = node.net().listen("deposits") else { return };
    let last = Rc::new(Cell::new(None));
    while let Ok(stream) = listener.accept().await {
        let (connection, balance, last) = (Messages::new(stream), balance.clone(), last.clone());
        node.spawn("connection", async move {
            while let Ok(request) = connection.recv().await {
                let (number, amount) = (request[0], u32::from(request[1]));
                if !dedupe || last.replace(Some(number)) != Some(number) {
                    balance.set(balance.get() + amount);
                }
                let _ = connection.send(b"ok"); // a lost connection is the client's to notice
            }
        });
    }
}

async fn client(node: Node, operations: Rc<Vec<(usize, u8)>>, wanted: Rc<Cell<u32>>) {
    for (number, amount) in operations.iter() {
        wanted.set(wanted.get() + u32::from(*amount));
        while deposit(&node, &[*number as u8, *amount]).await.is_err() {
            node.sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn deposit(node: &Node, request: &[u8]) -> Result<(), NetError> {
    let connection = Messages::new(node.net().connect("bank", "deposits").await?);
    connection.send(request)?;
    connection.recv().await.map(|_| ())
}

fn main() -> std::process::ExitCode {
    seedbed_harness::Harness::new().flow::<Deposits>().scenarios("harness/examples/double_charge").main()
}
