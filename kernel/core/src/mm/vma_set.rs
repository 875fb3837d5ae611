//! The mappings of one address space, sorted by address.
//!
//! A list of chunks of up to 64: fork copies it with little more than `memcpy`, a lookup is two
//! short binary searches, and an insertion moves at most one chunk.

use alloc::vec::Vec;

use super::vma::Vma;

/// Mappings in one chunk at most.
const CHUNK: usize = 64;

/// Where the search for free addresses may begin: all gaps between `addr` and `high` are shorter
/// than `len`.
#[derive(Clone, Copy)]
struct Hint {
    high: u64,
    addr: u64,
    len: u64,
}

/// Sorted mappings that do not overlap.
pub(super) struct VmaSet {
    /// None is empty.
    chunks: Vec<Vec<Vma>>,
    count: usize,
    hint: Option<Hint>,
}

/// Where a mapping is in the set.
#[derive(Clone, Copy)]
struct Place {
    chunk: usize,
    index: usize,
}

impl VmaSet {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new(), count: 0, hint: None }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The place of the first mapping that ends after `addr`.
    #[inline]
    fn locate(&self, addr: u64) -> Place {
        let ends_before = |chunk: &Vec<Vma>| chunk.last().is_some_and(|vma| vma.end <= addr);
        let chunk = self.chunks.partition_point(ends_before);
        let index =
            self.chunks.get(chunk).map_or(0, |vmas| vmas.partition_point(|vma| vma.end <= addr));
        Place { chunk, index }
    }

    fn get(&self, place: Place) -> Option<&Vma> {
        self.chunks.get(place.chunk)?.get(place.index)
    }

    fn before(&self, place: Place) -> Option<Place> {
        match (place.chunk, place.index) {
            (0, 0) => None,
            (chunk, 0) => Some(Place { chunk: chunk - 1, index: self.chunks[chunk - 1].len() - 1 }),
            (chunk, index) => Some(Place { chunk, index: index - 1 }),
        }
    }

    /// The first mapping that ends after `addr`; it may begin after `addr`, too.
    #[inline]
    pub(super) fn find(&self, addr: u64) -> Option<&Vma> {
        self.get(self.locate(addr))
    }

    /// The mapping at `addr`.
    #[inline]
    pub(super) fn at(&self, addr: u64) -> Option<&Vma> {
        self.find(addr).filter(|vma| vma.start <= addr)
    }

    /// The mapping at `addr`. Its range must not be changed so that the order breaks.
    pub(super) fn at_mut(&mut self, addr: u64) -> Option<&mut Vma> {
        let place = self.locate(addr);
        let vma = self.chunks.get_mut(place.chunk)?.get_mut(place.index)?;
        if vma.start <= addr { Some(vma) } else { None }
    }

    /// The last mapping that ends at or before `addr`.
    pub(super) fn previous(&self, addr: u64) -> Option<&Vma> {
        self.get(self.before(self.locate(addr))?)
    }

    /// All mappings from the first that ends after `addr`, in order.
    pub(super) fn iter_from(&self, addr: u64) -> impl Iterator<Item = &Vma> {
        let place = self.locate(addr);
        let first = self.chunks.get(place.chunk).map_or(&[][..], |vmas| &vmas[place.index..]);
        let rest = self.chunks.get(place.chunk + 1..).unwrap_or(&[]);
        first.iter().chain(rest.iter().flatten())
    }

    /// All mappings.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Vma> {
        self.chunks.iter().flatten()
    }

    /// The mappings that touch `start .. end`.
    pub(super) fn range(&self, start: u64, end: u64) -> impl Iterator<Item = &Vma> {
        self.iter_from(start).take_while(move |vma| vma.start < end)
    }

    /// Whether anything is mapped in `start .. end`.
    pub(super) fn overlaps(&self, start: u64, end: u64) -> bool {
        self.find(start).is_some_and(|vma| vma.start < end)
    }

    /// Adds a mapping where none is.
    pub(super) fn insert(&mut self, vma: Vma) {
        debug_assert!(vma.start < vma.end && !self.overlaps(vma.start, vma.end));
        self.count += 1;
        let mut place = self.locate(vma.start);
        if place.chunk == self.chunks.len() {
            // Behind everything: at the end of the last chunk, if there is one.
            match self.chunks.last() {
                None => return self.chunks.push(alloc::vec![vma]),
                Some(last) => place = Place { chunk: place.chunk - 1, index: last.len() },
            }
        }
        let vmas = &mut self.chunks[place.chunk];
        if vmas.len() == CHUNK {
            // A stream of insertions at one end leaves full chunks behind it.
            let cut = if place.index == CHUNK { CHUNK - 1 } else { CHUNK / 2 };
            let tail = vmas.split_off(cut);
            self.chunks.insert(place.chunk + 1, tail);
            if place.index > cut {
                place = Place { chunk: place.chunk + 1, index: place.index - cut };
            }
        }
        self.chunks[place.chunk].insert(place.index, vma);
    }

    /// Adds a mapping behind all others: for copying a set.
    pub(super) fn push(&mut self, vma: Vma) {
        debug_assert!(
            self.chunks
                .last()
                .and_then(|vmas| vmas.last())
                .is_none_or(|last| last.end <= vma.start)
        );
        self.count += 1;
        match self.chunks.last_mut() {
            Some(vmas) if vmas.len() < CHUNK => vmas.push(vma),
            _ => self.chunks.push(alloc::vec![vma]),
        }
    }

    fn remove(&mut self, place: Place) -> Vma {
        self.count -= 1;
        let vma = self.chunks[place.chunk].remove(place.index);
        if self.chunks[place.chunk].is_empty() {
            self.chunks.remove(place.chunk);
        }
        vma
    }

    /// Makes `addr` a boundary between mappings.
    pub(super) fn split_at(&mut self, addr: u64) {
        if let Some(vma) = self.at_mut(addr)
            && vma.start < addr
        {
            let tail = vma.split_off(addr);
            self.insert(tail);
        }
    }

    /// Takes everything in `start .. end` out, splitting at the ends.
    pub(super) fn take_range(&mut self, start: u64, end: u64) -> Vec<Vma> {
        self.split_at(start);
        self.split_at(end);
        let mut taken = Vec::new();
        loop {
            let place = self.locate(start);
            match self.get(place) {
                Some(vma) if vma.start < end => taken.push(self.remove(place)),
                _ => break,
            }
        }
        self.opened(end);
        taken
    }

    /// Joins the mapping that begins at `addr` with the one before it, if they belong together.
    /// Returns whether they did.
    pub(super) fn join_at(&mut self, addr: u64) -> bool {
        let place = self.locate(addr);
        let (Some(vma), Some(before)) = (self.get(place), self.before(place)) else {
            return false;
        };
        if vma.start != addr || !self.get(before).is_some_and(|previous| previous.joins(vma)) {
            return false;
        }
        let end = self.remove(place).end;
        self.chunks[before.chunk][before.index].end = end;
        true
    }

    /// Addresses up to `end` became free.
    fn opened(&mut self, end: u64) {
        let next = self.find(end).map(|vma| vma.start);
        if let Some(hint) = &mut self.hint
            && hint.addr < end
        {
            hint.addr = next.unwrap_or(hint.high).min(hint.high);
        }
    }

    /// The highest `len` free bytes in `low .. high`, and their lowest address.
    pub(super) fn find_gap_down(&mut self, len: u64, low: u64, high: u64) -> Option<u64> {
        let known =
            self.hint.filter(|hint| hint.high == high && hint.len <= len && hint.addr <= high);
        let (ceiling, mut longest) = known.map_or((high, 0), |hint| (hint.addr, hint.len - 1));
        // Stacks want a gap below them, even if they are above the ceiling.
        let above = self.iter_from(ceiling).next();
        let mut top = above.map_or(ceiling, |vma| vma.start_with_gap().min(ceiling));
        let mut place = self.first_from(ceiling);
        let end = loop {
            let below = self.before(place);
            let bottom =
                below.and_then(|place| self.get(place)).map_or(low, |vma| vma.end.max(low));
            let gap = top.saturating_sub(bottom);
            if gap >= len {
                break top;
            }
            longest = longest.max(gap);
            place = below?;
            let vma = self.get(place)?;
            if vma.start <= low {
                return None;
            }
            top = top.min(vma.start_with_gap());
        };
        self.hint = Some(Hint { high, addr: end, len: longest + 1 });
        Some(end - len)
    }

    /// The place of the first mapping that begins at or after `addr`.
    fn first_from(&self, addr: u64) -> Place {
        let place = self.locate(addr);
        match self.get(place) {
            Some(vma) if vma.start < addr => Place { index: place.index + 1, ..place },
            _ => place,
        }
    }

    /// The lowest `len` free bytes in `low .. high`.
    pub(super) fn find_gap_up(&self, len: u64, low: u64, high: u64) -> Option<u64> {
        let mut bottom = self.at(low).map_or(low, |vma| vma.end);
        for vma in self.iter_from(bottom) {
            if vma.start_with_gap().min(high).saturating_sub(bottom) >= len {
                return Some(bottom);
            }
            bottom = vma.end;
        }
        (high.saturating_sub(bottom) >= len).then_some(bottom)
    }

    /// Takes all mappings, leaving none.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = Vma> {
        self.count = 0;
        self.hint = None;
        core::mem::take(&mut self.chunks).into_iter().flatten()
    }

    /// Panics when the order or the count is wrong.
    pub(super) fn check(&self) {
        let mut last = 0;
        for vma in self.iter() {
            assert!(
                last <= vma.start && vma.start < vma.end,
                "mappings in disorder at {:#x}",
                vma.start
            );
            last = vma.end;
        }
        assert_eq!(self.iter().count(), self.count);
        assert!(self.chunks.iter().all(|vmas| !vmas.is_empty() && vmas.len() <= CHUNK));
    }
}

