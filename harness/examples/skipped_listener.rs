//! A re-entry bug: while a room tells its listeners, one of them leaves, and the next one is skipped.
//! Its scenarios lie beside it: `cargo run --release --example skipped_listener`.

use seedbed::prelude::*;
use std::{cell::RefCell, rc::Rc};

static TELL: Site = Site::reentry("room/tell", "a request is handled inside a listener's callback");
const LISTENERS: u8 = 4;

struct Room;

impl Flow for Room {
    type Config = NoConfig;
    type Op = u8; // the listener who leaves; any other number: something is said

    const INFO: FlowInfo = FlowInfo {
        variants: &[Named::new("1.0", "walks over the list itself"), Named::new("1.1", "walks over a copy")],
        sites: &[&TELL],
        invariants: &[InvariantInfo::always("nobody-skipped", "who stays hears everything")],
        ..FlowInfo::new("room", "a room that tells its listeners", "made up")
    };

    fn operation(_: &NoConfig) -> BoxedStrategy<u8> {
        (0..LISTENERS * 2).boxed()
    }

    fn build(world: &World, setup: Setup<Self>) {
        let state = Rc::new(RefCell::new(State { present: (0..LISTENERS).collect(), ..State::default() }));
        let (shared, copies) = (state.clone(), setup.variant == "1.1");
        world.node("room", move |node| room(node, shared.clone(), copies));
        world.client("client", move |node| client(node, setup.operations.clone()));
        world.always("nobody-skipped", move || {
            let state = state.borrow();
            match state.present.iter().find(|who| state.heard[**who as usize] < state.said) {
                Some(who) => Outcome::violated("a listener was skipped", format!("listener {who}")),
                None if state.said > 0 => Outcome::Held,
                None => Outcome::Idle,
            }
        });
    }
}

#[derive(Default)]
struct State {
    present: Vec<u8>,
    heard: [u32; LISTENERS as usize],
    said: u32,
}

async fn room(node: Node, state: Rc<RefCell<State>>, copies: bool) {
    let Ok(listener) = node.net().listen("room") else { return };
    let Ok(connection) = listener.accept().await.map(Messages::new) else { return };
    connection.on_message(move |request| match request[0] {
        who if who < LISTENERS => state.borrow_mut().present.retain(|listener| *listener != who),
        _ => tell(&node, &state, copies),
    });
    std::future::pending().await
}

/// A listener's callback is a boundary: what is in flight to the room may be handled inside it.
fn tell(node: &Node, state: &RefCell<State>, copies: bool) {
    state.borrow_mut().said += 1;
    let copy = state.borrow().present.clone();
    for (index, member) in copy.iter().enumerate() {
        let next = if copies { Some(*member) } else { state.borrow().present.get(index).copied() };
        let Some(who) = next else { break };
        state.borrow_mut().heard[who as usize] += 1;
        node.boundary(&TELL, "listener");
    }
}

async fn client(node: Node, operations: Vec<(usize, u8)>) {
    let Ok(connection) = node.net().connect("room", "room").await.map(Messages::new) else { return };
    let _ = operations.iter().try_for_each(|(_, operation)| connection.send(&[*operation]));
    let _ = connection.recv().await; // nothing comes back: this waits for the connection's end
}

fn main() -> std::process::ExitCode {
    seedbed_harness::Harness::new().flow::<Room>().scenarios("harness/examples/skipped_listener").main()
}
