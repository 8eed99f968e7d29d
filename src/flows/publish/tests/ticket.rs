//! Ticket 877 and everything near it.

use super::*;

/// Three of ten shares on eleven servers, share 2 on two of them, of which the third of the walk is dead.
fn ticket(dead: &str) -> String {
    format!(
        r#"
        [flow-config]
        servers = 11
        k = 3
        n = 10
        placement = {{ s1 = [0], s2 = [1], s3 = [2], s4 = [3], s5 = [4], s6 = [5], s7 = [6], s8 = [7], s9 = [8], s10 = [9], s11 = [2] }}
        walk = ["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11"]
        {dead}
        readers = 0
        [[workload.op]]
        overwrite = {{ bytes = 64 }}
        "#
    )
}

#[test]
fn probe() {
    let scenario = scenario(
        "1.5.0",
        &ticket("dead = [\"s3\"]\ndead-answers = \"inline\""),
    );
    let report = run(&scenario, 0);
    println!("{}", report.trace.as_ref().unwrap().render());
    println!(
        "{:?} {:?} {} {:?}",
        failures(&report),
        outcomes(&report),
        count(&report, "write"),
        report.verdict
    );
}
