//! The witness of a run: looks at the raw bytes of both disks whenever something may have changed, and knows what was
//! acknowledged.
//!
//! | file | holds |
//! |---|---|
//! | `ghost` | what one server has promised about one mailbox |
//! | `history` | what a mailbox was on the master, and how the replica follows |
//! | `inspect` | what is looked at after a step |
//! | `ends` | what is looked at when everything has settled |

mod ends;
mod ghost;
mod history;
mod inspect;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use self::ghost::{Acked, Ghost, State};
use self::history::History;
use super::checker::{FileCache, OnDisk};
use super::format::Guid;
use super::host::Host;
use super::invariants::{INVARIANTS, Id};
use super::variants::{Combine, Layout, Rules, UnexpungeLog};
use crate::check::{Findings, Outcome, Witness};
use crate::kernel::NodeId;
use crate::world::World;

/// A server as the witness knows it.
struct Server {
    host: Rc<Host>,
    node: NodeId,
    /// How often something had changed when it was looked at last.
    seen: Option<u64>,
    /// It has started and was not looked at since.
    fresh: bool,
    /// It serves.
    serves: bool,
    ghosts: BTreeMap<String, Ghost>,
    /// A command was handled since it was looked at last.
    answered: bool,
}

/// The full syncs at the end.
#[derive(Clone, Copy, Debug, Default)]
struct Final {
    /// How many went through, one after the other.
    done: u32,
    /// Commands of the last one that changed something.
    changes: u32,
}

#[derive(Default)]
struct Model {
    servers: Vec<Server>,
    master: usize,
    files: FileCache,
    /// Mailboxes with acknowledged changes that no sync has carried over, logged or taken over.
    dirty: BTreeSet<String>,
    in_work: BTreeSet<String>,
    /// Mailboxes on the master, over time.
    histories: BTreeMap<String, History>,
    last: Final,
    /// Messages that were acknowledged and that nobody has begun to expunge.
    survivors: BTreeSet<(String, [u8; 20])>,
    /// Those that a client could not tell from expunged and forgotten ones when it compared the servers.
    untold: BTreeSet<(String, [u8; 20])>,
}

/// The witness.
pub struct Watch {
    rules: &'static Rules,
    mailboxes: Vec<String>,
    world: RefCell<Option<World>>,
    findings: Findings,
    model: RefCell<Model>,
    /// Every state of a mailbox that a command has left, for tests that read them.
    pub log: RefCell<Option<Vec<OnDisk>>>,
    ticks: Cell<u64>,
}

impl Witness for Watch {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn look(&self) {
        self.inspect();
    }

    fn look_settled(&self) {
        self.inspect_settled();
    }
}

impl Watch {
    /// A witness of nothing yet.
    #[must_use]
    pub fn new(rules: &'static Rules, mailboxes: &[String]) -> Rc<Watch> {
        Rc::new(Watch {
            rules,
            mailboxes: mailboxes.to_vec(),
            world: RefCell::default(),
            findings: Findings::new(INVARIANTS.len()),
            model: RefCell::default(),
            log: RefCell::default(),
            ticks: Cell::new(0),
        })
    }

    /// Begins to watch these servers, the master first, and registers the invariants.
    pub fn install(self: &Rc<Watch>, world: &World, servers: Vec<(Rc<Host>, NodeId)>) {
        *self.world.borrow_mut() = Some(world.clone());
        self.model.borrow_mut().servers = servers
            .into_iter()
            .map(|(host, node)| Server {
                host,
                node,
                seen: None,
                fresh: true,
                serves: false,
                ghosts: self.mailboxes.iter().map(|name| (name.clone(), Ghost::default())).collect(),
                answered: false,
            })
            .collect();
        world.witness(INVARIANTS, self);
    }

    /// The run is over.
    pub fn tear_down(&self) {
        let world = self.world.take();
        let model = self.model.take();
        drop((world, model));
    }

    fn report(&self, id: Id, outcome: Outcome) {
        self.findings.report(id as usize, outcome);
    }

