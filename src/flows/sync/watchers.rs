//! What somebody does who watches mailboxes: an idling client, a filter, an operator's script. They are told of a change
//! while its locks are held, and whatever they do then has to wait for these, or fail.

use std::rc::Rc;

use super::machine::Pair;
use super::sites::Told;
use super::store::log::{self, Event};
use super::store::{Fail, NewMessage, Store};
use super::variants::UnexpungeLog;
use super::workload::mail;

/// Messages they deliver are told apart from those of operations by their numbers.
const FIRST_NUMBER: usize = 1_000;

/// Does on a server what somebody there wants to be done.
pub fn act(pair: &Rc<Pair>, which: usize, told: Told) {
    let is_master = which == pair.master();
    let again = Rc::clone(pair);
    match told {
        Told::Nothing => {}
        Told::Expire => {
            let Some(store) = pair.machine(which).store() else { return };
            let keep_s = pair.keep_s();
            let mailbox = pair.mailboxes()[0].clone();
            let node = store.node.clone();
            node.after(std::time::Duration::ZERO, "watcher", move || {
                again.expire(&store, mailbox, keep_s, 100, |_| {});
            });
        }
        // Nobody delivers to a replica, or brings messages back there.
        Told::Sync | Told::Append | Told::Unexpunge if !is_master => {}
        Told::Sync => {
            let _ = pair.job(which, move |store| sync(&again, store), |_| {});
        }
        Told::Append => {
            let number = FIRST_NUMBER + pair.next_extra();
            let _ = pair.job(which, move |store| append(&again, store, number), |_| {});
        }
        Told::Unexpunge => {
            let _ = pair.job(which, move |store| unexpunge(&again, store), |_| {});
        }
    }
}

fn sync(pair: &Pair, store: &Store) -> Result<&'static str, Fail> {
    log::write(store, &Event::Mailbox(pair.mailboxes()[0].clone()))?;
    Ok("ok")
}

fn append(pair: &Pair, store: &Store, number: usize) -> Result<&'static str, Fail> {
    let mailbox = &pair.mailboxes()[0];
    let bytes = mail(number, 0, 20);
    let sum = super::format::guid(&bytes);
    let stored = store.append(mailbox, &[NewMessage { bytes, flags: Vec::new(), id: None }])?;
    log::write(store, &Event::Append(mailbox.clone()))?;
    pair.watch().to_be_synced(&store.host, mailbox);
    for stored in stored {
        pair.watch().delivered(&store.host, mailbox, stored.uid, sum, &[]);
    }
    Ok("ok")
}

fn unexpunge(pair: &Pair, store: &Store) -> Result<&'static str, Fail> {
    let mailbox = &pair.mailboxes()[0];
    let Some(was) = pair.watch().any_expunged(&store.host, mailbox) else { return Ok("skipped") };
    let new = store.unexpunge(mailbox, was.uid)?;
    if store.rules().unexpunge == UnexpungeLog::Logged {
        log::write(store, &Event::Mailbox(mailbox.clone()))?;
    }
    pair.watch().unexpunged(&store.host, mailbox, new, &was);
    Ok("ok")
}
