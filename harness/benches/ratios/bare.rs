//! The floor: a heap of events with random latencies, and nothing else.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;

/// Delivers `count` messages to and fro.
pub fn ping_pong(count: u64) {
    let mut heap = BinaryHeap::new();
    let mut random: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut order = 0_u64;
    heap.push(Reverse((0_u64, order, 0_u32)));
    let mut delivered = [0_u64; 2];
    for _ in 0..count {
        let Some(Reverse((at, _, node))) = heap.pop() else {
            return;
        };
        delivered[node as usize] += 1;
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        order += 1;
        heap.push(Reverse((at + 500 + random % 1_000, order, 1 - node)));
    }
    black_box(delivered);
}
