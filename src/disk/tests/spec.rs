//! An independent, naive specification of what a power cut may leave behind: a log of everything that was
//! done, with marks for what was synced. It shares no code with the model and enumerates where it can.

use std::collections::{BTreeMap, BTreeSet};

use crate::disk::Profile;

const SECTOR: usize = 512;

/// One thing that was done.
#[derive(Clone, Debug)]
enum Did {
    Write { file: usize, offset: usize, bytes: Vec<u8> },
    SetLen { file: usize, len: usize },
    Put { dir: usize, name: String, file: usize },
    Drop { dir: usize, name: String },
}

#[derive(Clone, Debug)]
struct Entry {
    /// Parts of one operation share a number.
    operation: usize,
    did: Did,
    synced: bool,
}

/// Names (with their directory) and files.
pub(super) type Names = BTreeMap<(usize, String), usize>;

/// What was found after a cut: content by name.
pub(super) type Found = BTreeMap<(usize, String), Vec<u8>>;

#[derive(Debug)]
pub(super) struct Spec {
    profile: Profile,
    log: Vec<Entry>,
    files: usize,
    operations: usize,
}

impl Spec {
    pub(super) fn new(profile: Profile) -> Spec {
        Spec { profile, log: Vec::new(), files: 0, operations: 0 }
    }

    /// Names as everybody sees them.
    pub(super) fn names(&self) -> Names {
        names(self.log.iter())
    }

    /// A file's content as everybody sees it.
    pub(super) fn content(&self, file: usize) -> Vec<u8> {
        content(file, self.log.iter())
    }

    fn push(&mut self, dids: Vec<Did>) {
        self.operations += 1;
        let operation = self.operations;
        self.log.extend(dids.into_iter().map(|did| Entry { operation, did, synced: false }));
    }

    /// The file of this name, made if there is none.
    pub(super) fn open(&mut self, dir: usize, name: &str) -> usize {
        if let Some(&file) = self.names().get(&(dir, name.to_owned())) {
            return file;
        }
        self.files += 1;
        let file = self.files;
        self.push(vec![Did::Put { dir, name: name.to_owned(), file }]);
        file
    }

    pub(super) fn write(&mut self, file: usize, offset: usize, bytes: &[u8]) {
        self.push(vec![Did::Write { file, offset, bytes: bytes.to_vec() }]);
    }

    pub(super) fn set_len(&mut self, file: usize, len: usize) {
        if self.content(file).len() != len {
            self.push(vec![Did::SetLen { file, len }]);
        }
    }

    pub(super) fn unlink(&mut self, dir: usize, name: &str) {
        self.push(vec![Did::Drop { dir, name: name.to_owned() }]);
    }

    pub(super) fn link(&mut self, from: (usize, &str), to: (usize, &str)) {
        let file = self.names()[&(from.0, from.1.to_owned())];
        self.push(vec![Did::Put { dir: to.0, name: to.1.to_owned(), file }]);
    }

    pub(super) fn rename(&mut self, from: (usize, &str), to: (usize, &str)) {
        let file = self.names()[&(from.0, from.1.to_owned())];
        if self.names().get(&(to.0, to.1.to_owned())) == Some(&file) {
            return;
        }
        self.push(vec![
            Did::Put { dir: to.0, name: to.1.to_owned(), file },
            Did::Drop { dir: from.0, name: from.1.to_owned() },
        ]);
    }

    pub(super) fn sync_file(&mut self, file: usize) {
        let profile = self.profile;
        let named = |entry: &Entry| !entry.synced && matches!(entry.did, Did::Put { file: other, .. } if other == file);
        let last_name = self.log.iter().rposition(named);
        for (index, entry) in self.log.iter_mut().enumerate() {
            entry.synced |= match (&entry.did, profile) {
                (_, Profile::InOrder) => true,
                (Did::Write { file: other, .. } | Did::SetLen { file: other, .. }, _) => *other == file,
                (_, Profile::Ordered) => last_name.is_some_and(|last| index <= last),
                _ => false,
            };
        }
        self.join_halves();
    }

