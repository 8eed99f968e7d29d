//! The five lock levels of a database file, for all connections of one volume.

use std::collections::BTreeMap;

/// How far a connection has locked a file. The numbers are SQLite's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    None = 0,
    Shared = 1,
    Reserved = 2,
    Pending = 3,
    Exclusive = 4,
}

impl Level {
    pub(super) fn from_raw(level: i32) -> Level {
        match level {
            0 => Level::None,
            1 => Level::Shared,
            2 => Level::Reserved,
            3 => Level::Pending,
            _ => Level::Exclusive,
        }
    }
}

/// Another connection is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

/// The levels of one file's connections. Those that hold nothing are not in it.
#[derive(Debug, Default)]
pub(super) struct Levels {
    held: BTreeMap<u64, Level>,
}

impl Levels {
    pub(super) fn of(&self, connection: u64) -> Level {
        self.held.get(&connection).copied().unwrap_or(Level::None)
    }

    fn others(&self, connection: u64) -> Level {
        let others = self.held.iter().filter(|(holder, _)| **holder != connection);
        others.map(|(_, level)| *level).max().unwrap_or(Level::None)
    }

    /// Goes up. A writer that waits for readers to leave stays at pending, which keeps new readers out.
    pub(super) fn raise(&mut self, connection: u64, to: Level) -> Result<(), Busy> {
        let mine = self.of(connection);
        if mine >= to {
            return Ok(());
        }
        let others = self.others(connection);
        let (reached, result) = match to {
            Level::Shared if others >= Level::Pending => (mine, Err(Busy)),
            Level::Reserved | Level::Pending | Level::Exclusive if others >= Level::Reserved => (mine, Err(Busy)),
            Level::Exclusive if others >= Level::Shared => (Level::Pending, Err(Busy)),
            _ => (to, Ok(())),
        };
        if reached > Level::None {
            self.held.insert(connection, reached);
        }
        result
    }

    /// Goes down. Answers whether somebody may get further now: a reader that leaves helps nobody but a writer that
    /// waits for readers to leave. A writer that is refused has been a reader for a moment; were that a reason to try
    /// again, two that are refused would wake each other without end.
    pub(super) fn lower(&mut self, connection: u64, to: Level) -> bool {
        let mine = self.of(connection);
        if mine <= to {
            return false;
        }
        if to == Level::None {
            self.held.remove(&connection);
        } else {
            self.held.insert(connection, to);
        }
        mine >= Level::Reserved || self.others(connection) >= Level::Pending
    }

    /// Somebody is about to write, or does.
    pub(super) fn is_reserved(&self) -> bool {
        self.held.values().any(|level| *level >= Level::Reserved)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Readers share; one writer at a time prepares beside them; it writes when they have left, and none
    /// enters while it waits.
    #[test]
    fn readers_and_a_writer() {
        let mut levels = Levels::default();
        let (a, b, c) = (1, 2, 3);
        assert_eq!(levels.raise(a, Level::Shared), Ok(()));
        assert_eq!(levels.raise(b, Level::Shared), Ok(()));
        assert_eq!(levels.raise(a, Level::Reserved), Ok(()));
        assert!(levels.is_reserved());
        assert_eq!(levels.raise(b, Level::Reserved), Err(Busy));
        assert_eq!(levels.raise(a, Level::Exclusive), Err(Busy));
        assert_eq!(levels.of(a), Level::Pending);
        assert_eq!(levels.raise(c, Level::Shared), Err(Busy));
        assert!(levels.lower(b, Level::None));
        assert_eq!(levels.raise(a, Level::Exclusive), Ok(()));
        assert_eq!(levels.raise(b, Level::Shared), Err(Busy));
        assert!(levels.lower(a, Level::Shared));
        assert_eq!(levels.raise(b, Level::Shared), Ok(()));
        assert!(!levels.lower(c, Level::None));
        assert!(!levels.lower(a, Level::None) && !levels.lower(b, Level::None), "no writer waits for them to leave");
        assert!(levels.is_empty());
    }
}
