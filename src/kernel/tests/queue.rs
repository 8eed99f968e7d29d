//! Events of one FIFO queue, whatever happens to their node.

use super::*;

/// Takes what it is told to, and writes the tokens down.
struct Letterbox(Diary);

impl Resource for Letterbox {
    fn dispatch(&self, sim: &Sim, token: u64) {
        self.0.write(format!("{token}@{}", sim.now().as_nanos() / 1_000_000));
    }

    fn eligible(&self, _: &Sim, _: u64) -> Eligible {
        Eligible::Callback
    }

    fn node_down(&self, _: &Sim, _: NodeId, _: Down) {}

    fn heal(&self, _: &Sim) {}

    fn tear_down(&self) {}
}

fn letters(sim: &Sim, to: NodeId, due: &[u64]) -> Diary {
    let diary = Diary::default();
    let resource = sim.add_resource(Rc::new(Letterbox(diary.clone())));
    let lane = sim.lane();
    for (token, ms) in due.iter().enumerate() {
        sim.schedule(Schedule {
            at: at(*ms),
            lane,
            node: to,
            label: "letter",
            subject: sim.name("letter"),
            action: Action::Resource { resource, token: token as u64 },
        });
    }
    diary
}

/// FIFO survives a busy node: what had to wait goes before what is due just then.
#[test]
fn a_busy_node_keeps_fifo() {
    let sim = sim();
    let n = node(&sim, "n", |node| node.sim().add_debt(node.id(), MS * 5));
    let diary = letters(&sim, n, &[1, 2, 5, 5, 6]);
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "0@5 1@5 2@5 3@5 4@6");
}

/// FIFO survives a pause.
#[test]
fn a_paused_node_keeps_fifo() {
    let sim = sim();
    let n = node(&sim, "n", |node| {
        let sim = node.sim();
        sim.resume_after(node.id(), MS * 5);
        sim.pause(node.id());
    });
    let diary = letters(&sim, n, &[1, 2, 5, 5, 6]);
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "0@5 1@5 2@5 3@5 4@6");
}

/// What a paused node has put off still reaches its resource when the node is killed: bytes that arrive find nobody,
/// but they arrive.
#[test]
fn a_killed_node_gives_back_what_it_put_off() {
    let sim = sim();
    let n = node(&sim, "n", |node| node.sim().pause(node.id()));
    let diary = letters(&sim, n, &[1, 2, 9]);
    run_until(&sim, at(3));
    assert_eq!(diary.text(), "");
    sim.kill(n, Down::Kill);
    assert_eq!(run(&sim), Ended::Quiescent);
    assert_eq!(diary.text(), "0@3 1@3 2@9");
}