#[cfg(test)]
mod tests {
    use super::super::vma::VmFlags;
    use super::*;

    fn vma(start: u64, end: u64) -> Vma {
        Vma { start, end, flags: VmFlags::READ, page: start >> 12, object: None }
    }

    /// The highest gap, by trying all.
    fn slow_gap(set: &VmaSet, len: u64, low: u64, high: u64) -> Option<u64> {
        (low..=high.checked_sub(len)?)
            .rev()
            .step_by(0x1000)
            .find(|&addr| !set.overlaps(addr, addr + len))
    }

    #[test]
    fn lookups_insertions_and_removals_agree_with_a_bitmap() {
        let mut set = VmaSet::new();
        let mut pages = [false; 600];
        let mut random = 7_u32;
        let mut next = |below: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            u64::from((random >> 8) % below)
        };
        for round in 0..if cfg!(miri) { 300 } else { 6000 } {
            let (start, len) = (1 + next(590), 1 + next(6));
            let (from, to) = (start as usize, ((start + len) as usize).min(600));
            if next(2) == 0 {
                set.take_range(start * 0x1000, to as u64 * 0x1000);
                pages[from..to].fill(false);
            } else if !pages[from..to].iter().any(|&used| used) {
                // Different flags, so that most do not join.
                let mut new = vma(start * 0x1000, to as u64 * 0x1000);
                new.flags.set(VmFlags::WRITE, next(2) == 0);
                set.insert(new);
                pages[from..to].fill(true);
                if next(2) == 0 {
                    set.join_at(to as u64 * 0x1000);
                    set.join_at(start * 0x1000);
                }
            }
            set.check();
            let probe = next(600);
            assert_eq!(set.at(probe * 0x1000).is_some(), pages[probe as usize], "round {round}");
            let (len, high) =
                ((1 + next(5)) * 0x1000, if next(4) == 0 { 300 } else { 600 } * 0x1000);
            assert_eq!(set.find_gap_down(len, 0x1000, high), slow_gap(&set, len, 0x1000, high));
        }
        assert!(set.len() > 20);
    }

    #[test]
    fn stacks_keep_their_distance() {
        let mut set = VmaSet::new();
        let mut stack = vma(0x1000_0000, 0x1002_0000);
        stack.flags |= VmFlags::GROWS_DOWN;
        set.insert(stack);
        assert_eq!(
            set.find_gap_down(0x1000, 0x1000, 0x1000_0000),
            Some(0x1000_0000 - 0x10_0000 - 0x1000)
        );
        assert_eq!(set.find_gap_up(0x1000, 0x0ff0_0000, 0x2000_0000), Some(0x1002_0000));
    }
}
