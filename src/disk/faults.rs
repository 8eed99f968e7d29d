//! Everything that can go wrong with a disk: the sites, with what each does, how often, and where in the
//! real world that was seen.

use crate::choice::{Rate, Site};

const fn rate(per_million: u32) -> Rate {
    Rate::per_million(per_million)
}

/// A write accepts 1 to n-1 bytes.
///
/// Passing: a short count is an answer to one call, and its caller asks again for the rest. What makes writes short
/// for a while ends with success (a signal, a window of the network) or in an error of its own (a full disk:
/// [`CAPACITY`]). A disk that takes a byte per call for ever is none that anybody has seen.
pub static SHORT_WRITE: Site =
    Site::fault("disk/short-write", "A write accepts fewer bytes than it was given.", rate(10_000), rate(300_000))
        .passing()
        .grounded("POSIX allows it for every write; seen near a full disk, with signals, on network file systems.");
/// A read delivers 1 to n-1 bytes. Passing, as [`SHORT_WRITE`] is: what is lasting is a short file or a bad sector.
pub static SHORT_READ: Site =
    Site::fault("disk/short-read", "A read delivers fewer bytes than there are.", rate(10_000), rate(300_000))
        .passing()
        .grounded("POSIX allows it for every read; seen with signals and on network file systems.");
/// `EINTR` before any effect, or a short count after some.
pub static INTERRUPTED: Site = Site::fault(
    "disk/interrupted",
    "A call fails with EINTR before any effect, or ends early after some.",
    rate(5_000),
    rate(100_000),
)
.passing()
.grounded("POSIX: a signal without SA_RESTART; NFS mounted with intr, FUSE.");
/// `EIO` on a write.
pub static WRITE_ERROR: Site =
    Site::fault("disk/write-error", "A write fails with EIO, once or from then on.", rate(100), rate(10_000))
        .grounded("A device that vanishes for a moment or for good; SQLite tests both forms.");
/// `EIO` on a read.
pub static READ_ERROR: Site =
    Site::fault("disk/read-error", "A read fails with EIO, once or from then on.", rate(100), rate(10_000))
        .grounded("A device that vanishes for a moment or for good; SQLite tests both forms.");
/// `EIO` on a sync.
pub static SYNC_ERROR: Site = Site::fault(
    "disk/sync-error",
    "A sync fails; what it should have made durable counts as clean and never becomes durable.",
    rate(500),
    rate(50_000),
)
.grounded("ext4, XFS and Btrfs mark the pages clean after a failed fsync, so a retry succeeds and the data is gone (PostgreSQL 2018; Rebello et al., ATC'20).");
/// The disk is small.
pub static CAPACITY: Site = Site::fault(
    "disk/capacity",
    "The disk is so small that a run can fill it; the write that fills it ends in the middle.",
    rate(100_000),
    rate(100_000),
)
.grounded("Full disks and quotas; ENOSPC persists until space is freed.");
/// Syncs that report success and do nothing.
pub static LYING_FLUSH: Site =
    Site::fault("disk/lying-flush", "For a while, syncs report success and do nothing.", rate(200_000), rate(200_000))
        .grounded("Drives and virtual disks that acknowledge a cache flush they did not do.");
/// Renames that can be caught half done.
pub static TORN_RENAME: Site = Site::fault(
    "disk/torn-rename",
    "After a power cut, a rename over a file may be half done.",
    rate(100_000),
    rate(100_000),
)
.grounded("File systems without a journal; the weakest model of Pillai et al., OSDI'14.");
/// A sector that cannot be read.
pub static SECTOR_ERROR: Site = Site::fault(
    "disk/sector-error",
    "A sector answers reads with EIO until it is rewritten.",
    rate(2_000),
    rate(20_000),
)
.with_dose()
.grounded("Latent sector errors, the most frequent of the media faults (Bairavasundaram et al., SIGMETRICS'07).");
/// Bits that flip at rest.
pub static BIT_ROT: Site = Site::fault(
    "disk/bit-rot",
    "A bit in up to four neighbouring sectors flips and stays flipped.",
    rate(1_000),
    rate(10_000),
)
.with_dose()
.grounded("Silent corruption is rare, local and clustered: 400,000 mismatches in 41 months over 1.53 million drives (FAST'08).");
/// A write that lands elsewhere.
pub static MISDIRECTED_WRITE: Site = Site::fault(
    "disk/misdirected-write",
    "One sector of a write lands at another place of the file; at most one per disk.",
    rate(500),
    rate(5_000),
)
.with_dose()
.grounded("Firmware that writes to a wrong address: two places are damaged (FAST'08).");
/// A write that is acknowledged and never done.
pub static LOST_WRITE: Site = Site::fault(
    "disk/lost-write",
    "One sector of an acknowledged write keeps its old content.",
    rate(500),
    rate(5_000),
)
.with_dose()
.grounded("Writes acknowledged and dropped by firmware or a lost cache (FAST'08).");
/// The unit a device writes whole.
pub static ATOMIC_UNIT: Site = Site::fault(
    "disk/atomic-unit",
    "The unit a device writes whole is 4096 bytes, or 1, instead of 512.",
    rate(100_000),
    rate(250_000),
)
.grounded("Advanced-format drives write 4096 bytes whole; memory-like devices promise nothing.");
/// The power goes off around an operation.
pub static POWER_CUT: Site = Site::fault(
    "disk/power-cut",
    "The power goes off just before an operation, or just after it.",
    rate(500),
    rate(20_000),
)
.passing()
.grounded("Power failures, kernel panics, hypervisors that are killed.");
/// What a power cut leaves behind.
pub static CUT_STATE: Site =
    Site::value("disk/cut-state", "Which pending operations a power cut leaves behind, and how torn.")
        .grounded("Caches are written back in any order (Pillai et al., OSDI'14).");
