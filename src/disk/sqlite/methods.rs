//! The C callbacks of an open file. Each hands over to [`Handle`] and lets no panic through.

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::ffi;

use super::handle::Handle;
use super::locks::Level;

/// What SQLite allocates for an open file: its own part, then ours.
#[repr(C)]
pub(super) struct File {
    base: ffi::sqlite3_file,
    handle: *mut Handle,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // Version 2 has shared memory and no memory-mapped reads, which would pass the VFS by.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// SQLite's default sector size, which the unix VFS reports for every disk.
const SECTOR_BYTES: c_int = 4096;

/// Makes SQLite's file an open one.
///
/// # Safety
/// `file` points to memory for a [`File`] that SQLite will pass to the methods, and to `close` in the end.
pub(super) unsafe fn install(file: *mut ffi::sqlite3_file, handle: Handle) {
    let handle = Box::into_raw(Box::new(handle));
    // SAFETY: by the contract the memory is there, large enough (the VFS said so in szOsFile) and ours.
    unsafe {
        (*file.cast::<File>()).handle = handle;
        (*file).pMethods = &METHODS;
    }
}

/// Calls into Rust. A panic must not unwind through C: it is kept, the call fails, and the next use of the
/// database in Rust raises it again.
///
/// # Safety
/// `file` was opened by [`install`] and has not been closed.
unsafe fn enter(file: *mut ffi::sqlite3_file, failure: c_int, call: impl FnOnce(&Handle) -> c_int) -> c_int {
    // SAFETY: install put a leaked box there, which only close takes back. SQLite does not use a file during
    // or after its close, and connections never leave their thread, so a shared borrow is fine.
    let handle = unsafe { &*(*file.cast::<File>()).handle };
    match catch_unwind(AssertUnwindSafe(|| call(handle))) {
        Ok(code) => code,
        Err(payload) => {
            handle.volume.keep_panic(payload);
            failure
        }
    }
}

// SAFETY of all methods below: SQLite calls them with a file that xOpen has opened (pMethods is set by install
// only), with buffers of the length it names and with valid out-pointers, as its interface promises.

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: the box install leaked; SQLite closes a file once and never touches it again.
    let handle = unsafe { Box::from_raw((*file.cast::<File>()).handle) };
    // SAFETY: the memory is still SQLite's, and alive.
    unsafe { (*file).pMethods = std::ptr::null() };
    let volume = std::rc::Rc::clone(&handle.volume);
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(handle))) {
        volume.keep_panic(payload);
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, buffer: *mut c_void, count: c_int, offset: i64) -> c_int {
    // SAFETY: `buffer` has room for `count` bytes, and nobody else uses it during the call.
    let buffer = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), count as usize) };
    // SAFETY: see above.
    unsafe { enter(file, ffi::SQLITE_IOERR_READ, |handle| handle.read(offset as u64, buffer)) }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, bytes: *const c_void, count: c_int, offset: i64) -> c_int {
    // SAFETY: `bytes` has `count` bytes, which nobody changes during the call.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), count as usize) };
    // SAFETY: see above.
    unsafe { enter(file, ffi::SQLITE_IOERR_WRITE, |handle| handle.write(offset as u64, bytes)) }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    // SAFETY: see above.
    unsafe { enter(file, ffi::SQLITE_IOERR_TRUNCATE, |handle| handle.truncate(size as u64)) }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: see above.
    unsafe { enter(file, ffi::SQLITE_IOERR_FSYNC, Handle::sync) }
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    let answer = |handle: &Handle| match handle.size() {
        Ok(bytes) => {
            // SAFETY: a valid out-pointer.
            unsafe { *size = bytes as i64 };
            ffi::SQLITE_OK
        }
        Err(code) => code,
    };
    // SAFETY: see above.
    unsafe { enter(file, ffi::SQLITE_IOERR_FSTAT, answer) }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: see above.
    unsafe { enter(file, ffi::SQLITE_IOERR_LOCK, |handle| handle.lock(Level::from_raw(level))) }
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    let answer = |handle: &Handle| {
        handle.unlock(Level::from_raw(level));
        ffi::SQLITE_OK
    };
    // SAFETY: see above.
    unsafe { enter(file, ffi::SQLITE_OK, answer) }
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    let answer = |handle: &Handle| {
        // SAFETY: a valid out-pointer.
        unsafe { *out = c_int::from(handle.is_reserved()) };
        ffi::SQLITE_OK
    };
    // SAFETY: see above.
    unsafe { enter(file, ffi::SQLITE_IOERR_CHECKRESERVEDLOCK, answer) }
}

unsafe extern "C" fn file_control(file: *mut ffi::sqlite3_file, operation: c_int, argument: *mut c_void) -> c_int {
    let known = [
        ffi::SQLITE_FCNTL_LOCKSTATE,
        ffi::SQLITE_FCNTL_HAS_MOVED,
        ffi::SQLITE_FCNTL_PERSIST_WAL,
        ffi::SQLITE_FCNTL_POWERSAFE_OVERWRITE,
    ];
    if !known.contains(&operation) {
        return ffi::SQLITE_NOTFOUND;
    }
    // SAFETY: these operations, and no others that get here, pass a pointer to an int.
    let argument = unsafe { &mut *argument.cast::<c_int>() };
    // SAFETY: see above.
    unsafe { enter(file, ffi::SQLITE_IOERR, |handle| handle.control(operation, argument)) }
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    SECTOR_BYTES
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: see above.
    unsafe { enter(file, 0, Handle::device_characteristics) }
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    bytes: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: a valid out-pointer.
    unsafe { *out = std::ptr::null_mut() };
    let answer = |handle: &Handle| match handle.map(region as usize, bytes as usize, extend != 0) {
        Ok(memory) => {
            // SAFETY: a valid out-pointer. The region lives until the last user has unmapped it.
            unsafe { *out = memory.map_or(std::ptr::null_mut(), <*mut u64>::cast) };
            ffi::SQLITE_OK
        }
        Err(code) => code,
    };
    // SAFETY: see above.
    unsafe { enter(file, ffi::SQLITE_IOERR_SHMMAP, answer) }
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, first: c_int, count: c_int, flags: c_int) -> c_int {
    let answer = |handle: &Handle| handle.lock_shm(first as usize, count as usize, flags);
    // SAFETY: see above.
    unsafe { enter(file, ffi::SQLITE_IOERR_SHMLOCK, answer) }
}

/// All users of the memory are on one thread: the compiler is all there is to hold back.
unsafe extern "C" fn shm_barrier(_: *mut ffi::sqlite3_file) {
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    let answer = |handle: &Handle| {
        handle.unmap();
        ffi::SQLITE_OK
    };
    // SAFETY: see above.
    unsafe { enter(file, ffi::SQLITE_OK, answer) }
}
