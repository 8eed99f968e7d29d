//! The bytes of one file: a size and copy-on-write pages.
//!
//! Cloning an image costs one reference count; the first write after a clone copies the page table, and a
//! page that is shared is copied when it is written. Bytes past the size read as zeros, also inside the
//! last page: [`Image::write`] and [`Image::set_len`] keep it so.

use std::rc::Rc;

/// Bytes per page, the unit in which content is shared and space is accounted.
pub const PAGE_BYTES: usize = 4096;

/// The content of one page.
pub(crate) type Page = Rc<[u8; PAGE_BYTES]>;

/// A file's content at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    size: u64,
    /// `None`: a page of zeros that takes no space.
    pages: Rc<Vec<Option<Page>>>,
    allocated: u64,
}

impl Image {
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Pages that take space.
    pub(crate) fn allocated(&self) -> u64 {
        self.allocated
    }

    pub(crate) fn page(&self, index: usize) -> Option<&Page> {
        self.pages.get(index).and_then(Option::as_ref)
    }

    /// Fills `buffer` with what lies at `offset`; returns how many bytes there were before the end.
    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let available = self.size.saturating_sub(offset).min(buffer.len() as u64) as usize;
        for piece in pieces(offset, available) {
            let target = &mut buffer[piece.done..piece.done + piece.len];
            match self.page(piece.page) {
                Some(page) => target.copy_from_slice(&page[piece.start..piece.start + piece.len]),
                None => target.fill(0),
            }
        }
        available
    }

    /// Writes all of `bytes`, growing the file if they end behind its end.
    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.size = self.size.max(offset + bytes.len() as u64);
        let table = self.table();
        let mut fresh = 0;
        for piece in pieces(offset, bytes.len()) {
            let source = &bytes[piece.done..piece.done + piece.len];
            let slot = &mut table[piece.page];
            fresh += u64::from(slot.is_none());
            let owned = slot.as_mut().is_some_and(|page| Rc::get_mut(page).is_some());
            match slot {
                Some(page) if owned || piece.len < PAGE_BYTES => {
                    Rc::make_mut(page)[piece.start..piece.start + piece.len].copy_from_slice(source);
                }
                _ if piece.len == PAGE_BYTES => *slot = Some(page_of(source)),
                _ => {
                    let mut page = page_of(&[0; PAGE_BYTES]);
                    Rc::make_mut(&mut page)[piece.start..piece.start + piece.len].copy_from_slice(source);
                    *slot = Some(page);
                }
            }
        }
        self.allocated += fresh;
    }

    /// Makes a whole page the content at `index`, without copying it.
    pub(crate) fn set_page(&mut self, index: usize, page: Option<Page>) {
        let table = self.table();
        if index < table.len() {
            let before = table[index].is_some();
            let after = page.is_some();
            table[index] = page;
            self.allocated = self.allocated + u64::from(after) - u64::from(before);
        }
    }

    /// Shrinks or grows the file; what is new is zeros.
    pub(crate) fn set_len(&mut self, size: u64) {
        let shrinks = size < self.size;
        self.size = size;
        if !shrinks {
            return;
        }
        let freed = self.pages.iter().skip(page_count(size)).filter(|page| page.is_some()).count();
        self.allocated -= freed as u64;
        let table = self.table();
        let kept = (size % PAGE_BYTES as u64) as usize;
        if kept > 0
            && let Some(Some(page)) = table.last_mut()
        {
            Rc::make_mut(page)[kept..].fill(0);
        }
    }

    /// How many of the pages under this range take no space yet, front to back: `(page, free)`.
    pub(crate) fn unallocated(&self, offset: u64, len: usize) -> impl Iterator<Item = (usize, bool)> + '_ {
        pieces(offset, len).map(|piece| (piece.len, self.page(piece.page).is_none()))
    }

    /// The page table, as long as the size asks for and owned by this image alone.
    fn table(&mut self) -> &mut Vec<Option<Page>> {
        let table = Rc::make_mut(&mut self.pages);
        table.resize(page_count(self.size), None);
        table
    }
}

/// Pages that a file of this size spans.
pub(crate) fn page_count(size: u64) -> usize {
    size.div_ceil(PAGE_BYTES as u64) as usize
}

/// A page with this content, which is copied once.
fn page_of(bytes: &[u8]) -> Page {
    Rc::<[u8]>::from(bytes).try_into().unwrap_or_else(|_| unreachable!("a whole page"))
}

/// The part of a range that falls into one page.
struct Piece {
    page: usize,
    start: usize,
    len: usize,
    /// Bytes of the range before this piece.
    done: usize,
}

fn pieces(offset: u64, len: usize) -> impl Iterator<Item = Piece> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done >= len {
            return None;
        }
        let at = offset + done as u64;
        let start = (at % PAGE_BYTES as u64) as usize;
        let piece =
            Piece { page: (at / PAGE_BYTES as u64) as usize, start, len: (PAGE_BYTES - start).min(len - done), done };
        done += piece.len;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(image: &Image) -> Vec<u8> {
        let mut all = vec![0xaa; image.size() as usize];
        assert_eq!(image.read(0, &mut all), all.len());
        all
    }

    proptest! {
        /// An image behaves like a vector of bytes, and a clone never sees later changes.
        #[test]
        fn an_image_is_a_vector(steps in prop::collection::vec((any::<bool>(), 0u64..20_000, 0usize..9_000), 1..12)) {
            let mut image = Image::default();
            let mut plain: Vec<u8> = Vec::new();
            for (index, (write, offset, len)) in steps.into_iter().enumerate() {
                let before = (image.clone(), plain.clone());
                if write {
                    let data = vec![index as u8 + 1; len];
                    image.write(offset, &data);
                    if len > 0 && plain.len() < offset as usize + len {
                        plain.resize(offset as usize + len, 0);
                    }
                    if len > 0 {
                        plain[offset as usize..offset as usize + len].copy_from_slice(&data);
                    }
                } else {
                    image.set_len(offset);
                    plain.resize(offset as usize, 0);
                }
                prop_assert_eq!(&bytes(&image), &plain);
                prop_assert_eq!(bytes(&before.0), before.1);
                let allocated = (0..page_count(image.size())).filter(|&page| image.page(page).is_some()).count();
                prop_assert_eq!(image.allocated(), allocated as u64);
            }
        }
    }

    /// A file that shrinks and grows again shows zeros, not what it held before.
    #[test]
    fn shrinking_forgets() {
        let mut image = Image::default();
        image.write(0, &[7; 5000]);
        image.set_len(10);
        image.set_len(6000);
        let all = bytes(&image);
        assert_eq!(&all[..10], &[7; 10]);
        assert!(all[10..].iter().all(|&byte| byte == 0));
    }
}
