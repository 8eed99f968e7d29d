//! Memory: once warm, a ping-pong of messages allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use seedbed::check::{CheckMode, Checks};
use seedbed::choice::{Choices, Mode, Script, Seed, Settings};
use seedbed::kernel::{Dispatch, Limits, Sim, Time, Until};
use seedbed::prelude::*;
use seedbed::trace::Trace;

/// The system's allocator, and how often it was asked for memory.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to `System` with the arguments it came with, so its guarantees are those of `System`; the
// counter is a static of its own and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`, which is `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: `place` came from `System` with this layout, because `alloc` above got it there.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as for `dealloc`; `size` is the caller's, who keeps the contract.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations the second of two equally long stretches of a ping-pong makes, and how many steps it takes.
fn allocations_when_warm(by_callback: bool) -> (u64, u64) {
    let seed = Seed(1);
    let choices = Choices::new(seed, Mode::Search, &Script::default(), &quiet());
    let limits = Limits { steps_max: u64::MAX, ..Limits::default() };
    let trace = Trace::new(false, u64::MAX);
    let sim = Sim::new(choices, trace, limits, Dispatch::ByTime);
    let world = World::new(&sim, Checks::new(&[], |_| CheckMode::Stop));
    world.node("server", move |node| async move {
        let listener = node.net().listen("echo").expect("it is free");
        let messages = Messages::new(listener.accept().await.expect("alive"));
        if by_callback {
            let back = messages.clone();
            messages.on_message(move |message| back.send(message).expect("no faults"));
            std::future::pending::<()>().await;
        }
        let mut buffer = Vec::new();
        while messages.recv_into(&mut buffer).await.is_ok() {
            messages.send(&buffer).expect("no faults");
        }
    });
    let rounds = Rc::new(Cell::new(0_u32));
    let count = Rc::clone(&rounds);
    world.node("client", move |node| {
        let count = Rc::clone(&count);
        async move {
            let stream = node.net().connect("server", "echo").await;
            let messages = Messages::new(stream.expect("no faults"));
            let mut buffer = Vec::new();
            loop {
                messages.send(&[7; 16]).expect("no faults");
                messages.recv_into(&mut buffer).await.expect("no faults");
                count.set(count.get() + 1);
            }
        }
    });
    let mut hook = world.clone();
    let mut go = |until: u32| {
        let _ =
            sim.run(&Until { deadline: Time::NEVER, done: &|| rounds.get() >= until, last_step: u64::MAX }, &mut hook);
        (ALLOCATIONS.load(Ordering::Relaxed), sim.step())
    };
    let (before, warm) = go(1_000);
    let (after, end) = go(2_000);
    sim.tear_down();
    (after - before, end - warm)
}

fn quiet() -> Settings {
    let mut settings = Settings::default();
    let latency = seedbed::choice::SiteClass::Latency;
    settings.class_rates.insert(latency, Rate::NEVER);
    settings
}

/// One test, because the counter is the process's.
#[test]
fn a_warm_ping_pong_allocates_nothing() {
    assert!(ALLOCATIONS.load(Ordering::Relaxed) > 0, "the counter counts");
    for by_callback in [false, true] {
        let (allocations, steps) = allocations_when_warm(by_callback);
        assert_eq!(steps, 2_000, "one message is one step");
        assert_eq!(allocations, 0, "by callback: {by_callback}");
    }
}
