//! What is evaluated after each step, and when everything has settled.

use std::rc::Rc;

use super::life::listened;
use super::symptoms::Symptom;
use super::{State, Watch};
use crate::check::Outcome;
use crate::flows::mailbox::invariants::{Id, ends, memory, rows, time, usage, wire};
use crate::flows::mailbox::model::{ChannelRows, MemoryView, Reply, Subscription};
use crate::flows::mailbox::server::{EXPIRY_S, PERIOD_S, Server};

/// Seconds between looks at what only time can break.
const LOOK_S: f64 = 1.0;

impl Watch {
    /// After a step.
    pub(super) fn inspect(&self) {
        let paused = self.world.sim().is_paused(self.machine);
        let Some(server) = self.server().filter(|_| self.node().is_some()) else {
            return;
        };
        self.note_standing_still();
        self.note_pause(paused);
        if paused {
            return;
        }
        if self.touched.take() {
            self.absorb();
            self.touched.set(false);
            self.inspect_server(&server);
        }
        self.inspect_times();
    }

    /// Waiting for the disk or for a lock, the process does nothing else.
    fn note_standing_still(&self) {
        let sim = self.world.sim();
        let until = sim.node_now(self.machine);
        let mut state = self.state.borrow_mut();
        let since = state.times.stood_until.max(sim.now());
        if until > since {
            let to = self.now();
            state.times.stood_still(to - until.since(since).as_secs_f64(), to);
            state.times.stood_until = until;
        }
    }

    fn note_pause(&self, paused: bool) {
        let now = self.now();
        let mut state = self.state.borrow_mut();
        let times = &mut state.times;
        match (paused, times.paused_at) {
            (true, None) => times.paused_at = Some(now),
            (false, Some(at)) => {
                times.paused_at = None;
                times.stood_still(at, now);
            }
            _ => {}
        }
    }

    fn inspect_server(&self, server: &Rc<Server>) {
        let now = self.now();
        let (committed, accounts) = (self.rows(), self.accounts());
        let view = server.view();
        let mut guard = self.state.borrow_mut();
        let state = &mut *guard;
        self.report(Id::NoOpenTransaction, rows::no_open_transaction(server.open_transactions()));
        let step = self.world.sim().step();
        self.inspect_memory(&view, state, &committed, step);
        if std::mem::take(&mut state.rows_changed) {
            self.inspect_rows(&committed);
        }
        if !(Rc::ptr_eq(&committed, &state.settled.0) && Rc::ptr_eq(&accounts, &state.settled.1)) {
            let balance = usage::one_usage_row_each(&state.history.created, &committed, &accounts);
            self.report(Id::OneUsageRowEach, balance);
        }
        self.inspect_wire(state);
        let listening = listened(&view);
        for mailbox in state.times.listening.iter().chain(&listening) {
            state.history.active.insert(mailbox.clone(), now);
        }
        state.times.listening = listening;
        // Whoever is not bound can touch nothing.
        if state.sessions.values().any(|session| session.over.is_none() && session.app.is_some()) {
            state.times.quiet_since = now;
        }
        state.sessions.retain(|_, session| session.over.is_none_or(|over| over + 2 > step));
        state.settled = (committed, accounts);
    }

    fn inspect_memory(&self, view: &MemoryView, state: &State, committed: &ChannelRows, step: u64) {
        let gone: Vec<_> = state
            .sessions
            .values()
            .filter(|session| session.over.is_some_and(|over| over < step))
            .map(|session| session.handle)
            .collect();
        self.report(Id::BoundAppIsRegistered, memory::bound_app_is_registered(view));
        self.report(Id::ListenerOnARegisteredMailbox, memory::listener_on_a_registered_mailbox(view, committed));
        self.report(Id::LostConnectionDoesNotListen, memory::lost_connection_does_not_listen(view, &gone));
        self.report(Id::MailboxObjectHasARow, memory::mailbox_object_has_a_row(view, committed));
        self.report(Id::ListeningSideIsOpen, memory::listening_side_is_open(view, committed));
    }

