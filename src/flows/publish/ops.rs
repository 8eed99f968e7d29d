//! Operations as data: how they are written in files, drawn and simplified.

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::client::modify::{Change, Modifier};
use super::config::{Config, reader_name, writer_name};
use super::servermap::UpdateMode;

/// The largest text an operation may publish.
pub const BYTES_MAX: u32 = 1_000_000;

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Op {
    /// Publish without looking: the file is new.
    Create(Write),
    /// Map, then publish.
    Overwrite(Write),
    /// Map, read, append, publish; again after an uncoordinated write.
    Modify(Modify),
    /// Update a map and keep it.
    KeepMap(KeepMap),
    /// Publish over the kept map.
    Upload(Write),
    /// Read the best version of the kept map.
    Fetch(By),
    /// Read the best version.
    Read(Read),
}

/// A text to publish.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Write {
    /// Which writer, from 0.
    pub by: u8,
    /// Length of the text.
    pub bytes: u32,
    /// The next operation begins without waiting for this one.
    pub with_next: bool,
}

/// A change to make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Modify {
    /// Which writer, from 0.
    pub by: u8,
    /// Bytes to append.
    pub bytes: u32,
    /// The next operation begins without waiting for this one.
    pub with_next: bool,
    /// What the modifier does.
    pub how: How,
}

/// What a modifier does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// It appends its bytes, unless they are there.
    #[default]
    Append,
    /// It returns the text unchanged.
    Same,
    /// It returns nothing.
    Nothing,
    /// It raises.
    Raises,
    /// It raises as if somebody else had written, the first time, and appends afterwards.
    UcweOnce,
    /// It raises as if somebody else had written, every time.
    UcweAlways,
}

/// A map to keep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct KeepMap {
    /// Which writer, from 0.
    pub by: u8,
    /// How hard the update looks.
    pub mode: Mode,
    /// The next operation begins without waiting for this one.
    pub with_next: bool,
}

/// How hard a map update looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Any recoverable version will do.
    Anything,
    /// The newest version, with reasonable effort.
    Read,
    /// All shares, up to a boundary of servers without any.
    #[default]
    Write,
    /// Every server is asked.
    Check,
}

impl Mode {
    /// The mode of the map update.
    #[must_use]
    pub fn update(self) -> UpdateMode {
        match self {
            Mode::Anything => UpdateMode::Anything,
            Mode::Read => UpdateMode::Read,
            Mode::Write => UpdateMode::Write,
            Mode::Check => UpdateMode::Check,
        }
    }
}

/// Which writer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct By {
    /// Which writer, from 0.
    pub by: u8,
    /// The next operation begins without waiting for this one.
    pub with_next: bool,
}

/// A read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Read {
    /// Which reader, from 0.
    pub by: u8,
    /// Every server is asked.
    pub check: bool,
    /// The next operation begins without waiting for this one.
    pub with_next: bool,
}

impl Op {
    /// The node that executes it.
    #[must_use]
    pub fn node(&self) -> String {
        match self {
            Op::Create(write) | Op::Overwrite(write) | Op::Upload(write) => writer_name(write.by),
            Op::Modify(modify) => writer_name(modify.by),
            Op::KeepMap(keep) => writer_name(keep.by),
            Op::Fetch(by) => writer_name(by.by),
            Op::Read(read) => reader_name(read.by),
        }
    }

    /// The next operation begins without waiting for this one.
    #[must_use]
    pub fn with_next(&self) -> bool {
        match self {
            Op::Create(write) | Op::Overwrite(write) | Op::Upload(write) => write.with_next,
            Op::Modify(modify) => modify.with_next,
            Op::KeepMap(keep) => keep.with_next,
            Op::Fetch(by) => by.with_next,
            Op::Read(read) => read.with_next,
        }
    }
}

/// How operations are drawn: mostly overwrites, some changes and reads, seldom a text beyond one round trip.
pub fn strategy(config: &Config) -> BoxedStrategy<Op> {
    let writer = 0..config.writers.max(1);
    let bytes = prop_oneof![8 => 0_u32..200, 1 => 4_000_u32..20_000];
    let write = (writer.clone(), bytes, proptest::bool::weighted(0.3)).prop_map(|(by, bytes, with_next)| Write {
        by,
        bytes,
        with_next,
    });
    let modify = (writer.clone(), 1_u32..30, proptest::bool::weighted(0.3))
        .prop_map(|(by, bytes, with_next)| Op::Modify(Modify { by, bytes, with_next, how: How::Append }));
    let keep = (writer.clone(), any::<bool>())
        .prop_map(|(by, with_next)| Op::KeepMap(KeepMap { by, mode: Mode::Write, with_next }));
    let fetch = (writer, any::<bool>()).prop_map(|(by, with_next)| Op::Fetch(By { by, with_next }));
    let writes = prop_oneof![
        6 => write.clone().prop_map(Op::Overwrite),
        3 => modify,
        1 => keep,
        1 => write.prop_map(Op::Upload),
        1 => fetch,
    ];
    if config.readers == 0 {
        return writes.boxed();
    }
    let read = (0..config.readers, any::<bool>(), any::<bool>())
        .prop_map(|(by, check, with_next)| Op::Read(Read { by, check, with_next }));
    prop_oneof![3 => writes, 1 => read].boxed()
}

