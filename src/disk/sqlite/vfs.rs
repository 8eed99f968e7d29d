//! The C callbacks of a file system, and its registration with SQLite.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Once;
use std::time::Duration;

use rusqlite::ffi;

use super::handle::{Handle, code, parent};
use super::methods::{self, File};
use super::volume::Inner;
use crate::disk::{DiskError, Kind, OpenMode};

/// The longest path.
const PATH_BYTES_MAX: c_int = 512;
/// Milliseconds from the Julian epoch to that of UNIX.
const JULIAN_TO_UNIX_MS: i64 = 210_866_760_000_000;

/// A registered VFS. It stays at its place in memory, which SQLite knows, until it is dropped.
pub(super) struct Registration {
    vfs: *mut ffi::sqlite3_vfs,
    name: CString,
}

impl Registration {
    /// Registers a VFS whose files are on this volume.
    ///
    /// # Safety
    /// The volume outlives the registration and every connection that is opened on it, and all of it stays on
    /// this thread.
    pub(super) unsafe fn new(volume: *const Inner) -> Registration {
        count_no_memory();
        // The address is unique among the living; the name reaches no trace.
        let name = CString::new(format!("seedbed-{volume:p}")).expect("an address has no zero byte");
        let vfs = Box::into_raw(Box::new(ffi::sqlite3_vfs {
            iVersion: 2,
            szOsFile: size_of::<File>() as c_int,
            mxPathname: PATH_BYTES_MAX,
            pNext: std::ptr::null_mut(),
            zName: name.as_ptr(),
            pAppData: volume.cast_mut().cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            xDlOpen: Some(dl_open),
            xDlError: Some(dl_error),
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: Some(last_error),
            xCurrentTimeInt64: Some(current_time_int64),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        }));
        // SAFETY: the structure and its name stay alive until the drop below has unregistered them.
        let registered = unsafe { ffi::sqlite3_vfs_register(vfs, 0) };
        assert_eq!(registered, ffi::SQLITE_OK, "SQLite refused a VFS");
        Registration { vfs, name }
    }

    pub(super) fn name(&self) -> &CStr {
        &self.name
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: registered in new; the volume is going, so no connection uses the VFS any more.
        unsafe {
            ffi::sqlite3_vfs_unregister(self.vfs);
            drop(Box::from_raw(self.vfs));
        }
    }
}

/// SQLite's account of its memory takes a lock for each piece, which threads with worlds of their own would share. Whoever
/// wants the account asks for it before the first volume is made.
fn count_no_memory() {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        // SAFETY: sets a flag, once, before the first VFS of ours is registered. A SQLite that is in use already refuses,
        // which is fine: it goes on counting.
        let _ = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0) };
    });
}

/// The volume of a VFS.
///
/// # Safety
/// `vfs` is one that [`Registration::new`] made, and its volume lives.
unsafe fn volume(vfs: *mut ffi::sqlite3_vfs) -> Rc<Inner> {
    // SAFETY: pAppData came from an Rc that is alive for as long as SQLite may call; the count goes up here
    // and down when the clone is dropped.
    unsafe {
        let volume = (*vfs).pAppData.cast_const().cast::<Inner>();
        Rc::increment_strong_count(volume);
        Rc::from_raw(volume)
    }
}

/// Calls into Rust; see the same function of a file.
fn enter(volume: &Rc<Inner>, failure: c_int, call: impl FnOnce(&Rc<Inner>) -> c_int) -> c_int {
    match catch_unwind(AssertUnwindSafe(|| call(volume))) {
        Ok(code) => code,
        Err(payload) => {
            volume.keep_panic(payload);
            failure
        }
    }
}

/// A path as SQLite passes it; `None` where it is no text.
///
/// # Safety
/// `path` points to a string with a zero at its end that lives longer than the answer is used.
unsafe fn text<'a>(path: *const c_char) -> Option<&'a str> {
    // SAFETY: by the contract.
    unsafe { CStr::from_ptr(path) }.to_str().ok()
}

// SAFETY of all callbacks below: SQLite passes the VFS they were registered with, strings with a zero at their
// end, and valid out-pointers, as its interface promises.

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: see above. Without methods SQLite does not close a file that failed to open.
    let volume = unsafe {
        (*file).pMethods = std::ptr::null();
        volume(vfs)
    };
    // A null name asks for a temporary file.
    let path = if path.is_null() {
        Some("")
    } else {
        // SAFETY: see above.
        unsafe { text(path) }
    };
    let answer = |volume: &Rc<Inner>| {
        let Some(path) = path else {
            return ffi::SQLITE_CANTOPEN;
        };
        let handle = match open_file(volume, path, flags) {
            Ok(handle) => handle,
            Err(code) => return code,
        };
        // SAFETY: SQLite's memory for the file, as large as the VFS asked for; a valid out-pointer, or none.
        unsafe {
            methods::install(file, handle);
            if !out_flags.is_null() {
                *out_flags = flags;
            }
        }
        ffi::SQLITE_OK
    };
    enter(&volume, ffi::SQLITE_CANTOPEN, answer)
}

