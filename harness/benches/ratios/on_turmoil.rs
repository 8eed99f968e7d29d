//! The same work on turmoil: TCP between simulated hosts.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil::net::{TcpListener, TcpStream};
use turmoil::{Builder, Sim};

const PORT: u16 = 1_000;

fn sim(seed: u64) -> Sim<'static> {
    Builder::new()
        .rng_seed(seed)
        .tick_duration(Duration::from_micros(100))
        .min_message_latency(Duration::from_micros(100))
        .max_message_latency(Duration::from_millis(2))
        .simulation_duration(Duration::from_secs(1_000_000))
        .build()
}

fn serve(sim: &mut Sim<'static>, name: &str) {
    sim.host(name, || async {
        let listener = TcpListener::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), PORT)).await?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            tokio::task::spawn_local(async move {
                let mut buffer = [0; 16];
                while stream.read_exact(&mut buffer).await.is_ok() {
                    if stream.write_all(&buffer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
}

async fn call(server: &str, times: u64) -> std::io::Result<()> {
    let mut stream = TcpStream::connect((server, PORT)).await?;
    let mut buffer = [7; 16];
    for _ in 0..times {
        stream.write_all(&buffer).await?;
        stream.read_exact(&mut buffer).await?;
    }
    Ok(())
}

/// Delivers `count` messages to and fro.
pub fn ping_pong(count: u64) {
    let mut sim = sim(1);
    serve(&mut sim, "server");
    sim.client("client", async move { Ok(call("server", count / 2).await?) });
    sim.run().expect("the exchange ends");
}

/// Runs `count` small worlds.
pub fn short_runs(count: u64) {
    for seed in 0..count {
        let mut sim = sim(seed);
        for server in ["s1", "s2", "s3", "s4"] {
            serve(&mut sim, server);
        }
        sim.client("client", async move {
            for server in ["s1", "s2", "s3", "s4"] {
                // The crash of a server ends its calls; the others go on.
                let _ = tokio::time::timeout(Duration::from_secs(1), call(server, 25)).await;
            }
            Ok(())
        });
        for step in 0.. {
            if step == 100 {
                sim.crash("s4");
            }
            if sim.step().expect("no host fails") {
                break;
            }
        }
    }
}
