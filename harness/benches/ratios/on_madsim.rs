//! The same work on madsim's own network: an endpoint with tags.

use std::net::SocketAddr;
use std::time::Duration;

use madsim::net::Endpoint;
use madsim::runtime::{Handle, Runtime};
use madsim::time::timeout;

fn runtime(seed: u64) -> Runtime {
    Runtime::with_seed_and_config(seed, madsim::Config::default())
}

async fn serve(address: SocketAddr) {
    let endpoint = Endpoint::bind(address).await.expect("the address is free");
    let mut buffer = [0; 16];
    loop {
        let Ok((length, from)) = endpoint.recv_from(1, &mut buffer).await else {
            return;
        };
        if endpoint.send_to(from, 2, &buffer[..length]).await.is_err() {
            return;
        }
    }
}

async fn call(endpoint: &Endpoint, server: SocketAddr, times: u64) {
    let mut buffer = [7; 16];
    for _ in 0..times {
        endpoint.send_to(server, 1, &buffer).await.expect("it is sent");
        let (_, _) = endpoint.recv_from(2, &mut buffer).await.expect("it comes back");
    }
}

fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, host], 1_000))
}

/// Delivers `count` messages to and fro.
pub fn ping_pong(count: u64) {
    runtime(1).block_on(async move {
        let handle = Handle::current();
        let server = handle.create_node().name("server").ip(address(1).ip()).build();
        let client = handle.create_node().name("client").ip(address(2).ip()).build();
        server.spawn(serve(address(1)));
        let done = client.spawn(async move {
            madsim::time::sleep(Duration::from_millis(1)).await;
            let endpoint = Endpoint::bind(address(2)).await.expect("the address is free");
            call(&endpoint, address(1), count / 2).await;
        });
        done.await.expect("the exchange ends");
    });
}

/// Runs `count` small worlds.
pub fn short_runs(count: u64) {
    for seed in 0..count {
        runtime(seed).block_on(async move {
            let handle = Handle::current();
            let servers: Vec<_> = (1..=4)
                .map(|host| {
                    let node = handle.create_node().ip(address(host).ip()).build();
                    node.spawn(serve(address(host)));
                    node
                })
                .collect();
            let client = handle.create_node().ip(address(9).ip()).build();
            let last = servers[3].id();
            let done = client.spawn(async move {
                madsim::time::sleep(Duration::from_millis(1)).await;
                let endpoint = Endpoint::bind(address(9)).await.expect("the address is free");
                for host in 1..=4 {
                    if host == 4 {
                        Handle::current().kill(last);
                    }
                    let _ = timeout(Duration::from_secs(1), call(&endpoint, address(host), 25)).await;
                }
            });
            done.await.expect("the exchange ends");
        });
    }
}
