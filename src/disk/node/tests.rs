//! The disk inside a run.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::check::{CheckMode, Checks};
use crate::choice::{Choices, Mode, Script, Seed, Settings, SiteSetting};
use crate::disk::{Calm, Contract, Disk, DiskError, DiskSetup, LockKind, OpenMode};
use crate::kernel::{Dispatch, Down, Limits, Sim, Time, Until};
use crate::trace::Trace;
use crate::world::{Node, World};

/// What a run wrote down.
type Notes = Rc<RefCell<Vec<String>>>;

struct Ran {
    sim: Sim,
    world: World,
    notes: Vec<String>,
    digest: String,
    script: Script,
}

impl Drop for Ran {
    fn drop(&mut self) {
        self.world.tear_down();
    }
}

fn pin(settings: &mut Settings, site: &str, words: &str, max: u64) {
    let pin = SiteSetting { pin: Some(words.to_owned()), max: Some(max), ..SiteSetting::default() };
    settings.sites.insert(site.to_owned(), pin);
}

fn quiet() -> Settings {
    let mut settings = Settings::default();
    pin(&mut settings, "disk/profile", "posix-strict", 1);
    settings
}

/// Runs one node, which may crash, for a minute.
fn run<F>(settings: &Settings, mode: Mode, script: &Script, main: impl Fn(Node, Notes) -> F + 'static) -> Ran
where
    F: Future<Output = ()> + 'static,
{
    run_prepared(settings, mode, script, |_| {}, main)
}

fn run_prepared<F>(
    settings: &Settings,
    mode: Mode,
    script: &Script,
    prepare: impl FnOnce(&World),
    main: impl Fn(Node, Notes) -> F + 'static,
) -> Ran
where
    F: Future<Output = ()> + 'static,
{
    let choices = Choices::new(Seed(1), mode, script, settings);
    let trace = Trace::new(true, 100_000);
    let sim = Sim::new(choices, trace, Limits::default(), Dispatch::default());
    let mut world = World::new(&sim, Checks::new(&[], |_| CheckMode::Stop));
    world.disks().set_contract(Contract::default(), settings);
    prepare(&world);
    let notes = Notes::default();
    let shared = Rc::clone(&notes);
    let node = world.node("server", move |node| main(node, Rc::clone(&shared)));
    world.may_crash(node);
    let until = Until { deadline: Time::ZERO + Duration::from_secs(60), done: &|| false, last_step: 10_000 };
    sim.run(&until, &mut world);
    let digest = sim.trace().digest().to_string();
    let script = sim.with_choices(|choices| choices.script());
    let notes = notes.borrow().clone();
    assert!(sim.incidents().is_empty(), "{:?}", sim.incidents());
    Ran { sim, world, notes, digest, script }
}

fn note(notes: &Notes, text: String) {
    notes.borrow_mut().push(text);
}

/// Asynchronous operations do what they say, in order, and take virtual time.
#[test]
fn asynchronous() {
    let ran = run(&quiet(), Mode::Search, &Script::default(), |node, notes| async move {
        let disk = node.disk();
        let file = disk.open("a", OpenMode::Create).await.unwrap();
        let (first, second) = (file.append(b"one"), file.append(b"two"));
        assert_eq!((second.await, first.await), (Ok(3), Ok(3)));
        file.sync_all().await.unwrap();
        disk.rename("a", "b").await.unwrap();
        disk.sync_dir("").await.unwrap();
        assert_eq!(file.read_at(0, 10).await.unwrap(), b"onetwo");
        assert_eq!(disk.read_dir("").await.unwrap(), ["b"]);
        assert_eq!(disk.open("a", OpenMode::Read).await.err(), Some(DiskError::NotFound));
        assert!(node.now() > Time::ZERO + Duration::from_millis(1));
        note(&notes, "done".into());
    });
    assert_eq!(ran.notes, ["done"]);
    assert_eq!(ran.world.disks().look(ran.sim.node_ids()[0], |disk| disk.content("b").unwrap()), b"onetwo");
}

/// Synchronous operations take the node's time, not the world's.
#[test]
fn synchronous() {
    let ran = run(&quiet(), Mode::Search, &Script::default(), |node, notes| async move {
        let disk = node.disk().blocking();
        let file = disk.open("a", OpenMode::Create).unwrap();
        let (node_before, world_before) = (node.now(), node.sim().now());
        file.write_at(0, b"x").unwrap();
        file.sync_all().unwrap();
        let after_sync = node.now();
        assert_eq!((file.read_cached_at(0, &mut [0; 2]), node.now()), (Ok(1), after_sync));
        assert!(node.now() >= node_before + Duration::from_micros(505));
        assert_eq!(node.sim().now(), world_before);
        let busy_until = node.now();
        node.sleep(Duration::from_nanos(1)).await;
        assert!(node.sim().now() >= busy_until, "the node's next event waited");
        note(&notes, "done".into());
    });
    assert_eq!(ran.notes, ["done"]);
}

/// A power cut inside synchronous code freezes it: nothing it does afterwards has an effect or reaches the
/// trace. Whether the striking operation applied is a choice. The run can be replayed from its script.
#[test]
fn frozen() {
    for (moment, cut) in [("before", "all"), ("after", "all"), ("after", "none")] {
        let mut settings = quiet();
        pin(&mut settings, "disk/power-cut", moment, 1);
        pin(&mut settings, "disk/cut-state", cut, 1);
        // The first operation that can strike is the one that creates the file.
        let main = |node: Node, notes: Notes| async move {
            let disk = node.disk().blocking();
            note(&notes, format!("{:?}", disk.metadata("a").map(|_| ())));
            let file = match disk.open("a", OpenMode::Create) {
                Ok(file) => file,
                Err(error) => {
                    let (steps, choices) =
                        (node.sim().step(), node.sim().with_choices(|choices| choices.script().len()));
                    assert_eq!((error, disk.unlink("a")), (DiskError::Frozen, Err(DiskError::Frozen)));
                    assert_eq!(
                        (steps, choices),
                        (node.sim().step(), node.sim().with_choices(|choices| choices.script().len()))
                    );
                    panic!("the dying may end as they like");
                }
            };
            file.write_at(0, b"x").unwrap();
        };
        let ran = run(&settings, Mode::Search, &Script::default(), main);
        let second_life = if moment == "after" && cut == "all" { "Ok(())" } else { "Err(NotFound)" };
        assert_eq!(ran.notes, ["Err(NotFound)", second_life], "{moment} {cut}");
        let again = run(&quiet(), Mode::Replay, &ran.script, main);
        assert_eq!(again.digest, ran.digest);
        assert_eq!(again.script, ran.script);
    }
}

/// A dead stack that never stops calling is unwound, silently.
#[test]
fn endless_dying() {
    let mut settings = quiet();
    pin(&mut settings, "disk/power-cut", "before", 1);
    let ran = run(&settings, Mode::Search, &Script::default(), |node, notes| async move {
        note(&notes, "life".into());
        let disk = node.disk().blocking();
        while disk.open("a", OpenMode::Create).is_err() {}
    });
    assert_eq!(ran.notes, ["life", "life"]);
}

/// A node's disk begins with what was installed, and no cut takes it away.
#[test]
fn templates() {
    let mut template = Disk::new(DiskSetup::default());
    let file = template.open("a", OpenMode::Create).unwrap();
    template.write_at(&mut Calm, &file, 0, b"given").unwrap();
    let mut settings = quiet();
    pin(&mut settings, "disk/power-cut", "after", 1);
    pin(&mut settings, "disk/cut-state", "none", 1);
    let prepare = move |world: &World| world.disks().install("server", &template);
    let ran = run_prepared(&settings, Mode::Search, &Script::default(), prepare, |node, notes| async move {
        let disk = node.disk().blocking();
        let mut content = [0; 5];
        let file = disk.open("a", OpenMode::Write);
        if let Ok(file) = file {
            file.read_at(0, &mut content).unwrap();
            note(&notes, String::from_utf8_lossy(&content).into_owned());
        }
    });
    assert_eq!(ran.notes, ["given"]);
}

/// A process killed with a write in flight leaves some of it behind, and what it had written before.
#[test]
fn killed_in_flight() {
    let mut settings = quiet();
    pin(&mut settings, "disk/in-flight", "2", 1);
    let ran = run(&settings, Mode::Search, &Script::default(), |node, notes| async move {
        let disk = node.disk();
        if let Ok(kind) = disk.metadata("a").await {
            return note(&notes, format!("{kind:?}"));
        }
        let file = disk.open("a", OpenMode::Create).await.unwrap();
        file.append(b"first").await.unwrap();
        let sim = node.sim().clone();
        let id = node.id();
        let _write = file.append(b"second");
        sim.kill(id, Down::Kill);
        sim.start(id, Duration::from_secs(1));
        std::future::pending::<()>().await;
    });
    assert_eq!(ran.notes, ["File { size: 7 }"]);
}

/// An advisory lock keeps other open files out, in both forms, and goes with its file.
#[test]
fn locks() {
    let ran = run(&quiet(), Mode::Search, &Script::default(), |node, notes| async move {
        let disk = node.disk();
        let one = disk.open("a", OpenMode::Create).await.unwrap();
        let two = disk.blocking().open("a", OpenMode::Create).unwrap();
        one.try_lock(LockKind::Exclusive).unwrap();
        assert_eq!(two.try_lock(LockKind::Shared), Err(DiskError::WouldBlock));
        one.unlock();
        two.try_lock(LockKind::Shared).unwrap();
        one.try_lock(LockKind::Shared).unwrap();
        assert_eq!(two.try_lock(LockKind::Exclusive), Err(DiskError::WouldBlock));
        drop(one);
        two.try_lock(LockKind::Exclusive).unwrap();
        note(&notes, "done".into());
    });
    assert_eq!(ran.notes, ["done"]);
}

/// What is wrong with a device is drawn when faults begin to strike, also if its node has used it while it booted.
#[test]
fn a_device_is_drawn_when_faults_begin() {
    let mut settings = quiet();
    pin(&mut settings, "disk/capacity", "4096", 1);
    let choices = Choices::new(Seed(1), Mode::Search, &Script::default(), &settings);
    let sim = Sim::new(choices, Trace::new(true, 100_000), Limits::default(), Dispatch::default());
    let world = World::new(&sim, Checks::new(&[], |_| CheckMode::Stop));
    sim.with_choices(|choices| choices.arm(false));
    let notes = Notes::default();
    let shared = Rc::clone(&notes);
    world.node("server", move |node| {
        let notes = Rc::clone(&shared);
        async move {
            let disk = node.disk().blocking();
            let file = disk.open("a", OpenMode::Create).unwrap();
            note(&notes, format!("{:?}", file.write_at(0, &[1; 8192])));
            node.sleep(Duration::from_secs(1)).await;
            note(&notes, format!("{:?}", file.write_at(8192, b"x")));
        }
    });
    let run_until = |seconds| {
        let deadline = Time::ZERO + Duration::from_secs(seconds);
        sim.run(&Until { deadline, done: &|| false, last_step: 10_000 }, &mut world.clone())
    };
    run_until(0);
    sim.with_choices(|choices| choices.arm(true));
    world.begin_run();
    run_until(2);
    world.tear_down();
    assert_eq!(*notes.borrow(), ["Ok(8192)", "Err(NoSpace)"]);
}