/// Simpler forms of an operation.
#[must_use]
pub fn simpler(op: &Op) -> Vec<Op> {
    let smaller = |bytes: u32| [1, 64].into_iter().filter(move |smaller| *smaller < bytes);
    let mut simpler: Vec<Op> = match op {
        Op::Modify(modify) => vec![Op::Overwrite(Write { by: modify.by, bytes: 64, with_next: modify.with_next })],
        _ => Vec::new(),
    };
    let with_bytes = |bytes| match op.clone() {
        Op::Create(write) => Some(Op::Create(Write { bytes, ..write })),
        Op::Overwrite(write) => Some(Op::Overwrite(Write { bytes, ..write })),
        Op::Upload(write) => Some(Op::Upload(Write { bytes, ..write })),
        Op::Modify(modify) => Some(Op::Modify(Modify { bytes, ..modify })),
        Op::KeepMap(_) | Op::Fetch(_) | Op::Read(_) => None,
    };
    let bytes = match op {
        Op::Create(write) | Op::Overwrite(write) | Op::Upload(write) => write.bytes,
        Op::Modify(modify) => modify.bytes,
        Op::KeepMap(_) | Op::Fetch(_) | Op::Read(_) => 0,
    };
    simpler.extend(smaller(bytes).filter_map(with_bytes));
    if op.with_next() {
        let mut alone = op.clone();
        match &mut alone {
            Op::Create(write) | Op::Overwrite(write) | Op::Upload(write) => write.with_next = false,
            Op::Modify(modify) => modify.with_next = false,
            Op::KeepMap(keep) => keep.with_next = false,
            Op::Fetch(by) => by.with_next = false,
            Op::Read(read) => read.with_next = false,
        }
        simpler.push(alone);
    }
    simpler
}

/// A text of this length that tells its operation, if it is long enough.
#[must_use]
pub fn text(index: usize, bytes: u32) -> Vec<u8> {
    let mut text = format!("text of operation {index}. ").into_bytes();
    let length = bytes.min(BYTES_MAX) as usize;
    if length < text.len() {
        // Short texts still differ between operations.
        text = vec![b'A' + (index % 26) as u8; length];
    }
    let filler = text.clone();
    text.extend(filler.iter().cycle().take(length.saturating_sub(filler.len())));
    text
}

/// What a `modify` makes of a text.
#[must_use]
pub fn modifier(index: usize, modify: &Modify) -> Modifier {
    let (addition, how) = (text(index, modify.bytes), modify.how);
    Box::new(move |old, first| {
        let append = || {
            let there = old.windows(addition.len().max(1)).any(|part| part == addition);
            let mut new = old.to_vec();
            if !there {
                new.extend_from_slice(&addition);
            }
            Change::Text(new)
        };
        match how {
            How::Append => append(),
            How::Same => Change::Text(old.to_vec()),
            How::Nothing => Change::None,
            How::Raises => Change::Raises,
            How::UcweOnce if first => Change::RaisesUcwe,
            How::UcweOnce => append(),
            How::UcweAlways => Change::RaisesUcwe,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_the_length_asked_for_and_differ_between_operations() {
        for bytes in [0, 1, 5, 22, 64, 5_000] {
            assert_eq!(text(3, bytes).len(), bytes as usize);
        }
        assert_ne!(text(1, 5), text(2, 5));
        assert_ne!(text(1, 500), text(2, 500));
    }

    #[test]
    fn an_operation_is_written_as_a_table_under_its_name() {
        #[derive(Deserialize)]
        struct File {
            op: Op,
        }
        let file: File = toml::from_str("op.overwrite = { bytes = 64 }").unwrap();
        assert_eq!(file.op, Op::Overwrite(Write { by: 0, bytes: 64, with_next: false }));
        assert!(toml::from_str::<File>("op.overwrite = { byts = 64 }").is_err());
    }

    #[test]
    fn drawn_operations_survive_and_simplify() {
        crate::flows::testing::assert_operations_survive_and_simplify(&strategy(&Config::default()), simpler);
    }

    #[test]
    fn simplifying_ends() {
        let mut open = vec![Op::Modify(Modify { by: 0, bytes: 500, with_next: true, how: How::Append })];
        let mut steps = 0;
        while let Some(op) = open.pop() {
            open.extend(simpler(&op));
            steps += 1;
            assert!(steps < 500, "no end");
        }
        assert!(steps > 5);
    }
}
