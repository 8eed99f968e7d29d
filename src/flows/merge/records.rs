//! What is written down beside the database, and outlives it: the backup job writes when a copy was finished, the server
//! when a form came that merged two events. Each writes the time that its own clock shows, and no zone. Whoever wants the
//! newest backup from before a loss compares the two, and is wrong by the hours between the clocks if they are taken for
//! one.

use std::cell::RefCell;
use std::fmt;

use serde::Deserialize;

use super::protocol::{LOGIN, MERGE, Reply, Request};
use crate::kernel::Time;

const HOUR_US: i64 = 3_600_000_000;
/// When a run begins, on the clock in Greenwich: two in the afternoon of 6 April 2016.
const BEGIN_US: i64 = 14 * HOUR_US;
const BEGIN_DAY: i64 = 6;

/// A time as it is written: what a clock shows, whichever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(i64);

impl Stamp {
    /// What a clock shows that is some hours ahead of Greenwich.
    #[must_use]
    pub fn of(at: Time, hours: i8) -> Stamp {
        let since = i64::try_from(at.since(Time::ZERO).as_micros()).unwrap_or(i64::MAX / 2);
        Stamp(BEGIN_US + since + i64::from(hours) * HOUR_US)
    }

    /// The same moment on the clock in Greenwich.
    #[must_use]
    pub fn in_greenwich(self, hours: i8) -> Stamp {
        Stamp(self.0 - i64::from(hours) * HOUR_US)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, in_day) = (BEGIN_DAY + self.0.div_euclid(24 * HOUR_US), self.0.rem_euclid(24 * HOUR_US));
        let (hour, minute, second) = (in_day / HOUR_US, in_day / 60_000_000 % 60, in_day / 1_000_000 % 60);
        write!(f, "2016-04-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

/// How many hours each clock is ahead of Greenwich.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Zones {
    /// That of the backup job.
    pub backups: i8,
    /// That of the server's log.
    pub log: i8,
}

/// How somebody finds the backup from which a tag is brought back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Picking {
    /// Looks into one after the other, newest first, until one has the tag.
    #[default]
    LooksInside,
    /// Takes the newest that was finished before the last merge, by the times as they are written.
    AsWritten,
    /// The same, by the times in one zone.
    InOneZone,
}

/// What is written down.
#[derive(Default)]
pub struct Records {
    zones: Zones,
    backups: RefCell<Vec<(u64, Stamp)>>,
    merges: RefCell<Vec<Stamp>>,
}

impl Records {
    /// Nothing yet, by clocks in these zones.
    #[must_use]
    pub fn new(zones: Zones) -> Records {
        Records { zones, ..Records::default() }
    }

    /// A backup is finished.
    pub fn backup_finished(&self, number: u64, at: Time) -> Stamp {
        let stamp = Stamp::of(at, self.zones.backups);
        self.backups.borrow_mut().push((number, stamp));
        stamp
    }

    /// The server has answered a request that came at some time: of all it logs, what matters here are forms that merged.
    pub fn answered(&self, request: &Request, came: Time, reply: &Reply) {
        if request.is_post && request.path == MERGE && reply.status == 302 && reply.location != LOGIN {
            self.merges.borrow_mut().push(Stamp::of(came, self.zones.log));
        }
    }

    /// The backup that somebody takes who reads both; none without a merge, or without a backup that seems older.
    #[must_use]
    pub fn newest_before_the_merge(&self, in_one_zone: bool) -> Option<u64> {
        let zones = if in_one_zone { self.zones } else { Zones::default() };
        let merged = self.merges.borrow().last()?.in_greenwich(zones.log);
        let backups = self.backups.borrow();
        let is_older = |(_, finished): &&(u64, Stamp)| finished.in_greenwich(zones.backups) < merged;
        backups.iter().rev().find(is_older).map(|(number, _)| *number)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(minutes: u64) -> Time {
        Time::ZERO + Duration::from_secs(60 * minutes)
    }

    /// Claim: with clocks in one zone both ways of reading are right; with a backup clock that is behind, or a log that is
    /// ahead, reading as written takes a backup from after the merge; the other way round one that is too old, or none;
    /// and in one zone it is always the newest from before.
    #[test]
    fn zones_mislead() {
        let merge = Request::post("admin", MERGE, &[], &[]);
        for (backups, log, as_written) in [
            (0, 0, Some(3)),
            (-4, -4, Some(3)),
            (-4, 0, Some(4)),
            (0, 9, Some(4)),
            (1, 0, Some(2)),
            (2, 0, Some(1)),
            (0, -4, None),
        ] {
            let records = Records::new(Zones { backups, log });
            assert_eq!(records.newest_before_the_merge(true), None);
            for (number, minutes) in [(1, 10), (2, 80), (3, 149), (4, 151)] {
                records.backup_finished(number, at(minutes));
            }
            records.answered(&merge, at(150), &Reply::redirect("/workshops/event/A/"));
            for (request, reply) in [
                (&merge, Reply::new(404, "")),
                (&merge, Reply::redirect(LOGIN)),
                (&Request::default(), Reply::redirect("")),
            ] {
                records.answered(request, at(200), &reply);
            }
            assert_eq!(records.newest_before_the_merge(true), Some(3), "{backups} {log}");
            assert_eq!(records.newest_before_the_merge(false), as_written, "{backups} {log}");
        }
    }

    /// Claim: a stamp is a date and a time, also before midnight of the first day, and says nothing of its zone.
    #[test]
    fn stamps_are_written_without_a_zone() {
        assert_eq!(Stamp::of(at(72), 0).to_string(), "2016-04-06 15:12:00");
        assert_eq!(Stamp::of(at(72), -4).to_string(), "2016-04-06 11:12:00");
        assert_eq!(Stamp::of(at(0), 12).to_string(), "2016-04-07 02:00:00");
        assert_eq!(Stamp::of(at(0), -15).to_string(), "2016-04-05 23:00:00");
        assert_eq!(Stamp::of(at(72), -4).in_greenwich(-4), Stamp::of(at(72), 0));
    }
}