    fn inspect_rows(&self, committed: &ChannelRows) {
        let without_sides = rows::mailbox_has_a_side(committed);
        if let (Outcome::Violated(_), Some(node)) = (&without_sides, self.node()) {
            self.symptoms.seen(&node, Symptom::MailboxWithoutSides);
        }
        self.report(Id::MailboxHasASide, without_sides);
        self.report(Id::ReferencesHold, rows::references_hold(committed));
        self.report(Id::NameplateHasASide, rows::nameplate_has_a_side(committed));
        self.report(Id::NamesAndSidesAreUnique, rows::names_and_sides_are_unique(committed));
        self.report(Id::MessageHasItsMailbox, rows::message_has_its_mailbox(committed));
        self.report(Id::NameplateStaysInItsApp, rows::nameplate_stays_in_its_app(committed));
        self.report(Id::MailboxHasAnOpenSide, rows::mailbox_has_an_open_side(committed));
        self.report(Id::NameplateHasAClaim, rows::nameplate_has_a_claim(committed));
        self.report(Id::ClaimerIsInTheMailbox, rows::claimer_is_in_the_mailbox(committed));
    }

    fn inspect_wire(&self, state: &mut State) {
        let State { history, sessions, deliveries, .. } = state;
        for session in sessions.values_mut() {
            if let Some(subscribed) = session.subscribed.as_ref().filter(|_| session.is_open()) {
                let subscription = Subscription {
                    stored: history.stored.get(&subscribed.mailbox).cloned().unwrap_or_default(),
                    delivered: subscribed.delivered.clone(),
                    settled: true,
                };
                // A mailbox that is gone takes its messages along, and whoever still listens hears no more of it.
                if !history.retired.contains(&subscribed.mailbox) {
                    self.report(Id::SubscriptionIsComplete, wire::subscription_is_complete(&subscription));
                }
            }
            if !std::mem::take(&mut session.changed) {
                continue;
            }
            let outcome = if session.is_open() {
                wire::acked_once_and_in_order(&session.log)
            } else {
                // What was under way when the transport went is not answered.
                let mut log = session.log.clone();
                log.replies.push(Reply::Dropped("gone".to_owned()));
                wire::acked_once_and_in_order(&log)
            };
            self.report(Id::AckedOnceAndInOrder, outcome);
        }
        for (_, mut delivery) in deliveries.drain(..) {
            // A sender that was dropped for it was there until then.
            let dropped = delivery.sender_dropped.then_some(delivery.sender);
            let failed = |number: &&u64| {
                let gone =
                    sessions.get(number).is_none_or(|session| !session.is_open() || session.subscribed.is_none());
                gone && dropped != Some(**number)
            };
            delivery.failed = delivery.listeners.iter().filter(failed).copied().collect();
            self.report(Id::BadListenerHarmsNobody, wire::bad_listener_harms_nobody(&delivery));
        }
        if std::mem::take(&mut history.admissions_changed) {
            self.report(Id::TwoSidesAndNoMore, wire::two_sides_and_no_more(&history.admissions));
        }
    }

    /// What only the passing of time can break.
    fn inspect_times(&self) {
        let now = self.now();
        let (committed, accounts) = (self.rows(), self.accounts());
        let mut state = self.state.borrow_mut();
        if (now - state.times.looked).abs() < LOOK_S {
            return;
        }
        state.times.looked = now;
        let listening = std::mem::take(&mut state.times.listening);
        for mailbox in &listening {
            state.history.active.insert(mailbox.clone(), now);
        }
        state.times.listening = listening;
        let times = &state.times;
        let fresh = time::status_row_is_fresh(now - times.status.excused, times.up_since, &accounts);
        self.report(Id::StatusRowIsFresh, fresh);
        let idle = time::idle_mailbox_expires(now - times.pruning.excused, &committed, &state.history.active);
        self.report(Id::IdleMailboxExpires, idle);
        let updated = accounts.current.first().map_or(times.up_since, |row| row.updated);
        drop(state);
        if let Some(node) = self.node() {
            self.symptoms.status_age(&node, now - updated);
        }
    }

    /// When faults have stopped and the system has settled.
    pub(super) fn inspect_settled(&self) {
        self.inspect();
        self.inspect_pairs();
        let runs = self.server().is_some() && self.node().is_some();
        let quiet = self.now() - self.state.borrow().times.quiet_since;
        // Without its timer the server does nothing more, however long one waits.
        let for_good = self.symptoms.has(Symptom::TimerDead) && quiet > 0.0;
        if runs && (for_good || quiet >= EXPIRY_S + PERIOD_S + time::SLACK_S) {
            self.report(Id::EverythingExpires, ends::everything_expires(&self.rows()));
        }
    }
}
