//! Whoever takes the operations, one after the other.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::mail::{mail, mail_of_cache_size};
use super::{Deliver, Expire, Flag, Messages, Op, Ref};
use crate::choice::Latency;
use crate::flows::sync::format::{Guid, guid};
use crate::flows::sync::machine::Pair;
use crate::flows::sync::store::log::{self, Event};
use crate::flows::sync::store::message::changed;
use crate::flows::sync::store::{Fail, NewMessage, Store};
use crate::flows::sync::{sites, trace};
use crate::world::Node;

/// Between operations: the replica has usually caught up.
const PAUSE: Latency = Latency { quiet: Duration::from_secs(5), max: Duration::from_secs(120) };
/// How long somebody waits for a server.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long somebody waits for the replica.
const SYNC_MAX_S: u32 = 600;
/// Seconds of a day.
const DAY_S: u32 = 86_400;

/// What an operation has made: mailbox and the SHA-1 of the message, by place.
type Made = Rc<RefCell<BTreeMap<Ref, (usize, Guid)>>>;

/// Takes the operations.
pub struct Driver {
    pair: Rc<Pair>,
    operations: Vec<(usize, Op)>,
    made: Made,
}

/// How an operation ends on a server.
type Ended = Result<&'static str, Fail>;

impl Driver {
    /// For these operations.
    #[must_use]
    pub fn new(pair: &Rc<Pair>, operations: Vec<(usize, Op)>) -> Rc<Driver> {
        Rc::new(Driver { pair: Rc::clone(pair), operations, made: Made::default() })
    }

    /// Takes them all.
    pub async fn run(self: Rc<Driver>, node: Node) {
        let mut rest = &self.operations[..];
        while let Some(((index, op), more)) = rest.split_first() {
            let pause = node.choose(&sites::PAUSE, &PAUSE);
            node.sleep(pause).await;
            rest = more;
            if *op != (Op::AtOnce {}) {
                self.take_one(&node, *index, op).await;
                continue;
            }
            let (both, more) = rest.split_at(rest.len().min(2));
            rest = more;
            let tasks: Vec<_> = both
                .iter()
                .map(|(index, op)| {
                    let (driver, index, op, again) = (Rc::clone(&self), *index, op.clone(), node.clone());
                    node.spawn("operation", async move { driver.take_one(&again, index, &op).await })
                })
                .collect();
            for task in tasks {
                task.await;
            }
        }
        self.pair.finish();
    }

    async fn take_one(self: &Rc<Driver>, node: &Node, index: usize, op: &Op) {
        node.note(&trace::JOB, "operation", format_args!("{index}: {op:?}"));
        let outcome = self.take(node, index, op).await;
        node.outcome(outcome);
    }

