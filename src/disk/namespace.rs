//! Names: opening, linking, renaming, removing, listing.
//!
//! A path is components joined by `/`, from the root; a leading `/` changes nothing.

use std::rc::Rc;

use super::directory::{DirNode, DirOp};
use super::disk::{Disk, OpenFile, OpenMode, ROOT};
use super::error::DiskError;
use super::inode::{Content, FileNode};
use super::pending::InodeId;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file of this size.
    File {
        /// Its length in bytes.
        size: u64,
    },
    /// A directory.
    Directory,
}

impl Disk {
    /// Opens a file.
    ///
    /// # Errors
    /// [`DiskError::NotFound`], [`DiskError::AlreadyExists`], [`DiskError::IsADirectory`] and those of paths.
    pub fn open(&mut self, path: &str, mode: OpenMode) -> Result<OpenFile, DiskError> {
        let (dir, name) = self.locate(path)?;
        let found = self.dir(dir).cached.get(name).copied();
        let inode = match (found, mode) {
            (Some(_), OpenMode::CreateNew) => return Err(DiskError::AlreadyExists),
            (Some(inode), _) => inode,
            (None, OpenMode::Read | OpenMode::Write) => return Err(DiskError::NotFound),
            (None, OpenMode::Create | OpenMode::CreateNew) => {
                let inode = self.add_inode(Content::File(FileNode::default()), path.trim_start_matches('/').into());
                let seq = self.next_seq();
                self.node_mut(inode).version = seq;
                self.change_entries(dir, seq, DirOp::Link { name: name.into(), inode });
                inode
            }
        };
        if matches!(self.inode(inode).content, Content::Directory(_)) {
            return Err(DiskError::IsADirectory);
        }
        self.retain(inode);
        self.inode_mut(inode).handles += 1;
        self.open.insert(inode);
        Ok(OpenFile { inode, epoch: self.epoch, read_only: mode == OpenMode::Read })
    }

    /// What a name stands for.
    ///
    /// # Errors
    /// [`DiskError::NotFound`] and those of paths.
    pub fn metadata(&self, path: &str) -> Result<Kind, DiskError> {
        Ok(match &self.inode(self.lookup(path)?).content {
            Content::File(node) => Kind::File { size: node.cached.size() },
            Content::Directory(_) => Kind::Directory,
        })
    }

    /// Whether a name stands for anything.
    pub fn exists(&self, path: &str) -> bool {
        self.lookup(path).is_ok()
    }

    /// Gives a file a second name.
    ///
    /// # Errors
    /// [`DiskError::AlreadyExists`] if the new name is taken, [`DiskError::IsADirectory`] for directories.
    pub fn link(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let inode = self.lookup(from)?;
        if matches!(self.inode(inode).content, Content::Directory(_)) {
            return Err(DiskError::IsADirectory);
        }
        let (dir, name) = self.locate(to)?;
        if self.dir(dir).cached.contains_key(name) {
            return Err(DiskError::AlreadyExists);
        }
        let seq = self.next_seq();
        self.change_entries(dir, seq, DirOp::Link { name: name.into(), inode });
        Ok(())
    }

    /// Takes a name away from a file.
    ///
    /// # Errors
    /// [`DiskError::NotFound`], [`DiskError::IsADirectory`] and those of paths.
    pub fn unlink(&mut self, path: &str) -> Result<(), DiskError> {
        let (dir, name) = self.locate(path)?;
        let (name, &inode) = self.dir(dir).cached.get_key_value(name).ok_or(DiskError::NotFound)?;
        let name = Rc::clone(name);
        if matches!(self.inode(inode).content, Content::Directory(_)) {
            return Err(DiskError::IsADirectory);
        }
        let seq = self.next_seq();
        self.change_entries(dir, seq, DirOp::Unlink { name });
        Ok(())
    }

