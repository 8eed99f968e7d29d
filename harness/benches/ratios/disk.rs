//! What the model of the disk costs: a write and a sync beside a bare copy of the same bytes, and a power cut of one
//! changed page in a small file and in a large one, which should differ by nothing.

use seedbed::choice::Domain;
use seedbed::disk::{Calm, Disk, DiskSetup, OpenFile, OpenMode};

/// Bytes of one write.
const WRITE_BYTES: usize = 512;
/// Writes that go round in a file of this size.
const FILE_BYTES: u64 = 64 << 10;
/// Writes between two syncs.
const SYNC_EVERY: u64 = 8;

fn file_of(bytes: u64) -> (Disk, OpenFile) {
    let mut disk = Disk::new(DiskSetup::default());
    disk.install("file", &vec![1; bytes as usize]).expect("there is space");
    let file = disk.open("file", OpenMode::Write).expect("it was installed");
    (disk, file)
}

/// Writes to the model, each eighth followed by a sync.
pub fn writes(count: u64) {
    let (mut disk, file) = file_of(FILE_BYTES);
    for n in 0..count {
        let offset = n * WRITE_BYTES as u64 % FILE_BYTES;
        disk.write_at(&mut Calm, &file, offset, &[n as u8; WRITE_BYTES]).expect("calm");
        if n % SYNC_EVERY == SYNC_EVERY - 1 {
            disk.sync_data(&mut Calm, &file).expect("calm");
        }
    }
    std::hint::black_box(disk);
}

/// The same bytes twice into vectors, as a cache and a medium without anything else would.
pub fn bare_copies(count: u64) {
    let (mut cache, mut medium) = (vec![1; FILE_BYTES as usize], vec![1; FILE_BYTES as usize]);
    for n in 0..count {
        let start = (n * WRITE_BYTES as u64 % FILE_BYTES) as usize;
        cache[start..start + WRITE_BYTES].copy_from_slice(std::hint::black_box(&[n as u8; WRITE_BYTES]));
        medium[start..start + WRITE_BYTES].copy_from_slice(&cache[start..start + WRITE_BYTES]);
    }
    std::hint::black_box((cache, medium));
}

/// Power cuts, each after one changed page of a file of this size, drawn as in a run.
pub fn cuts(bytes: u64) -> impl FnMut(u64) {
    let (start, _) = file_of(bytes);
    move |count| {
        let mut disk = start.clone();
        for n in 0..count {
            let file = disk.open("file", OpenMode::Write).expect("it was installed");
            disk.write_at(&mut Calm, &file, n * 4096 % bytes, &[n as u8; 4096]).expect("calm");
            let shape = disk.cut_shape();
            let cut = shape.draw(&mut seedbed::choice::Expander::new(n));
            disk.power_cut(&shape, &cut);
        }
        std::hint::black_box(&disk);
    }
}