    /// Whether expunged records have no cache of their own.
    fn live_only(&self) -> bool {
        self.rules.layout == Layout::ThreeFiles && self.rules.combine == Combine::OffsetsUntrusted
    }

    fn tick(&self) -> u64 {
        self.ticks.set(self.ticks.get() + 1);
        self.ticks.get()
    }

    /// A mailbox as it is on a server's disk now.
    #[must_use]
    pub fn on_disk(&self, host: &Host, mailbox: &str) -> Option<OnDisk> {
        let world = self.world.borrow().clone()?;
        let mut model = self.model.borrow_mut();
        let node = model.servers.iter().find(|server| server.host.name == host.name)?.node;
        let files = &mut model.files;
        Some(world.disks().look(node, |disk| OnDisk::read(disk, &host.name, mailbox, files)))
    }

    fn ghost<R>(&self, host: &Host, mailbox: &str, change: impl FnOnce(&mut Ghost) -> R) -> Option<R> {
        let mut model = self.model.borrow_mut();
        let server = model.servers.iter_mut().find(|server| server.host.name == host.name)?;
        server.ghosts.get_mut(mailbox).map(change)
    }

    /// A server that is no longer the master promises nothing of its own: the new one may change it.
    fn is_master(&self, host: &Host) -> bool {
        let model = self.model.borrow();
        model.servers.get(model.master).is_some_and(|server| server.host.name == host.name)
    }

    // --- what servers tell -----------------------------------------------------------------------------------------

    /// A server has started and serves.
    pub fn started(&self, host: &Host) {
        let mut model = self.model.borrow_mut();
        if let Some(server) = model.servers.iter_mut().find(|server| server.host.name == host.name) {
            (server.fresh, server.serves, server.seen) = (true, true, None);
        }
    }

    /// A server starts: what it finds is not promised to be whole yet.
    pub fn starting(&self, host: &Host) {
        let mut model = self.model.borrow_mut();
        if let Some(server) = model.servers.iter_mut().find(|server| server.host.name == host.name) {
            server.serves = false;
        }
    }

    /// The delivery of a message is acknowledged.
    pub fn delivered(&self, host: &Host, mailbox: &str, uid: u32, guid: Guid, flags: &[String]) {
        let since = self.tick();
        let acked = Acked { guid: guid.0, flags: flags.to_vec(), state: State::Live, since };
        if self.is_master(host) {
            self.ghost(host, mailbox, |ghost| ghost.acked.insert(uid, acked));
        }
        self.model.borrow_mut().survivors.insert((mailbox.to_owned(), guid.0));
        self.acked(host, mailbox);
    }

    /// Somebody begins to expunge this message.
    pub fn leaves(&self, host: &Host, mailbox: &str, uid: u32, guid: Guid) {
        self.model.borrow_mut().survivors.remove(&(mailbox.to_owned(), guid.0));
        self.ghost(host, mailbox, |ghost| {
            if let Some(acked) = ghost.promise(uid, guid.0) {
                acked.state = State::Leaving;
            }
        });
    }

    /// Somebody begins to change the flags of this message.
    pub fn flags_change(&self, host: &Host, mailbox: &str, uid: u32, guid: Guid, flags: Option<Vec<String>>) {
        self.ghost(host, mailbox, |ghost| {
            if let Some(acked) = ghost.promise(uid, guid.0) {
                match flags {
                    Some(flags) => acked.flags = flags,
                    None => acked.flags.clear(),
                }
            }
        });
    }

    /// A change was acknowledged: what the files say now may not be lost.
    pub fn acked(&self, host: &Host, mailbox: &str) {
        if let Some(found) = self.on_disk(host, mailbox) {
            self.ghost(host, mailbox, |ghost| ghost.raise(&found));
        }
    }

    /// An acknowledged change was to be written to the sync log.
    pub fn to_be_synced(&self, host: &Host, mailbox: &str) {
        // Nobody reads the log of a server that is no longer the master.
        if self.is_master(host) {
            self.model.borrow_mut().dirty.insert(mailbox.to_owned());
        }
    }