    /// Gives a file another name, in place of whatever file has it. Everybody sees it happen at once; what a
    /// power cut leaves is another matter, and across directories both need a sync.
    ///
    /// # Errors
    /// [`DiskError::IsADirectory`] if either is a directory.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let inode = self.lookup(from)?;
        let (from_dir, from_name) = self.locate(from)?;
        let (to_dir, to_name) = self.locate(to)?;
        let is_directory = |inode: InodeId| matches!(self.inode(inode).content, Content::Directory(_));
        let target = self.dir(to_dir).cached.get(to_name).copied();
        if is_directory(inode) || target.is_some_and(is_directory) {
            return Err(DiskError::IsADirectory);
        }
        if target == Some(inode) {
            return Ok(());
        }
        let seq = self.next_seq();
        let (from, to): (Rc<str>, Rc<str>) = (from_name.into(), to_name.into());
        if from_dir == to_dir {
            self.change_entries(from_dir, seq, DirOp::Rename { from, to, inode });
        } else {
            self.change_entries(to_dir, seq, DirOp::In { name: to, inode });
            self.change_entries(from_dir, seq, DirOp::Out { name: from });
        }
        Ok(())
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// [`DiskError::AlreadyExists`] and those of paths.
    pub fn create_dir(&mut self, path: &str) -> Result<(), DiskError> {
        let (dir, name) = self.locate(path)?;
        if self.dir(dir).cached.contains_key(name) {
            return Err(DiskError::AlreadyExists);
        }
        let inode = self.add_inode(Content::Directory(DirNode::default()), path.trim_start_matches('/').into());
        let seq = self.next_seq();
        self.change_entries(dir, seq, DirOp::Link { name: name.into(), inode });
        Ok(())
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// [`DiskError::NotEmpty`], [`DiskError::NotADirectory`] and those of paths.
    pub fn remove_dir(&mut self, path: &str) -> Result<(), DiskError> {
        let inode = self.lookup(path)?;
        let Content::Directory(content) = &self.inode(inode).content else {
            return Err(DiskError::NotADirectory);
        };
        if !content.cached.is_empty() {
            return Err(DiskError::NotEmpty);
        }
        let (dir, name) = self.locate(path)?;
        let name = name.into();
        let seq = self.next_seq();
        self.change_entries(dir, seq, DirOp::Unlink { name });
        Ok(())
    }

    /// The names in a directory, sorted.
    ///
    /// # Errors
    /// [`DiskError::NotADirectory`] and those of paths.
    pub fn read_dir(&self, path: &str) -> Result<Vec<String>, DiskError> {
        let dir = self.directory(path)?;
        Ok(self.dir(dir).cached.keys().map(|name| name.to_string()).collect())
    }

    /// The directory of this path; the empty path and `/` are the root.
    pub(crate) fn directory(&self, path: &str) -> Result<InodeId, DiskError> {
        if path.trim_matches('/').is_empty() {
            return Ok(ROOT);
        }
        let inode = self.lookup(path)?;
        match self.inode(inode).content {
            Content::Directory(_) => Ok(inode),
            Content::File(_) => Err(DiskError::NotADirectory),
        }
    }

    pub(crate) fn lookup(&self, path: &str) -> Result<InodeId, DiskError> {
        let (dir, name) = self.locate(path)?;
        self.dir(dir).cached.get(name).copied().ok_or(DiskError::NotFound)
    }

    /// The directory a path ends in, and the last component.
    fn locate<'a>(&self, path: &'a str) -> Result<(InodeId, &'a str), DiskError> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let mut dir = ROOT;
        let mut rest = path;
        loop {
            let (component, next) = match rest.split_once('/') {
                Some((component, next)) => (component, Some(next)),
                None => (rest, None),
            };
            if matches!(component, "" | "." | "..") {
                return Err(DiskError::InvalidName);
            }
            let Some(next) = next else {
                return Ok((dir, component));
            };
            let inode = *self.dir(dir).cached.get(component).ok_or(DiskError::NotFound)?;
            if !matches!(self.inode(inode).content, Content::Directory(_)) {
                return Err(DiskError::NotADirectory);
            }
            (dir, rest) = (inode, next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::chance::Calm;
    use super::super::setup::DiskSetup;
    use super::*;

    fn disk() -> Disk {
        Disk::new(DiskSetup::default())
    }

    fn put(disk: &mut Disk, path: &str, content: &[u8]) {
        let file = disk.open(path, OpenMode::Create).unwrap();
        disk.write_at(&mut Calm, &file, 0, content).unwrap();
        disk.close(file);
    }

    fn get(disk: &mut Disk, path: &str) -> Vec<u8> {
        let file = disk.open(path, OpenMode::Read).unwrap();
        let mut content = vec![0; disk.size(&file).unwrap() as usize];
        disk.read_at(&mut Calm, &file, 0, &mut content).unwrap();
        disk.close(file);
        content
    }

    /// Names behave as on any POSIX system.
    #[test]
    fn names() {
        let mut disk = disk();
        disk.create_dir("shares").unwrap();
        put(&mut disk, "/shares/0", b"zero");
        disk.link("shares/0", "one").unwrap();
        put(&mut disk, "two", b"two");
        disk.rename("two", "shares/0").unwrap();
        assert_eq!(get(&mut disk, "shares/0"), b"two");
        assert_eq!(get(&mut disk, "one"), b"zero");
        assert_eq!(disk.read_dir("").unwrap(), ["one", "shares"]);
        assert_eq!(disk.remove_dir("shares"), Err(DiskError::NotEmpty));
        disk.unlink("shares/0").unwrap();
        disk.remove_dir("shares").unwrap();
        assert_eq!(disk.metadata("one"), Ok(Kind::File { size: 4 }));
        assert_eq!(disk.metadata("shares"), Err(DiskError::NotFound));
    }

    /// What cannot be is refused.
    #[test]
    fn refusals() {
        let mut disk = disk();
        put(&mut disk, "file", b"");
        disk.create_dir("dir").unwrap();
        assert_eq!(disk.open("absent", OpenMode::Write).unwrap_err(), DiskError::NotFound);
        assert_eq!(disk.open("file", OpenMode::CreateNew).unwrap_err(), DiskError::AlreadyExists);
        assert_eq!(disk.open("dir", OpenMode::Read).unwrap_err(), DiskError::IsADirectory);
        assert_eq!(disk.open("file/x", OpenMode::Create).unwrap_err(), DiskError::NotADirectory);
        assert_eq!(disk.open("dir/../x", OpenMode::Create).unwrap_err(), DiskError::InvalidName);
        assert_eq!(disk.unlink("dir"), Err(DiskError::IsADirectory));
        assert_eq!(disk.link("file", "dir"), Err(DiskError::AlreadyExists));
        assert_eq!(disk.create_dir("a/b"), Err(DiskError::NotFound));
        let file = disk.open("file", OpenMode::Read).unwrap();
        assert_eq!(disk.write_at(&mut Calm, &file, 0, b"x"), Err(DiskError::ReadOnly));
    }

    /// An unlinked file lives while it is open, and its space is free afterwards.
    #[test]
    fn unlinked_but_open() {
        let mut disk = disk();
        let file = disk.open("a", OpenMode::Create).unwrap();
        disk.write_at(&mut Calm, &file, 0, b"still here").unwrap();
        disk.unlink("a").unwrap();
        put(&mut disk, "a", b"another");
        let mut content = [0; 10];
        assert_eq!(disk.read_at(&mut Calm, &file, 0, &mut content), Ok(10));
        assert_eq!(&content, b"still here");
        assert_eq!(disk.used(), 8192);
        disk.close(file);
        assert_eq!(disk.used(), 4096);
    }
}
