//! The server as a node: it takes requests from the network, and a few workers answer them, each on a connection of its
//! own, one request at a time. Every statement is a step, so that workers alternate between statements and a process may
//! die before any of them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use super::backup::{self, Copying};
use super::bell::Bell;
use super::files;
use super::orm::{BUSY_TIMEOUT_US, Orm, OrmError, OrmResult, Purpose, Receiver, Surroundings, Waiting};
use super::protocol::{PORT, Reply, Request};
use super::records::{Picking, Records};
use super::schema::Era;
use super::variants::Journal;
use super::view::Application;
use super::watch::Watch;
use super::{sites, trace};
use crate::disk::sqlite::Volume;
use crate::kernel::Time;
use crate::net::Messages;
use crate::world::Node;

/// What outlives the process.
pub struct Machine {
    /// What requests are answered by.
    pub application: Application,
    /// The framework's rules.
    pub era: Era,
    /// The journal.
    pub journal: Journal,
    /// Receivers that are connected.
    pub receivers: Rc<[&'static Receiver]>,
    /// How many workers there are.
    pub workers: u8,
    /// How often a backup is made; not at all if `None`.
    pub backup_every: Option<Duration>,
    /// How it is made.
    pub copying: Copying,
    /// Somebody wants one now.
    pub backup_now: Bell,
    /// How many were begun.
    pub backups: Cell<u64>,
    /// What is written down about them, and about merges.
    pub records: Records,
    /// How somebody finds the one to bring a tag back from.
    pub picking: Picking,
    /// The witness.
    pub watch: Rc<Watch>,
}

/// A request with the connection its answer goes to.
struct Job {
    request: Request,
    messages: Messages,
}

/// Requests that wait for a worker.
#[derive(Default)]
struct Jobs {
    waiting: RefCell<VecDeque<Job>>,
    idle: RefCell<Vec<Waker>>,
}

impl Jobs {
    fn push(&self, job: Job) {
        self.waiting.borrow_mut().push_back(job);
        let idle = std::mem::take(&mut *self.idle.borrow_mut());
        idle.into_iter().for_each(Waker::wake);
    }

    async fn next(&self) -> Job {
        poll_fn(|context| match self.waiting.borrow_mut().pop_front() {
            Some(job) => Poll::Ready(job),
            None => {
                self.idle.borrow_mut().push(context.waker().clone());
                Poll::Pending
            }
        })
        .await
    }
}

/// Serves until the node goes down.
pub async fn serve(node: Node, machine: Rc<Machine>) {
    machine.watch.server_starts(&node);
    let Ok(listener) = node.net().listen(PORT) else {
        return;
    };
    let jobs = Rc::new(Jobs::default());
    for number in 0..machine.workers {
        let worker = Worker::new(&node, &machine, number);
        let jobs = Rc::clone(&jobs);
        node.spawn(&format!("worker-{number}"), async move {
            loop {
                let job = jobs.next().await;
                let reply = worker.answer(&job.request).await;
                // Whoever has hung up does not hear it.
                let _ = job.messages.send_labelled("reply", &reply.encode());
                job.messages.close();
            }
        });
    }
    if let Some(every) = machine.backup_every {
        node.spawn("backup", backup::run(node.clone(), Rc::clone(&machine), every));
    }
    while let Ok(stream) = listener.accept().await {
        let (messages, jobs) = (Messages::in_order(stream), Rc::clone(&jobs));
        node.spawn("connection", async move {
            let Ok(bytes) = messages.recv().await else {
                return;
            };
            match Request::decode(&bytes) {
                Some(request) => jobs.push(Job { request, messages }),
                None => messages.abort(),
            }
        });
    }
}

/// One worker.
struct Worker {
    machine: Rc<Machine>,
    around: Rc<Around>,
    orm: RefCell<Option<Orm>>,
}

/// What is around a worker's connection.
struct Around {
    node: Node,
    name: String,
    volume: Volume,
    watch: Rc<Watch>,
    /// The number of the request that is worked on.
    ticket: Cell<u64>,
}

impl Worker {
    fn new(node: &Node, machine: &Rc<Machine>, number: u8) -> Worker {
        let around = Rc::new(Around {
            node: node.clone(),
            name: format!("{}:worker-{number}", node.name()),
            volume: Volume::of_node(&node.disk().blocking()),
            watch: Rc::clone(&machine.watch),
            ticket: Cell::new(0),
        });
        Worker { machine: Rc::clone(machine), around, orm: RefCell::default() }
    }

