//! A look at a disk that changes nothing: a copy-on-write fork of what everybody sees.
//!
//! A fork has no locks, no faults, no accounts and nothing pending. It can be written to (a database that
//! is opened on it wants to recover), and the disk it was taken from never notices.

use std::collections::BTreeMap;

use super::chance::Calm;
use super::contract::Contract;
use super::directory::DirNode;
use super::disk::{Disk, OpenMode, ROOT};
use super::error::DiskError;
use super::inode::{Content, FileNode};
use super::pending::InodeId;
use super::setup::DiskSetup;

impl Disk {
    /// A fork of the whole disk. Costs a reference count per file and an entry per name.
    pub fn fork(&self) -> Disk {
        let mut fork = self.empty_fork();
        self.fork_directory(ROOT, ROOT, &mut fork, &mut BTreeMap::new());
        fork
    }

    /// A fork with these files only; names that do not exist are left out.
    ///
    /// # Errors
    /// Those of paths, except that a file may be missing.
    pub fn fork_files(&self, paths: &[&str]) -> Result<Disk, DiskError> {
        let mut fork = self.empty_fork();
        fork.follow(self, paths)?;
        Ok(fork)
    }

    /// Makes these files of a fork what they are on its source now. Files that are open stay so, and show
    /// the new content.
    ///
    /// # Errors
    /// As [`Disk::fork_files`].
    pub fn follow(&mut self, source: &Disk, paths: &[&str]) -> Result<(), DiskError> {
        for path in paths {
            let inode = match source.lookup(path) {
                Ok(inode) => inode,
                Err(DiskError::NotFound) => match self.unlink(path) {
                    Ok(()) | Err(DiskError::NotFound) => continue,
                    Err(error) => return Err(error),
                },
                Err(error) => return Err(error),
            };
            let Content::File(node) = &source.inode(inode).content else {
                return Err(DiskError::IsADirectory);
            };
            for (index, _) in path.match_indices('/').filter(|(index, _)| *index > 0) {
                match self.create_dir(&path[..index]) {
                    Ok(()) | Err(DiskError::AlreadyExists) => {}
                    Err(error) => return Err(error),
                }
            }
            let file = self.open(path, OpenMode::Create)?;
            let copy = self.node_mut(file.inode);
            let before = copy.cached.allocated();
            copy.cached = node.cached.clone();
            let after = copy.cached.allocated();
            self.used_pages = self.used_pages + after - before;
            self.close(file);
        }
        Ok(())
    }

    /// Leaves one file of a fork, with nothing in it.
    ///
    /// # Errors
    /// As [`Disk::open`].
    #[cfg(feature = "sqlite")]
    pub(crate) fn keep_only(&mut self, path: &str) -> Result<(), DiskError> {
        let file = self.open(path, OpenMode::Create)?;
        let emptied = self.set_len(&file, 0);
        self.close(file);
        emptied?;
        for (other, _) in self.files().iter().filter(|(other, _)| other != path) {
            self.unlink(other)?;
        }
        let used = self.inodes.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        self.inodes.truncate(used);
        self.inodes.shrink_to_fit();
        self.free.retain(|id| (*id as usize) < used);
        self.free.shrink_to_fit();
        Ok(())
    }

    /// Every file with its path, as everybody sees it, in the order of paths.
    #[must_use]
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let (mut files, mut dirs) = (Vec::new(), vec![String::new()]);
        while let Some(dir) = dirs.pop() {
            for name in self.read_dir(&dir).unwrap_or_default() {
                let path = if dir.is_empty() { name } else { format!("{dir}/{name}") };
                match self.content(&path) {
                    Ok(bytes) => files.push((path, bytes)),
                    Err(_) => dirs.push(path),
                }
            }
        }
        files.sort();
        files
    }

    /// A whole file, as everybody sees it.
    ///
    /// # Errors
    /// [`DiskError::NotFound`], [`DiskError::IsADirectory`] and those of paths.
    pub fn content(&self, path: &str) -> Result<Vec<u8>, DiskError> {
        let inode = self.lookup(path)?;
        let Content::File(node) = &self.inode(inode).content else {
            return Err(DiskError::IsADirectory);
        };
        let mut bytes = vec![0; node.cached.size() as usize];
        node.cached.read(0, &mut bytes);
        Ok(bytes)
    }

    /// Bytes of a file as everybody sees them, at no cost and without any fault; returns how many there were.
    ///
    /// # Errors
    /// As [`Disk::content`].
    pub fn peek(&self, path: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let inode = self.lookup(path)?;
        let Content::File(node) = &self.inode(inode).content else {
            return Err(DiskError::IsADirectory);
        };
        Ok(node.cached.read(offset, buffer))
    }

    /// How many crashes the disk has been through, of whatever kind.
    pub fn crashes(&self) -> u32 {
        self.epoch
    }

    /// A number that differs whenever the content behind this name may differ; `None` if there is none.
    pub fn version(&self, path: &str) -> Option<u64> {
        match &self.inode(self.lookup(path).ok()?).content {
            Content::File(node) => Some(node.version),
            Content::Directory(_) => None,
        }
    }

    /// Puts a file there as if it had always been there: durable, its directory entry too.
    ///
    /// # Errors
    /// Those of [`Disk::open`] and [`Disk::write_at`].
    pub fn install(&mut self, path: &str, content: &[u8]) -> Result<(), DiskError> {
        let file = self.open(path, OpenMode::Create)?;
        self.set_len(&file, 0)?;
        self.write_at(&mut Calm, &file, 0, content)?;
        self.close(file);
        self.settle();
        Ok(())
    }

    /// Everything that is pending becomes durable, as it does on a disk that is left alone for a while.
    pub fn settle(&mut self) {
        self.persist_until(u64::MAX);
    }

    fn empty_fork(&self) -> Disk {
        let setup =
            DiskSetup { contract: Contract::default(), capacity: None, lying_syncs: 0..0, ..self.setup.clone() };
        let mut fork = Disk::new(setup);
        fork.is_fork = true;
        fork
    }

    fn fork_directory(
        &self,
        source: InodeId,
        target: InodeId,
        fork: &mut Disk,
        copied: &mut BTreeMap<InodeId, InodeId>,
    ) {
        for (name, &inode) in &self.dir(source).cached {
            let original = self.inode(inode);
            let is_directory = matches!(original.content, Content::Directory(_));
            let copy = *copied.entry(inode).or_insert_with(|| {
                let content = match &original.content {
                    Content::File(node) => Content::File(FileNode::of(node.cached.clone())),
                    Content::Directory(_) => Content::Directory(DirNode::default()),
                };
                fork.add_inode(content, original.name.clone())
            });
            fork.link_changed(copy, true);
            fork.dir_mut(target).cached.insert(name.clone(), copy);
            if is_directory {
                self.fork_directory(inode, copy, fork, copied);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: every file of every directory is listed with its path and its bytes, in order, and empty directories
    /// are not.
    #[test]
    fn files_of_a_disk() {
        let mut disk = Disk::new(DiskSetup::default());
        for dir in ["b", "b/c", "empty"] {
            disk.create_dir(dir).unwrap();
        }
        for path in ["b/c/z", "b/a", "a"] {
            disk.install(path, path.as_bytes()).unwrap();
        }
        let files: Vec<(String, Vec<u8>)> =
            ["a", "b/a", "b/c/z"].map(|path| (path.to_owned(), path.as_bytes().to_vec())).into();
        assert_eq!(disk.files(), files);
        assert_eq!(disk.fork().files(), files);
    }
}
