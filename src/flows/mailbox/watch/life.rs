//! Starts, crashes and ticks.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::history::Deletion;
use super::symptoms::Symptom;
use super::times::Times;
use super::{Life, State, Watch};
use crate::check::Outcome;
use crate::flows::mailbox::invariants::{Id, crash, memory, time};
use crate::flows::mailbox::model::{ChannelRows, Created, MemoryView, NameEvent, TickRecord};
use crate::flows::mailbox::server::{EXPIRY_S, Server, Surroundings, TickReport};
use crate::world::Node;

impl Watch {
    /// A process starts. It is not the first one if there was a life before.
    pub fn starts(&self, node: &Node, clock: &Rc<dyn Surroundings>) {
        self.life.replace(Some(Life { node: node.clone(), server: std::rc::Weak::new(), clock: Rc::clone(clock) }));
        let mut state = self.state.borrow_mut();
        state.sessions.clear();
        state.deliveries.clear();
        state.times.listening.clear();
    }

    /// The databases are open; the server has not looked at them yet. `again`: a process was there before.
    pub fn opened(&self, again: bool) {
        if self.node().is_none() {
            return;
        }
        let (before, promised) = {
            let state = self.state.borrow();
            (state.settled.clone(), state.promised)
        };
        self.absorb();
        let after = (self.rows(), self.accounts());
        if again {
            {
                let mut state = self.state.borrow_mut();
                state.expired_unseen(&before.0, &after.0);
                state.history.touched_unseen(&before.0, &after.0);
            }
            let outcome = crash::usage_and_deletion_together((&before.0, &before.1), (&after.0, &after.1));
            self.report(Id::UsageAndDeletionTogether, outcome);
            let found = self.committed.borrow().counters();
            if found.0 < promised.0 || found.1 < promised.1 {
                let detail = format!(
                    "commits of both files: {found:?} after the restart, {promised:?} when the last answer was given"
                );
                self.report(Id::AnswerIsDurable, Outcome::violated("a crash undoes what was answered", detail));
            }
        }
        self.forget_what_was_under_way();
    }

    /// A commit may have struck without anybody being told: history goes on from what is there.
    fn forget_what_was_under_way(&self) {
        let (rows, accounts) = (self.rows(), self.accounts());
        let mut state = self.state.borrow_mut();
        state.promised = self.committed.borrow().counters();
        let history = &mut state.history;
        let mut created = Created::default();
        for app in rows.mailboxes.iter().map(|m| &m.app).chain(accounts.mailboxes.iter().map(|u| &u.app)) {
            created.per_app.entry(app.clone()).or_default().0 += 1;
        }
        for app in rows.nameplates.iter().map(|n| &n.app).chain(accounts.nameplates.iter().map(|u| &u.app)) {
            created.per_app.entry(app.clone()).or_default().1 += 1;
        }
        history.created = created;
        let gone: Vec<_> = history.stored.keys().filter(|id| rows.mailbox(id).is_none()).cloned().collect();
        history.retired.extend(gone);
        history.retired.retain(|id| rows.mailbox(id).is_none());
        history.stored.clear();
        history.rows(&rows, &rows);
        history.nameplates_are(&rows);
        let lives: BTreeSet<_> = rows.nameplates.iter().map(|n| (n.app.as_str(), n.name.as_str())).collect();
        for (app, events) in &mut history.names {
            let ended: BTreeSet<_> = events
                .iter()
                .filter_map(|event| match event {
                    NameEvent::Claimed { name, .. } if !lives.contains(&(app.as_str(), name.as_str())) => {
                        Some(name.clone())
                    }
                    _ => None,
                })
                .collect();
            events.extend(ended.into_iter().map(|name| NameEvent::Ended { name }));
        }
        history.admissions.retain(|admission| rows.mailbox(&admission.mailbox).is_some());
    }