    async fn answer(&self, request: &Request) -> Reply {
        let Around { node, name, watch, .. } = &*self.around;
        node.event(&trace::REQUEST, name, [request.number, 0, 0]);
        self.around.ticket.set(watch.request_begins(request));
        let came = node.now();
        let reply = match self.connection().await {
            Ok(orm) => {
                let reply = self.machine.application.answer(&orm, request).await;
                // A connection that has seen trouble is not used again.
                if reply.status < 500 && orm.is_clean() {
                    self.orm.replace(Some(orm));
                }
                reply
            }
            Err(error) => Reply::new(503, error.to_string()),
        };
        node.event(&trace::ANSWER, name, [u64::from(reply.status), 0, 0]);
        self.machine.records.answered(request, came, &reply);
        watch.answered(node, self.around.ticket.get(), &reply);
        reply
    }

    /// The worker's connection, opened if there is none; somebody else may be recovering the file.
    async fn connection(&self) -> OrmResult<Orm> {
        let kept = self.orm.take();
        if let Some(orm) = kept {
            return Ok(orm);
        }
        let until = self.around.now_us() + BUSY_TIMEOUT_US;
        loop {
            self.around.before_statement("open").await;
            let opened = files::open(&self.around.volume, self.machine.journal).and_then(|database| {
                let around = Rc::clone(&self.around) as Rc<dyn Surroundings>;
                Orm::new(database, self.machine.era, &self.machine.receivers, around)
            });
            match opened {
                Err(OrmError::Busy) if self.around.lock_released(until).await => {}
                other => return other,
            }
        }
    }
}

impl Surroundings for Around {
    fn before_statement<'a>(&'a self, sql: &'a str) -> Waiting<'a, ()> {
        Box::pin(async move {
            let time = self.node.choose_as(&sites::STATEMENT, &self.name, &sites::STATEMENT_TIME);
            self.node.sleep(time).await;
            self.node.note(&trace::STATEMENT, &self.name, format_args!("{sql}"));
        })
    }

    fn now_us(&self) -> u64 {
        self.node.now().since(Time::ZERO).as_micros() as u64
    }

    fn lock_released(&self, until_us: u64) -> Waiting<'_, bool> {
        let left = Duration::from_micros(until_us.saturating_sub(self.now_us()));
        let released = self.volume.released();
        Box::pin(async move {
            self.node.event(&trace::LOCKED, &self.name, [0; 3]);
            self.node.sometimes("waited-for-a-lock");
            let is_released = self.node.timeout(left, released).await.is_ok();
            if !is_released {
                self.node.sometimes("locked-too-long");
            }
            is_released
        })
    }

    fn commits(&self, purpose: Purpose, commit: &mut dyn FnMut() -> OrmResult<()>) -> OrmResult<()> {
        self.watch.commit_begins(self.ticket.get(), purpose);
        let result = commit();
        if self.node.is_alive() {
            self.watch.commit_ended(&self.node, self.ticket.get(), purpose, &result);
        }
        result
    }

    fn receiver_called(&self, receiver: &'static str) {
        self.node.event(&trace::RECEIVER, receiver, [0; 3]);
        self.node.sometimes("receiver-called");
        if self.node.boundary(&sites::RECEIVER, receiver) {
            self.node.sometimes("handled-inside-a-receiver");
        }
    }
}