    pub(super) fn sync_dir(&mut self, dir: usize) {
        let profile = self.profile;
        let of_dir = |entry: &Entry| matches!(entry.did, Did::Put { dir: other, .. } | Did::Drop { dir: other, .. } if other == dir);
        let last = self.log.iter().rposition(|entry| !entry.synced && of_dir(entry));
        for (index, entry) in self.log.iter_mut().enumerate() {
            let of_names = matches!(entry.did, Did::Put { .. } | Did::Drop { .. });
            entry.synced |= match profile {
                Profile::InOrder => true,
                Profile::Ordered => of_names && last.is_some_and(|last| index <= last),
                _ => of_dir(entry),
            };
        }
        self.join_halves();
    }

    /// Where entries persist in order, both halves of a rename persist together.
    fn join_halves(&mut self) {
        if matches!(self.profile, Profile::Ordered) {
            let synced: BTreeSet<usize> =
                self.log.iter().filter(|entry| entry.synced).map(|entry| entry.operation).collect();
            for entry in &mut self.log {
                entry.synced |= synced.contains(&entry.operation);
            }
        }
    }

    /// Whether the profile allows this state after a cut now.
    pub(super) fn allows(&self, found: &Found) -> bool {
        if self.profile == Profile::InOrder {
            return self.prefixes().any(|log| {
                let names = names(log.iter().copied());
                names.keys().eq(found.keys())
                    && names.iter().all(|(name, &file)| content(file, log.iter().copied()) == found[name])
            });
        }
        self.namespaces().iter().any(|names| {
            names.keys().eq(found.keys()) && names.iter().all(|(name, &file)| self.allows_file(file, &found[name]))
        })
    }

    fn prefixes(&self) -> impl Iterator<Item = Vec<&Entry>> {
        (0..=self.operations).filter_map(|last| {
            let (log, rest): (Vec<&Entry>, Vec<&Entry>) = self.log.iter().partition(|entry| entry.operation <= last);
            rest.iter().all(|entry| !entry.synced).then_some(log)
        })
    }

    /// Every set of names a cut may leave.
    pub(super) fn namespaces(&self) -> BTreeSet<Names> {
        let of_names: Vec<&Entry> =
            self.log.iter().filter(|entry| matches!(entry.did, Did::Put { .. } | Did::Drop { .. })).collect();
        let open: BTreeSet<usize> =
            of_names.iter().filter(|entry| !entry.synced).map(|entry| entry.operation).collect();
        let open: Vec<usize> = open.into_iter().collect();
        let choices: Vec<BTreeSet<usize>> = if self.profile == Profile::Ordered {
            (0..=open.len()).map(|kept| open[..kept].iter().copied().collect()).collect()
        } else {
            let subset =
                |mask: usize| (0..open.len()).filter(|bit| mask >> bit & 1 == 1).map(|bit| open[bit]).collect();
            (0..1 << open.len()).map(subset).collect()
        };
        let kept = |set: &BTreeSet<usize>| {
            names(of_names.iter().copied().filter(|entry| entry.synced || set.contains(&entry.operation)))
        };
        choices.iter().map(kept).collect()
    }

    /// Whether a cut may leave this content.
    fn allows_file(&self, file: usize, found: &[u8]) -> bool {
        let log: Vec<&Entry> = self.log.iter().filter(|entry| file_of(entry) == Some(file)).collect();
        let (durable, pending): (Vec<&Entry>, Vec<&Entry>) = log.into_iter().partition(|entry| entry.synced);
        let base = content(file, durable.into_iter());
        if !sizes(base.len(), &pending).contains(&found.len()) {
            return false;
        }
        (0..found.len().div_ceil(SECTOR)).all(|sector| self.allows_sector(sector, &base, &pending, found))
            && (self.profile != Profile::Ordered || no_hole(base.len(), &pending, found))
    }