    /// A message was brought back; the witness compares it with what it was.
    pub fn unexpunged(&self, host: &Host, mailbox: &str, new_uid: u32, was: &Was) {
        let Some(found) = self.on_disk(host, mailbox) else { return };
        let since = self.tick();
        let outcome = match found.live().find(|entry| entry.uid == new_uid) {
            None => Outcome::violated("not live", format!("uid {new_uid} was unexpunged and is not live")),
            Some(entry) => {
                let flags: Vec<String> = was.flags.iter().filter(|flag| *flag != "\\Deleted").cloned().collect();
                let file = found.files.get(&new_uid);
                if entry.guid != was.guid || file.is_none_or(|file| file.guid != was.guid) {
                    Outcome::violated("another message", format!("uid {new_uid}"))
                } else if entry.internaldate != was.internaldate || found.flags(entry) != flags {
                    Outcome::violated("flags or date differ", format!("uid {new_uid}"))
                } else if !super::checker::rules::has_own_cache(&found, entry) {
                    Outcome::violated("another cache record", format!("uid {new_uid} at {}", entry.offset))
                } else {
                    Outcome::Held
                }
            }
        };
        self.report(Id::UnexpungeRestores, outcome);
        if let Some(entry) = found.live().find(|entry| entry.uid == new_uid) {
            let acked = Acked { guid: was.guid, flags: found.flags(entry), state: State::Live, since };
            if self.is_master(host) {
                self.ghost(host, mailbox, |ghost| ghost.acked.insert(new_uid, acked));
            }
        }
        self.acked(host, mailbox);
        if self.rules.unexpunge == UnexpungeLog::Logged {
            self.to_be_synced(host, mailbox);
        }
    }

    /// The expunged message with this id, as somebody sees it who lists what can be brought back.
    #[must_use]
    pub fn expunged(&self, host: &Host, mailbox: &str, guid: Guid) -> Option<Was> {
        let found = self.on_disk(host, mailbox)?;
        let live = found.live().any(|entry| entry.guid == guid.0);
        let entry = found.expunged().find(|entry| entry.guid == guid.0 && entry.system >> 30 & 1 == 0)?;
        (!live).then(|| Was {
            uid: entry.uid,
            guid: entry.guid,
            internaldate: entry.internaldate,
            flags: found.flags(entry),
        })
    }

    /// Any expunged message that can be brought back.
    #[must_use]
    pub fn any_expunged(&self, host: &Host, mailbox: &str) -> Option<Was> {
        let found = self.on_disk(host, mailbox)?;
        let guid = found.expunged().find(|entry| entry.system >> 30 & 1 == 0)?.guid;
        self.expunged(host, mailbox, Guid(guid))
    }

    /// Expunged records, before an expire looks at them: uid and when.
    #[must_use]
    pub fn before_expire(&self, host: &Host, mailbox: &str) -> BTreeMap<u32, (u32, bool)> {
        let Some(found) = self.on_disk(host, mailbox) else { return BTreeMap::new() };
        found.expunged().map(|entry| (entry.uid, (entry.updated, entry.system >> 30 & 1 == 1))).collect()
    }

    /// An expire has ended well.
    pub fn expired(&self, host: &Host, mailbox: &str, before: &BTreeMap<u32, (u32, bool)>, mark: u32) {
        let after = self.before_expire(host, mailbox);
        let three = self.rules.layout == Layout::ThreeFiles;
        let stays = |updated: u32, unlinked: bool| !unlinked && if three { updated >= mark } else { updated > mark };
        let expected: BTreeSet<u32> =
            before.iter().filter(|(_, (updated, unlinked))| stays(*updated, *unlinked)).map(|(uid, _)| *uid).collect();
        let left: BTreeSet<u32> = after.keys().copied().collect();
        let outcome = if expected == left {
            if before.is_empty() { Outcome::Idle } else { Outcome::Held }
        } else {
            Outcome::violated("another set", format!("{mailbox}: {left:?} are left, expected {expected:?}"))
        };
        self.report(Id::ExpireExact, outcome);
        self.acked(host, mailbox);
    }

