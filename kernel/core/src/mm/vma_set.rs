//! The mappings of one address space, sorted by address.
//!
//! A list of chunks of up to 64: fork copies it with little more than `memcpy`, a lookup is two
//! short binary searches, and an insertion moves at most one chunk.

use alloc::vec::Vec;

use super::vma::{VmFlags, Vma};

/// Mappings that were taken out of a set. What they hold (files) is dropped when no lock is held
/// any more, since that may take outer locks. Mostly there is one.
#[must_use = "to be dropped after unlocking"]
#[derive(Default)]
pub(super) struct Removed {
    first: Option<Vma>,
    rest: Vec<Vma>,
}

impl Removed {
    pub(super) fn push(&mut self, vma: Vma) {
        match self.first {
            None => self.first = Some(vma),
            Some(_) => self.rest.push(vma),
        }
    }

    /// Adds all of `other`.
    pub(super) fn append(&mut self, other: Removed) {
        match self.first {
            None => *self = other,
            Some(_) => self.rest.extend(other.first.into_iter().chain(other.rest)),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Vma> {
        self.first.iter().chain(&self.rest)
    }
}

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

    #[inline]
    fn get(&self, place: Place) -> Option<&Vma> {
        self.chunks.get(place.chunk)?.get(place.index)
    }

    fn get_mut(&mut self, place: Place) -> Option<&mut Vma> {
        self.chunks.get_mut(place.chunk)?.get_mut(place.index)
    }

    #[inline]
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

    /// Adds a mapping where none is, as a part of its neighbours if they belong together.
    pub(super) fn insert(&mut self, vma: Vma) {
        debug_assert!(vma.start < vma.end && !self.overlaps(vma.start, vma.end));
        let next = self.locate(vma.start);
        if let Some(before) = self.before(next)
            && self.chunks[before.chunk][before.index].joins(&vma)
        {
            self.chunks[before.chunk][before.index].end = vma.end;
            self.join_with_previous(next);
            return;
        }
        match self.get_mut(next) {
            Some(next) if vma.joins(next) => (next.start, next.page) = (vma.start, vma.page),
            _ => {
                self.insert_at(next, vma);
            }
        }
    }

    /// Adds a mapping at a place; says whether the places of others changed chunks.
    fn insert_at(&mut self, mut place: Place, vma: Vma) -> bool {
        self.count += 1;
        if place.chunk == self.chunks.len() {
            // Behind everything: at the end of the last chunk, if there is one.
            match self.chunks.last() {
                None => {
                    self.chunks.push(alloc::vec![vma]);
                    return false;
                }
                Some(last) => place = Place { chunk: place.chunk - 1, index: last.len() },
            }
        }
        let vmas = &mut self.chunks[place.chunk];
        let full = vmas.len() == CHUNK;
        if full {
            // A stream of insertions at one end leaves full chunks behind it.
            let cut = if place.index == CHUNK { CHUNK - 1 } else { CHUNK / 2 };
            let tail = vmas.split_off(cut);
            self.chunks.insert(place.chunk + 1, tail);
            if place.index > cut {
                place = Place { chunk: place.chunk + 1, index: place.index - cut };
            }
        }
        self.chunks[place.chunk].insert(place.index, vma);
        full
    }

    /// An empty set with room for as many mappings as `other` has: for copying it.
    pub(super) fn with_room_of(other: &VmaSet) -> Self {
        let mut set = Self::new();
        if other.count != 0 {
            // The copy may leave some out, so an empty chunk must not stay: see `push`.
            set.chunks.push(Vec::with_capacity(other.count.min(CHUNK)));
        }
        set
    }

    /// Adds a mapping behind all others, without joining: for copying a set.
    pub(super) fn push(&mut self, vma: Vma) {
        self.count += 1;
        match self.chunks.last_mut() {
            Some(vmas) if vmas.len() < CHUNK => vmas.push(vma),
            _ => self.chunks.push(alloc::vec![vma]),
        }
    }

    /// Ends a copy.
    pub(super) fn pushed_all(&mut self) {
        if self.count == 0 {
            self.chunks.clear();
        }
    }

    fn remove(&mut self, place: Place) -> Vma {
        self.count -= 1;
        let vmas = &mut self.chunks[place.chunk];
        let vma = vmas.remove(place.index);
        if vmas.is_empty() {
            self.chunks.remove(place.chunk);
        }
        vma
    }

    /// Makes `addr` a boundary between mappings, if the one at `place` contains it; returns the
    /// place of what begins there.
    fn split(&mut self, place: Place, addr: u64) -> Place {
        match self.get_mut(place) {
            Some(vma) if vma.start < addr && addr < vma.end => {
                let tail = vma.split_off(addr);
                let next = Place { index: place.index + 1, ..place };
                if self.insert_at(next, tail) { self.locate(addr) } else { next }
            }
            _ => place,
        }
    }

    /// Takes everything in `start .. end` out, splitting at the ends.
    pub(super) fn take_range(&mut self, start: u64, end: u64, taken: &mut Removed) {
        let mut place = self.split(self.locate(start), start);
        while let Some(vma) = self.get(place)
            && vma.start < end
        {
            if end < vma.end {
                self.split(place, end);
                place = self.locate(start);
            }
            // What follows moves up to the same place, except into another chunk.
            taken.push(self.remove(place));
            place = self.next_or_first_of_next(place);
        }
        self.opened(end);
    }

    /// The place itself, or the beginning of the next chunk if it is past the end of its own.
    fn next_or_first_of_next(&self, place: Place) -> Place {
        match self.chunks.get(place.chunk) {
            Some(vmas) if place.index >= vmas.len() => Place { chunk: place.chunk + 1, index: 0 },
            Some(_) => place,
            None => Place { index: 0, ..place },
        }
    }

    /// Gives the part `start .. end` of one mapping other flags, and joins it with its neighbours if
    /// they then belong together.
    pub(super) fn set_flags(&mut self, start: u64, end: u64, flags: VmFlags) {
        let mut place = self.split(self.locate(start), start);
        if self.get(place).is_some_and(|vma| end < vma.end) {
            self.split(place, end);
            place = self.locate(start);
        }
        if let Some(vma) = self.get_mut(place) {
            debug_assert!(vma.start == start && vma.end == end);
            vma.flags = flags;
        }
        self.join_with_previous(self.after(place));
        self.join_with_previous(place);
    }

    fn after(&self, place: Place) -> Place {
        self.next_or_first_of_next(Place { index: place.index + 1, ..place })
    }

    /// Joins the mapping that begins at `addr` with the one before it, if they belong together.
    pub(super) fn join_at(&mut self, addr: u64) {
        let place = self.locate(addr);
        if self.get(place).is_some_and(|vma| vma.start == addr) {
            self.join_with_previous(place);
        }
    }

    fn join_with_previous(&mut self, place: Place) {
        let (Some(vma), Some(before)) = (self.get(place), self.before(place)) else { return };
        if self.chunks[before.chunk][before.index].joins(vma) {
            let end = vma.end;
            drop(self.remove(place));
            self.chunks[before.chunk][before.index].end = end;
        }
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
                let mut taken = Removed::default();
                set.take_range(start * 0x1000, to as u64 * 0x1000, &mut taken);
                pages[from..to].fill(false);
            } else if !pages[from..to].iter().any(|&used| used) {
                // Different flags, so that most do not join.
                let mut new = vma(start * 0x1000, to as u64 * 0x1000);
                new.flags.set(VmFlags::WRITE, next(2) == 0);
                set.insert(new);
                pages[from..to].fill(true);
            } else if pages[from..to].iter().all(|&used| used)
                && set.at(start * 0x1000).is_some_and(|vma| to as u64 * 0x1000 <= vma.end)
            {
                let write = if next(2) == 0 { VmFlags::WRITE } else { VmFlags::empty() };
                set.set_flags(start * 0x1000, to as u64 * 0x1000, VmFlags::READ | write);
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