    /// The start has failed, and will be tried again. `excused`: the disk or a lock was in the way.
    pub fn failed_to_start(&self, error: &str, excused: bool) {
        if self.node().is_some() && !excused {
            self.report(Id::RestartIsClean, crash::restart_is_clean(Err(error), &self.rows(), None));
        }
    }

    /// The server runs; what an older one left behind is repaired.
    pub fn runs(&self, server: &Rc<Server>) {
        if let Some(life) = &mut *self.life.borrow_mut() {
            life.server = Rc::downgrade(server);
        }
        {
            let now = self.now();
            let mut state = self.state.borrow_mut();
            state.times.begin(now);
            state.deletion.at = now;
            state.deletion.pruned = true;
            state.deletion.closer = None;
        }
        self.absorb();
    }

    /// The first tick of a process that was there before.
    pub fn first_tick(&self, report: &TickReport, excused: bool) {
        if self.node().is_some() {
            let report = (!excused).then_some(report);
            self.report(Id::RestartIsClean, crash::restart_is_clean(Ok(()), &self.state.borrow().settled.0, report));
        }
    }

    /// The rows that the first tick finds.
    pub fn settle(&self) {
        if self.node().is_some() {
            self.state.borrow_mut().settled = (self.rows(), self.accounts());
        }
    }

    /// The timer is due.
    #[must_use]
    pub fn before_tick(&self) -> TickRecord {
        self.absorb();
        let at = self.now();
        {
            let mut state = self.state.borrow_mut();
            state.deletion.at = at;
            state.deletion.pruned = true;
            state.deletion.closer = None;
        }
        let listened = self.server().map(|server| listened(&server.view())).unwrap_or_default();
        TickRecord { at, before: (*self.rows()).clone(), listened, ..TickRecord::default() }
    }

    /// The timer callback has returned, or raised. `excused`: the disk or a lock was in the way.
    pub fn after_tick(&self, mut tick: TickRecord, report: &TickReport, excused: bool) {
        let Some(node) = self.node() else { return };
        self.touched.set(true);
        self.absorb();
        tick.after = (*self.rows()).clone();
        tick.errors = report.prune_errors.len();
        tick.status =
            report.status_written.then(|| self.accounts().current.first().map(|row| row.connections)).flatten();
        self.report(Id::TickSparesTheLiving, time::tick_spares_the_living(&tick));
        tick.excused = excused;
        self.report(Id::FaultyMailboxIsIsolated, time::faulty_mailbox_is_isolated(&tick));
        self.report(Id::StatusCountsListeners, memory::status_counts_listeners(&tick, tick.listened.len()));
        let Times { status, pruning, .. } = &mut self.state.borrow_mut().times;
        for (lateness, done) in [(status, report.status_written), (pruning, report.prune_errors.is_empty())] {
            match (done, excused) {
                (true, _) => lateness.done(tick.at),
                (false, true) => lateness.failed(),
                (false, false) => {}
            }
        }
        if !report.prune_errors.is_empty() || report.status_error.is_some() {
            self.symptoms.seen(&node, Symptom::TickRaised);
        }
        if !report.alive {
            self.symptoms.seen(&node, Symptom::TimerDead);
        }
    }
}

impl State {
    /// A tick whose process died under it may have committed: what was old and is gone has expired.
    fn expired_unseen(&mut self, before: &ChannelRows, after: &ChannelRows) {
        let Deletion { at, pruned: true, .. } = self.deletion else { return };
        let old = before.mailboxes.iter().filter(|row| row.updated <= at - EXPIRY_S);
        let gone = old.filter(|row| after.mailbox(&row.id).is_none());
        self.history.expired.extend(gone.map(|row| row.id.clone()));
    }
}

/// Mailboxes that a connection listens to, whichever object it holds; once per connection.
pub(super) fn listened(view: &MemoryView) -> Vec<String> {
    let live = view.connections.iter().filter(|connection| !connection.lost);
    live.filter_map(|connection| Some(connection.listening.as_ref()?.0.clone())).collect()
}