    /// Sectors are independent: each holds what some of the pending operations made of it, and where one was
    /// caught in the act, anything in the bytes it was writing.
    fn allows_sector(&self, sector: usize, base: &[u8], pending: &[&Entry], found: &[u8]) -> bool {
        let start = sector * SECTOR;
        let mut candidates: BTreeSet<Vec<Option<u8>>> = BTreeSet::new();
        candidates.insert((start..start + SECTOR).map(|at| Some(base.get(at).copied().unwrap_or(0))).collect());
        for entry in pending {
            let mut more = Vec::new();
            for candidate in &candidates {
                for noise in [false, true] {
                    let mut after = candidate.clone();
                    for (index, byte) in after.iter_mut().enumerate() {
                        let at = start + index;
                        match &entry.did {
                            Did::Write { offset, bytes, .. } if (*offset..offset + bytes.len()).contains(&at) => {
                                *byte = if noise { None } else { Some(bytes[at - offset]) };
                            }
                            Did::SetLen { len, .. } if at >= *len => *byte = Some(0),
                            _ => {}
                        }
                    }
                    more.push(after);
                }
            }
            candidates.extend(more);
        }
        let end = found.len().min(start + SECTOR);
        candidates.iter().any(|candidate| {
            found[start..end]
                .iter()
                .zip(candidate)
                .all(|(found, allowed)| allowed.is_none_or(|allowed| allowed == *found))
        })
    }
}

/// A file in order is never longer than its data: what exactly one pending write put behind the durable end
/// is there, as far as the file goes.
fn no_hole(base: usize, pending: &[&Entry], found: &[u8]) -> bool {
    if pending.iter().any(|entry| matches!(entry.did, Did::SetLen { .. })) {
        return true;
    }
    let mut seen = base;
    let mut writes = Vec::new();
    for entry in pending {
        if let Did::Write { offset, bytes, .. } = &entry.did {
            writes.push((seen, *offset, bytes));
            seen = seen.max(offset + bytes.len());
        }
    }
    (base..found.len()).all(|at| {
        let mut covering = writes.iter().filter(|(_, offset, bytes)| (*offset..offset + bytes.len()).contains(&at));
        match (covering.next(), covering.next()) {
            (Some((seen, offset, bytes)), None) if at >= *seen => bytes[at - offset] == found[at],
            _ => true,
        }
    })
}

/// Every size some of the pending operations could leave, in part or in whole.
fn sizes(base: usize, pending: &[&Entry]) -> BTreeSet<usize> {
    let mut sizes = BTreeSet::from([base]);
    let mut seen = base;
    for entry in pending {
        let mut more = BTreeSet::new();
        match &entry.did {
            Did::Write { offset, bytes, .. } => {
                let end = offset + bytes.len();
                let edges = (offset / SECTOR + 1..=end / SECTOR).map(|sector| sector * SECTOR);
                for reached in edges.chain([end, seen.min(end)]) {
                    more.extend(sizes.iter().map(|&size| size.max(reached)));
                }
                seen = seen.max(end);
            }
            Did::SetLen { len, .. } => {
                more.insert(*len);
                // Where a lost extension came before, the file cannot become longer than its data.
                more.extend(sizes.iter().map(|&size| size.min(*len)));
                seen = *len;
            }
            _ => {}
        }
        sizes.extend(more);
    }
    sizes
}

fn file_of(entry: &Entry) -> Option<usize> {
    match entry.did {
        Did::Write { file, .. } | Did::SetLen { file, .. } => Some(file),
        _ => None,
    }
}

fn names<'a>(log: impl Iterator<Item = &'a Entry>) -> Names {
    let mut names = Names::new();
    for entry in log {
        match &entry.did {
            Did::Put { dir, name, file } => {
                names.insert((*dir, name.clone()), *file);
            }
            Did::Drop { dir, name } => {
                names.remove(&(*dir, name.clone()));
            }
            _ => {}
        }
    }
    names
}

fn content<'a>(file: usize, log: impl Iterator<Item = &'a Entry>) -> Vec<u8> {
    let mut content = Vec::new();
    for entry in log {
        match &entry.did {
            Did::Write { file: other, offset, bytes } if *other == file => {
                content.resize(content.len().max(offset + bytes.len()), 0);
                content[*offset..offset + bytes.len()].copy_from_slice(bytes);
            }
            Did::SetLen { file: other, len } if *other == file => content.resize(*len, 0),
            _ => {}
        }
    }
    content
}
