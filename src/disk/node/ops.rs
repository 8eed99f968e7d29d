//! The operations themselves, the same in both forms: done on the disk, and entered into the trace.

use super::file::FileRef;
use super::kinds;
use super::sim_chance::SimChance;
use crate::disk::{Disk, DiskError, OpenFile, OpenMode};

pub(super) fn open(disk: &mut Disk, chance: &SimChance<'_>, path: &str, mode: OpenMode) -> Result<OpenFile, DiskError> {
    let creates = mode == OpenMode::CreateNew || mode == OpenMode::Create && !disk.exists(path);
    let file = disk.open(path, mode)?;
    chance.emit(&kinds::OPEN, [u64::from(creates), 0, 0]);
    Ok(file)
}

pub(super) fn read(
    disk: &mut Disk,
    chance: &mut SimChance<'_>,
    file: &FileRef,
    offset: u64,
    buffer: &mut [u8],
) -> Result<usize, DiskError> {
    disk.read_at(chance, file.open(), offset, buffer)
}

/// `offset` is `None` for an append.
pub(super) fn write(
    disk: &mut Disk,
    chance: &mut SimChance<'_>,
    file: &FileRef,
    offset: Option<u64>,
    bytes: &[u8],
) -> Result<usize, DiskError> {
    let offset = match offset {
        Some(offset) => offset,
        None => disk.size(file.open())?,
    };
    let written = disk.write_at(chance, file.open(), offset, bytes)?;
    chance.emit(&kinds::WRITE, [offset, written as u64, bytes.len() as u64]);
    Ok(written)
}

pub(super) fn set_len(disk: &mut Disk, chance: &SimChance<'_>, file: &FileRef, size: u64) -> Result<(), DiskError> {
    disk.set_len(file.open(), size)?;
    chance.emit(&kinds::SET_LEN, [size, 0, 0]);
    Ok(())
}

pub(super) fn sync(
    disk: &mut Disk,
    chance: &mut SimChance<'_>,
    file: &FileRef,
    data_only: bool,
) -> Result<(), DiskError> {
    let result = if data_only { disk.sync_data(chance, file.open()) } else { disk.sync_all(chance, file.open()) };
    chance.emit(&kinds::SYNC, [u64::from(result.is_err()), 0, 0]);
    result
}

pub(super) fn sync_dir(disk: &mut Disk, chance: &mut SimChance<'_>, path: &str) -> Result<(), DiskError> {
    let result = disk.sync_dir(chance, path);
    chance.emit(&kinds::SYNC_DIR, [u64::from(result.is_err()), 0, 0]);
    result
}

/// A change of entries: `rename a -> b`.
pub(super) fn names(
    disk: &mut Disk,
    chance: &SimChance<'_>,
    words: &str,
    change: impl FnOnce(&mut Disk) -> Result<(), DiskError>,
) -> Result<(), DiskError> {
    change(disk)?;
    chance.emit_text(&kinds::NAMES, format_args!("{words}"));
    Ok(())
}
