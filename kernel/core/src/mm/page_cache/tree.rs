//! A radix tree from page number to frame.
//!
//! Nodes have 64 slots. The tree is as high as its highest page needs, so that small files cost one
//! node and one step.

use alloc::boxed::Box;

use machine::frame::Frame;

const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
/// Enough for 64-bit page numbers.
const MAX_HEIGHT: u32 = u64::BITS.div_ceil(BITS);

#[expect(clippy::large_enum_variant, reason = "nodes live in boxes; a leaf is most of them")]
enum Node {
    Leaf([Option<Frame>; SLOTS]),
    Inner([Option<Box<Node>>; SLOTS]),
}

/// The pages of an object.
pub(super) struct PageTree {
    root: Option<Box<Node>>,
    /// Levels of nodes; the root covers 64^height pages.
    height: u32,
    pages: u64,
}

fn slot(page: u64, level: u32) -> usize {
    (page >> (BITS * level)) as usize & (SLOTS - 1)
}

/// Whether `page` fits in a tree of `height` levels.
fn fits(page: u64, height: u32) -> bool {
    height >= MAX_HEIGHT || page >> (BITS * height) == 0
}

impl Node {
    fn new(level: u32) -> Box<Self> {
        Box::new(if level == 0 {
            Node::Leaf([const { None }; SLOTS])
        } else {
            Node::Inner([const { None }; SLOTS])
        })
    }

    fn is_empty(&self) -> bool {
        match self {
            Node::Leaf(slots) => slots.iter().all(Option::is_none),
            Node::Inner(slots) => slots.iter().all(Option::is_none),
        }
    }
}

impl PageTree {
    pub(super) const fn new() -> Self {
        Self { root: None, height: 0, pages: 0 }
    }

    /// How many pages there are.
    pub(super) fn pages(&self) -> u64 {
        self.pages
    }

    pub(super) fn get(&self, page: u64) -> Option<&Frame> {
        if !fits(page, self.height) {
            return None;
        }
        let mut node = self.root.as_deref()?;
        let mut level = self.height - 1;
        loop {
            match node {
                Node::Leaf(slots) => return slots[slot(page, 0)].as_ref(),
                Node::Inner(slots) => node = slots[slot(page, level)].as_deref()?,
            }
            level -= 1;
        }
    }

    /// Calls `f(page, frame)` for the pages that are there in `first ..= last`, in order, until it
    /// returns false.
    pub(super) fn visit(&self, first: u64, last: u64, f: &mut impl FnMut(u64, &Frame) -> bool) {
        if let Some(root) = self.root.as_deref() {
            visit(root, self.height - 1, 0, first, last, f);
        }
    }

    /// Puts a frame at a page where none is.
    pub(super) fn insert(&mut self, page: u64, frame: Frame) {
        while !fits(page, self.height) || self.root.is_none() {
            let mut top = Node::new(self.height);
            if let (Node::Inner(slots), Some(old)) = (&mut *top, self.root.take()) {
                slots[0] = Some(old);
            }
            self.root = Some(top);
            self.height += 1;
        }
        let mut level = self.height - 1;
        let mut node = self.root.as_deref_mut().expect("invariant: made above");
        loop {
            match node {
                Node::Leaf(slots) => {
                    let old = slots[slot(page, 0)].replace(frame);
                    debug_assert!(old.is_none());
                    self.pages += 1;
                    return;
                }
                Node::Inner(slots) => {
                    let child = &mut slots[slot(page, level)];
                    level -= 1;
                    node = child.get_or_insert_with(|| Node::new(level));
                }
            }
        }
    }

    /// Takes out the pages in `first ..= last` and hands each to `gone`.
    pub(super) fn remove(&mut self, first: u64, last: u64, gone: &mut impl FnMut(Frame)) {
        let Some(root) = self.root.as_deref_mut() else {
            return;
        };
        let pages = &mut self.pages;
        remove(root, self.height - 1, 0, first, last, &mut |frame| {
            *pages -= 1;
            gone(frame);
        });
        if root.is_empty() {
            self.root = None;
            self.height = 0;
        }
    }
}

/// The slots of a node that `first ..= last` touches; the node begins at page `base`.
fn slots_of(level: u32, base: u64, first: u64, last: u64) -> Option<(usize, usize)> {
    let span = if fits(u64::MAX, level + 1) { u64::MAX } else { (1 << (BITS * (level + 1))) - 1 };
    let end = base.saturating_add(span);
    if first > end || last < base {
        return None;
    }
    Some((slot(first.max(base), level), slot(last.min(end), level)))
}

fn visit(
    node: &Node,
    level: u32,
    base: u64,
    first: u64,
    last: u64,
    f: &mut impl FnMut(u64, &Frame) -> bool,
) -> bool {
    let Some((from, to)) = slots_of(level, base, first, last) else {
        return true;
    };
    for index in from..=to {
        let page = base | (index as u64) << (BITS * level);
        let go_on = match node {
            Node::Leaf(slots) => slots[index].as_ref().is_none_or(|frame| f(page, frame)),
            Node::Inner(slots) => slots[index]
                .as_deref()
                .is_none_or(|child| visit(child, level - 1, page, first, last, f)),
        };
        if !go_on {
            return false;
        }
    }
    true
}

fn remove(
    node: &mut Node,
    level: u32,
    base: u64,
    first: u64,
    last: u64,
    gone: &mut impl FnMut(Frame),
) {
    let Some((from, to)) = slots_of(level, base, first, last) else {
        return;
    };
    for index in from..=to {
        let page = base | (index as u64) << (BITS * level);
        match node {
            Node::Leaf(slots) => {
                if let Some(frame) = slots[index].take() {
                    gone(frame);
                }
            }
            Node::Inner(slots) => {
                let Some(child) = slots[index].as_deref_mut() else {
                    continue;
                };
                remove(child, level - 1, page, first, last, gone);
                if child.is_empty() {
                    slots[index] = None;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    fn frame() -> Frame {
        machine::frame::alloc_zeroed().unwrap().into_shared()
    }

    #[test]
    fn behaves_as_a_map() {
        let _machine = machine::sim::Machine::new(4 << 20);
        let mut tree = PageTree::new();
        let mut map = BTreeMap::new();
        let pages = [0, 5, 63, 64, 4095, 4096, 1 << 20, (1 << 52) - 1, u64::MAX, u64::MAX - 64, 7];
        for page in pages {
            assert!(tree.get(page).is_none());
            let frame = frame();
            map.insert(page, frame.number());
            tree.insert(page, frame);
        }
        let list = |tree: &PageTree, first, last| {
            let mut seen = Vec::new();
            tree.visit(first, last, &mut |page, frame| {
                seen.push((page, frame.number()));
                true
            });
            seen
        };
        for (first, last) in
            [(0, u64::MAX), (6, 64), (65, 4094), (4096, 1 << 20), (u64::MAX, u64::MAX)]
        {
            let wanted: Vec<_> = map.range(first..=last).map(|(&page, &n)| (page, n)).collect();
            assert_eq!(list(&tree, first, last), wanted);
        }
        tree.remove(6, 4095, &mut |_| {});
        map.retain(|page, _| !(6..=4095).contains(page));
        assert_eq!(list(&tree, 0, u64::MAX).len(), map.len());
        assert_eq!(tree.pages(), map.len() as u64);
        let mut count = 0;
        tree.remove(0, u64::MAX, &mut |_| count += 1);
        assert_eq!(count, map.len());
        assert!(tree.root.is_none());
    }
}
