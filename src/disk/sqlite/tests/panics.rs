//! Panics in callbacks stay in Rust.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::count;
use super::hooked::{Call, Hooked};
use crate::disk::sqlite::Volume;
use crate::disk::sqlite::backend::Aside;
use crate::disk::{Disk, DiskSetup};

/// A panic in a callback fails the call in C and goes on in Rust.
#[test]
fn a_panic_does_not_cross_c() {
    let switch = Rc::new(Cell::new(false));
    let disk = Rc::new(RefCell::new(Disk::new(DiskSetup::default())));
    let told = Rc::clone(&switch);
    let hook = move |call: Call<'_>| assert!(!matches!(call, Call::Read) || !told.get(), "told to panic");
    let volume = Volume::new(Box::new(Hooked(Aside(disk), Rc::new(hook))), None);
    let database = volume.open("x").unwrap();
    database.execute_batch("CREATE TABLE t(x)").unwrap();
    let other = volume.open("x").unwrap();
    switch.set(true);
    let failed = other.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0));
    assert!(failed.is_err());
    switch.set(false);
    let raised = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| count(&other)));
    assert_eq!(raised.unwrap_err().downcast_ref::<&str>(), Some(&"told to panic"));
    assert_eq!(count(&other), 0);
}
