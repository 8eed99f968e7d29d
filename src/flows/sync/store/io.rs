//! Whole reads and writes over calls that may do less, and the few forms in which files are replaced.

use crate::disk::{BlockingDisk, BlockingFile, DiskError, OpenMode};

/// Interrupted calls in a row after which a write or read is given up.
const INTERRUPTIONS_MAX: u32 = 100;

/// Writes all of the bytes.
pub fn write_all(file: &BlockingFile, mut offset: u64, mut bytes: &[u8]) -> Result<(), DiskError> {
    let mut interrupted = 0;
    while !bytes.is_empty() {
        match file.write_at(offset, bytes) {
            Ok(count) => {
                offset += count as u64;
                bytes = &bytes[count..];
            }
            Err(DiskError::Interrupted) if interrupted < INTERRUPTIONS_MAX => interrupted += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads a range, or what there is of it.
pub fn read_range(file: &BlockingFile, offset: u64, len: usize) -> Result<Vec<u8>, DiskError> {
    let mut bytes = vec![0; len];
    let (mut filled, mut interrupted) = (0, 0);
    while filled < len {
        match file.read_at(offset + filled as u64, &mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(DiskError::Interrupted) if interrupted < INTERRUPTIONS_MAX => interrupted += 1,
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Reads a file from its beginning to its end.
pub fn read_open(file: &BlockingFile) -> Result<Vec<u8>, DiskError> {
    let len = file.size()?;
    read_range(file, 0, usize::try_from(len).unwrap_or(usize::MAX))
}

/// Reads a file by name.
pub fn read(disk: &BlockingDisk, path: &str) -> Result<Vec<u8>, DiskError> {
    read_open(&disk.open(path, OpenMode::Read)?)
}

/// Whether there is a file of this name.
pub fn exists(disk: &BlockingDisk, path: &str) -> Result<bool, DiskError> {
    match disk.metadata(path) {
        Ok(_) => Ok(true),
        Err(DiskError::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens a file for writing and cuts it to nothing.
pub fn create(disk: &BlockingDisk, path: &str) -> Result<BlockingFile, DiskError> {
    let file = disk.open(path, OpenMode::Create)?;
    file.set_len(0)?;
    Ok(file)
}

/// Makes a new file of these bytes and makes them durable, not its name.
pub fn write_synced(disk: &BlockingDisk, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
    let file = create(disk, path)?;
    write_all(&file, 0, bytes)?;
    file.sync_all()
}

/// Makes a file durable under the name it has.
pub fn sync(disk: &BlockingDisk, path: &str) -> Result<(), DiskError> {
    disk.open(path, OpenMode::Write)?.sync_all()
}

/// Takes a name away if it is there.
pub fn remove(disk: &BlockingDisk, path: &str) -> Result<(), DiskError> {
    match disk.unlink(path) {
        Ok(()) | Err(DiskError::NotFound) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Gives a file a second name, in place of whatever has it: two steps.
pub fn link_over(disk: &BlockingDisk, from: &str, to: &str) -> Result<(), DiskError> {
    remove(disk, to)?;
    disk.link(from, to)
}

/// Makes a directory unless it is there.
pub fn directory(disk: &BlockingDisk, path: &str) -> Result<(), DiskError> {
    match disk.create_dir(path) {
        Ok(()) | Err(DiskError::AlreadyExists) => Ok(()),
        Err(error) => Err(error),
    }
}