    async fn take(self: &Rc<Driver>, node: &Node, index: usize, op: &Op) -> &'static str {
        let driver = Rc::clone(self);
        match op {
            Op::Wait(wait) => {
                node.sleep(Duration::from_secs(u64::from(wait.hours) * 3_600)).await;
                "ok"
            }
            Op::Sync {} => self.until_synced(node).await,
            Op::Failover {} => {
                self.pair.failover();
                "ok"
            }
            // Two in a row are one.
            Op::AtOnce {} => "skipped",
            Op::Expire(expire) => self.expire(node, expire).await,
            Op::Deliver(deliver) => {
                let deliver = deliver.clone();
                self.on_master(node, move |store| driver.deliver(store, index, &deliver)).await
            }
            Op::Copy(messages) => {
                let messages = messages.clone();
                self.on_master(node, move |store| driver.copy(store, index, &messages)).await
            }
            Op::Expunge(messages) | Op::Force(messages) => {
                let (messages, force) = (messages.clone(), matches!(op, Op::Force(_)));
                self.on_master(node, move |store| driver.expunge(store, &messages, force)).await
            }
            Op::Unexpunge(messages) => {
                let messages = messages.clone();
                self.on_master(node, move |store| driver.unexpunge(store, &messages)).await
            }
            Op::Flag(flag) => {
                let flag = flag.clone();
                self.on_master(node, move |store| driver.flag(store, &flag)).await
            }
        }
    }

    async fn on_master(&self, node: &Node, what: impl Fn(&Store) -> Ended + 'static) -> &'static str {
        let (done, ended) = node.pending("ended");
        let posted = self.pair.job(self.pair.master(), what, move |result: Ended| {
            done.complete(result.unwrap_or("failed"));
        });
        if !posted {
            return "server-down";
        }
        node.timeout(PATIENCE, ended).await.unwrap_or("no-answer")
    }

    async fn expire(&self, node: &Node, expire: &Expire) -> &'static str {
        let which = if expire.replica { 1 - self.pair.master() } else { self.pair.master() };
        let Some(store) = self.pair.machine(which).store() else { return "server-down" };
        for mailbox in self.pair.mailboxes().to_vec() {
            let (done, ended) = node.pending("ended");
            let (pair, again, keep) = (Rc::clone(&self.pair), store.clone(), expire.days * DAY_S);
            store.node.after(Duration::ZERO, "expire", move || {
                pair.expire(&again, mailbox, keep, 100, move |result| {
                    done.complete(if result.is_ok() { "ok" } else { "failed" });
                });
            });
            match node.timeout(PATIENCE, ended).await {
                Ok("ok") => {}
                Ok(failed) => return failed,
                Err(_) => return "no-answer",
            }
        }
        "ok"
    }

    async fn until_synced(&self, node: &Node) -> &'static str {
        for _ in 0..SYNC_MAX_S {
            node.sleep(Duration::from_secs(1)).await;
            if self.pair.is_synced() {
                return "ok";
            }
        }
        "no-answer"
    }

    fn mailbox(&self, number: usize) -> String {
        self.pair.mailboxes()[number % self.pair.mailboxes().len()].clone()
    }

    /// Where a message is live.
    fn find(&self, store: &Store, of: Ref) -> Result<Option<(String, u32, Guid)>, Fail> {
        let Some((mailbox, guid)) = self.made.borrow().get(&of).copied() else { return Ok(None) };
        let mailbox = self.mailbox(mailbox);
        Ok(store.find(&mailbox, guid)?.map(|message| (mailbox, message.uid, guid)))
    }

    /// The same for several, by mailbox.
    fn find_all(&self, store: &Store, messages: &Messages) -> Result<BTreeMap<String, Vec<(u32, Guid)>>, Fail> {
        let mut found: BTreeMap<String, Vec<(u32, Guid)>> = BTreeMap::new();
        for of in &messages.of {
            if let Some((mailbox, uid, guid)) = self.find(store, *of)? {
                found.entry(mailbox).or_default().push((uid, guid));
            }
        }
        for list in found.values_mut() {
            list.sort_unstable();
            list.dedup();
        }
        Ok(found)
    }

    fn logged(&self, store: &Store, event: &Event) -> Result<(), Fail> {
        log::write(store, event)?;
        let (Event::Append(mailbox) | Event::Mailbox(mailbox) | Event::User(mailbox)) = event;
        self.pair.watch().to_be_synced(&store.host, mailbox);
        Ok(())
    }

    fn store_all(
        &self,
        store: &Store,
        index: usize,
        mailbox: usize,
        messages: &[(usize, NewMessage)],
        as_mailbox: bool,
    ) -> Result<(), Fail> {
        let name = self.mailbox(mailbox);
        let new: Vec<NewMessage> = messages.iter().map(|(_, message)| message.clone()).collect();
        let stored = store.append(&name, &new)?;
        for (place, message) in messages {
            self.made.borrow_mut().insert((index, *place), (mailbox, guid(&message.bytes)));
        }
        let event = if as_mailbox { Event::Mailbox(name.clone()) } else { Event::Append(name.clone()) };
        self.logged(store, &event)?;
        for ((_, message), stored) in messages.iter().zip(stored) {
            self.pair.watch().delivered(&store.host, &name, stored.uid, guid(&message.bytes), &message.flags);
        }
        Ok(())
    }

    fn deliver(&self, store: &Store, index: usize, deliver: &Deliver) -> Ended {
        let sizes = &deliver.cache_sizes;
        let count = if sizes.is_empty() { deliver.messages } else { sizes.len() };
        let made = (0..count).filter_map(|place| {
            let bytes = match sizes.get(place) {
                Some(size) => mail_of_cache_size(index, place, *size)?,
                None => mail(index, place, deliver.subject),
            };
            let every = self.pair.config().unassigned;
            let id = (every > 0 && (index + place) % every == every - 1).then(Guid::default);
            Some((place, NewMessage { bytes, flags: deliver.flag.iter().cloned().collect(), id }))
        });
        let messages: Vec<_> = made.collect();
        self.store_all(store, index, deliver.mailbox, &messages, deliver.as_mailbox)?;
        Ok("ok")
    }

    fn copy(&self, store: &Store, index: usize, messages: &Messages) -> Ended {
        let mut done = false;
        for to in 0..2 {
            let mut new = Vec::new();
            for (place, of) in messages.of.iter().enumerate() {
                let Some((mailbox, uid, guid)) = self.find(store, *of)? else { continue };
                let known = |new: &[(usize, NewMessage)], bytes: &[u8]| new.iter().any(|(_, m)| m.bytes == bytes);
                if mailbox == self.mailbox(to) || store.find(&self.mailbox(to), guid)?.is_some() {
                    continue;
                }
                let bytes = store.message(&mailbox, uid)?;
                if !known(&new, &bytes) {
                    let id = store.find(&mailbox, guid)?.map(|message| message.guid);
                    new.push((place, NewMessage { bytes, flags: Vec::new(), id }));
                }
            }
            if !new.is_empty() {
                self.store_all(store, index, to, &new, true)?;
                done = true;
            }
        }
        Ok(if done { "ok" } else { "skipped" })
    }

    fn expunge(&self, store: &Store, messages: &Messages, force: bool) -> Ended {
        let found = self.find_all(store, messages)?;
        for (mailbox, list) in &found {
            let uids: Vec<u32> = list.iter().map(|(uid, _)| *uid).collect();
            for (uid, guid) in list {
                self.pair.watch().leaves(&store.host, mailbox, *uid, *guid);
            }
            store.expunge(mailbox, &uids, force)?;
            self.logged(store, &Event::Mailbox(mailbox.clone()))?;
            self.pair.watch().acked(&store.host, mailbox);
        }
        Ok(if found.is_empty() { "skipped" } else { "ok" })
    }

    fn unexpunge(&self, store: &Store, messages: &Messages) -> Ended {
        let mut outcome = "skipped";
        for of in &messages.of {
            let Some((mailbox, guid)) = self.made.borrow().get(of).copied() else { continue };
            let mailbox = self.mailbox(mailbox);
            let Some(was) = self.pair.watch().expunged(&store.host, &mailbox, guid) else { continue };
            let new = store.unexpunge(&mailbox, was.uid)?;
            if store.rules().unexpunge == crate::flows::sync::variants::UnexpungeLog::Logged {
                log::write(store, &Event::Mailbox(mailbox.clone()))?;
            }
            self.pair.watch().unexpunged(&store.host, &mailbox, new, &was);
            outcome = "ok";
        }
        Ok(outcome)
    }

    fn flag(&self, store: &Store, flag: &Flag) -> Ended {
        let Some((mailbox, uid, sum)) = self.find(store, flag.of)? else { return Ok("skipped") };
        let view = store.view(&mailbox)?;
        let before = view.messages.iter().find(|message| message.uid == uid && !message.expunged);
        let flags = before.map(|message| changed(message.flags.clone(), &flag.flag, flag.on)).unwrap_or_default();
        self.pair.watch().flags_change(&store.host, &mailbox, uid, sum, None);
        store.set_flag(&mailbox, uid, &flag.flag, flag.on)?;
        self.logged(store, &Event::Mailbox(mailbox.clone()))?;
        self.pair.watch().flags_change(&store.host, &mailbox, uid, sum, Some(flags));
        self.pair.watch().acked(&store.host, &mailbox);
        Ok("ok")
    }
}