/// What a killed process got done.
pub static IN_FLIGHT: Site =
    Site::value("disk/in-flight", "How many bytes of the write in flight a killed process got done.")
        .grounded("A killed process leaves the page cache intact and a large write half done.");
/// The promises of the file system.
pub static PROFILE: Site = Site::value("disk/profile", "What the file system promises across a power cut.")
    .grounded("Six file systems differ in what they persist in which order (Pillai et al., OSDI'14).");
/// How long an operation takes.
pub static LATENCY: Site = Site::latency("disk/latency", "How long an operation takes.")
.grounded("Most operations are fast, one in a thousand is slow by orders of magnitude (write-back, retries, garbage collection).");

/// A row of the reference table.
#[derive(Clone, Copy, Debug)]
pub struct FaultInfo {
    /// The fault.
    pub fault: Fault,
    /// Its site, with label, effect, rates and ground.
    pub site: &'static Site,
}

macro_rules! faults {
    ($($(#[$doc:meta])* $fault:ident = $site:ident;)*) => {
        /// A kind of choice the disk asks for. See [`FAULTS`] for what each does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[$doc])* $fault,)* }

        /// Every choice site of the disk, in the order of the enum.
        pub static SITES: &[&Site] = &[$(&$site,)*];

        /// All of them, in the order of the enum.
        pub static FAULTS: &[FaultInfo] = &[$(FaultInfo { fault: Fault::$fault, site: &$site },)*];
    };
}

faults! {
    /// The site `SHORT_WRITE`.
    ShortWrite = SHORT_WRITE;
    /// The site `SHORT_READ`.
    ShortRead = SHORT_READ;
    /// The site `INTERRUPTED`.
    Interrupted = INTERRUPTED;
    /// The site `WRITE_ERROR`.
    WriteError = WRITE_ERROR;
    /// The site `READ_ERROR`.
    ReadError = READ_ERROR;
    /// The site `SYNC_ERROR`.
    SyncError = SYNC_ERROR;
    /// The site `CAPACITY`.
    Capacity = CAPACITY;
    /// The site `LYING_FLUSH`.
    LyingFlush = LYING_FLUSH;
    /// The site `TORN_RENAME`.
    TornRename = TORN_RENAME;
    /// The site `SECTOR_ERROR`.
    SectorError = SECTOR_ERROR;
    /// The site `BIT_ROT`.
    BitRot = BIT_ROT;
    /// The site `MISDIRECTED_WRITE`.
    MisdirectedWrite = MISDIRECTED_WRITE;
    /// The site `LOST_WRITE`.
    LostWrite = LOST_WRITE;
    /// The site `ATOMIC_UNIT`.
    AtomicUnit = ATOMIC_UNIT;
    /// The site `POWER_CUT`.
    PowerCut = POWER_CUT;
    /// The site `CUT_STATE`.
    CutState = CUT_STATE;
    /// The site `IN_FLIGHT`.
    InFlight = IN_FLIGHT;
    /// The site `PROFILE`.
    Profile = PROFILE;
    /// The site `LATENCY`.
    Latency = LATENCY;
}

impl Fault {
    /// How many there are.
    pub const COUNT: usize = FAULTS.len();

    /// The site where it is chosen.
    pub fn site(self) -> &'static Site {
        FAULTS[self as usize].site
    }

    /// The label without `disk/`, as contracts name it.
    pub fn name(self) -> &'static str {
        self.site().label.trim_start_matches("disk/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is one call's answer does not stay; what a device does until it is replaced can.
    #[test]
    fn answers_to_one_call_pass() {
        for site in [&SHORT_WRITE, &SHORT_READ, &INTERRUPTED, &POWER_CUT] {
            assert!(!site.sticky, "{}", site.label);
        }
        for site in [&WRITE_ERROR, &READ_ERROR, &SYNC_ERROR, &LYING_FLUSH] {
            assert!(site.sticky, "{}", site.label);
        }
    }

    /// Sites are found by their place in the enum, and labels are unique and of this layer.
    #[test]
    fn the_table_is_in_order() {
        for (index, info) in FAULTS.iter().enumerate() {
            assert_eq!(info.fault as usize, index);
            assert!(info.site.label.starts_with("disk/"), "{}", info.site.label);
            assert!(FAULTS[..index].iter().all(|other| other.site.label != info.site.label), "{}", info.site.label);
        }
    }
}