    /// A sync server has handled a command.
    pub fn command_done(&self, host: &Host) {
        for mailbox in &self.mailboxes {
            if let Some(found) = self.on_disk(host, mailbox) {
                if !self.is_master(host) {
                    let history = self.model.borrow().histories.get(mailbox).map(|history| history.on_the_way(&found));
                    self.report(Id::Follows, history.unwrap_or(Outcome::Idle));
                }
                let now = self.tick();
                self.ghost(host, mailbox, |ghost| {
                    ghost.reach(&found, now);
                    ghost.raise(&found);
                });
                if let Some(log) = &mut *self.log.borrow_mut() {
                    log.push(found);
                }
            }
        }
        let mut model = self.model.borrow_mut();
        if let Some(server) = model.servers.iter_mut().find(|server| server.host.name == host.name) {
            (server.answered, server.seen) = (true, None);
        }
    }

    /// A COPY named a message that the process holds, or not.
    pub fn copied(&self, host: &Host, held: bool) {
        let detail = || format!("{}: a COPY names a message that this process does not hold", host.name);
        self.report(Id::CopiesHeld, if held { Outcome::Held } else { Outcome::violated("not held", detail()) });
    }

    /// Something was taken for a command that is none.
    pub fn unknown_command(&self, host: &Host, word: &str) {
        self.report(Id::NoDesync, Outcome::violated("unknown command", format!("{}: `{word}`", host.name)));
    }

    /// The client has taken the log over.
    pub fn work_taken(&self, host: &Host) {
        let _ = host;
        let mut model = self.model.borrow_mut();
        let dirty = std::mem::take(&mut model.dirty);
        model.in_work.extend(dirty);
    }

    /// Everything it had taken over is done.
    pub fn work_done(&self, host: &Host) {
        let _ = host;
        self.model.borrow_mut().in_work.clear();
    }

    /// The master begins to give messages new numbers so that the replica can follow.
    pub fn repairs(&self, host: &Host, mailbox: &str) {
        let other = {
            let model = self.model.borrow();
            model.servers.iter().find(|server| server.host.name != host.name).map(|server| Rc::clone(&server.host))
        };
        let both = other.and_then(|other| self.on_disk(host, mailbox).zip(self.on_disk(&other, mailbox)));
        let untold =
            both.and_then(|(mine, theirs)| self.ghost(host, mailbox, |ghost| ghost.cannot_tell(&mine, &theirs)));
        let untold = untold.unwrap_or_default().into_iter().map(|guid| (mailbox.to_owned(), guid));
        self.model.borrow_mut().untold.extend(untold);
        self.ghost(host, mailbox, |ghost| ghost.renumbered = true);
    }

    /// The servers swap their roles. What the old master alone has promised is in danger by design.
    pub fn failover(&self, master: usize) {
        let mut guard = self.model.borrow_mut();
        let model = &mut *guard;
        let hosts: Vec<Rc<Host>> = model.servers.iter().map(|server| Rc::clone(&server.host)).collect();
        model.master = master;
        model.dirty.clear();
        model.in_work.clear();
        model.histories.clear();
        for server in &mut model.servers {
            for ghost in server.ghosts.values_mut() {
                ghost.start_anew();
            }
        }
        drop(guard);
        // What they claim by now, no new master has told them.
        let now = self.tick();
        for host in hosts {
            for mailbox in &self.mailboxes {
                if let Some(found) = self.on_disk(&host, mailbox) {
                    self.ghost(&host, mailbox, |ghost| ghost.reach(&found, now));
                }
            }
        }
    }

    /// A full sync after the end of the workload has ended, well or not.
    pub fn full_sync(&self, changes: Option<u32>) {
        let mut model = self.model.borrow_mut();
        model.last = match changes {
            Some(changes) => Final { done: model.last.done + 1, changes },
            None => Final::default(),
        };
    }
}

/// An expunged message before it is brought back.
#[derive(Clone, Debug)]
pub struct Was {
    /// Its number.
    pub uid: u32,
    /// Its id.
    pub guid: [u8; 20],
    /// When it arrived.
    pub internaldate: u32,
    /// Its flags.
    pub flags: Vec<String>,
}