fn open_file(volume: &Rc<Inner>, path: &str, flags: c_int) -> Result<Handle, c_int> {
    let asks = |flag: c_int| flags & flag != 0;
    if path.is_empty() || asks(ffi::SQLITE_OPEN_DELETEONCLOSE) {
        return Ok(Handle::temporary(Rc::clone(volume)));
    }
    let create = asks(ffi::SQLITE_OPEN_CREATE);
    let mode = match (asks(ffi::SQLITE_OPEN_READONLY), create, asks(ffi::SQLITE_OPEN_EXCLUSIVE)) {
        (true, ..) => OpenMode::Read,
        (false, true, true) => OpenMode::CreateNew,
        (false, true, false) => OpenMode::Create,
        (false, false, _) => OpenMode::Write,
    };
    let journal = ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL | ffi::SQLITE_OPEN_WAL;
    let file = volume.backend().open(path, mode).map_err(|_| ffi::SQLITE_CANTOPEN)?;
    Ok(Handle::on_disk(Rc::clone(volume), path, file, create && asks(journal)))
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, path: *const c_char, sync_directory: c_int) -> c_int {
    // SAFETY: see above.
    let (volume, path) = unsafe { (volume(vfs), text(path)) };
    let answer = |volume: &Rc<Inner>| {
        let Some(path) = path else {
            return ffi::SQLITE_IOERR_DELETE;
        };
        match volume.backend().unlink(path) {
            Ok(()) => {}
            Err(DiskError::NotFound) => return ffi::SQLITE_IOERR_DELETE_NOENT,
            Err(_) => return ffi::SQLITE_IOERR_DELETE,
        }
        if sync_directory & 1 == 0 {
            return ffi::SQLITE_OK;
        }
        code(volume.backend().sync_dir(parent(path)), ffi::SQLITE_IOERR_DIR_FSYNC)
    };
    enter(&volume, ffi::SQLITE_IOERR_DELETE, answer)
}

unsafe extern "C" fn access(vfs: *mut ffi::sqlite3_vfs, path: *const c_char, flags: c_int, out: *mut c_int) -> c_int {
    // SAFETY: see above.
    let (volume, path) = unsafe { (volume(vfs), text(path)) };
    let answer = |volume: &Rc<Inner>| {
        let found = match path.map(|path| volume.backend().metadata(path)) {
            Some(Ok(found)) => found,
            Some(Err(DiskError::NotADirectory | DiskError::InvalidName)) | None => None,
            Some(Err(_)) => return ffi::SQLITE_IOERR_ACCESS,
        };
        // An empty file does not exist, for who asks for existence.
        let yes = match found {
            Some(Kind::File { size }) => flags != ffi::SQLITE_ACCESS_EXISTS || size > 0,
            Some(Kind::Directory) => true,
            None => false,
        };
        // SAFETY: a valid out-pointer.
        unsafe { *out = c_int::from(yes) };
        ffi::SQLITE_OK
    };
    enter(&volume, ffi::SQLITE_IOERR_ACCESS, answer)
}

/// Paths are what they are: there is no current directory.
unsafe extern "C" fn full_pathname(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: see above.
    let bytes = unsafe { CStr::from_ptr(path) }.to_bytes_with_nul();
    if bytes.len() > room as usize {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: `out` has room for `room` bytes and does not overlap the path.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr().cast(), out, bytes.len()) };
    ffi::SQLITE_OK
}

/// There are no extensions to load.
unsafe extern "C" fn dl_open(_: *mut ffi::sqlite3_vfs, _: *const c_char) -> *mut c_void {
    std::ptr::null_mut()
}

/// The message is the caller's own.
unsafe extern "C" fn dl_error(_: *mut ffi::sqlite3_vfs, _: c_int, _: *mut c_char) {}

/// SQLite seeds its generator from the default VFS; who asks this one gets nothing random.
unsafe extern "C" fn randomness(_: *mut ffi::sqlite3_vfs, count: c_int, out: *mut c_char) -> c_int {
    // SAFETY: `out` has room for `count` bytes.
    unsafe { std::ptr::write_bytes(out, 0, count as usize) };
    count
}

/// Waiting inside C is the node's debt.
unsafe extern "C" fn sleep(vfs: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    // SAFETY: see above.
    let volume = unsafe { volume(vfs) };
    let answer = |volume: &Rc<Inner>| {
        volume.backend().sleep(Duration::from_micros(microseconds.max(0) as u64));
        microseconds
    };
    enter(&volume, microseconds, answer)
}

unsafe extern "C" fn current_time_int64(vfs: *mut ffi::sqlite3_vfs, out: *mut i64) -> c_int {
    // SAFETY: see above.
    let volume = unsafe { volume(vfs) };
    let answer = |volume: &Rc<Inner>| {
        // SAFETY: a valid out-pointer.
        unsafe { *out = JULIAN_TO_UNIX_MS + volume.backend().wall().as_millis() as i64 };
        ffi::SQLITE_OK
    };
    enter(&volume, ffi::SQLITE_ERROR, answer)
}

unsafe extern "C" fn current_time(vfs: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    let mut milliseconds = 0;
    // SAFETY: see above; both out-pointers are valid.
    unsafe {
        let answer = current_time_int64(vfs, &mut milliseconds);
        *out = milliseconds as f64 / 86_400_000.0;
        answer
    }
}

unsafe extern "C" fn last_error(_: *mut ffi::sqlite3_vfs, _: c_int, _: *mut c_char) -> c_int {
    0
}
