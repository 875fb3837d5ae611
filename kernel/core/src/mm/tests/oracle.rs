//! Random operations on several address spaces, against a model that knows nothing of page tables:
//! a map from page to rights and content. Allocations are made to fail on the way.

use std::collections::BTreeMap;
use std::vec::Vec;

use abi::{Errno, MapFlags, MremapFlags, ProtFlags};
use alloc::sync::Arc;
use machine::addr::{PAGE_SIZE, UserAddr};
use machine::frame::stats;
use machine::sim::{Machine, fail_allocation_after};
use proptest::prelude::*;

use super::{ANON, PAGE, SHARED, request};
use crate::mm::user::{copy_in, copy_out_partial};
use crate::mm::{
    AddressSpace, Advice, MapRequest, MapSource, MappedFile, PageCache, RemapRequest, SourceObject,
};

/// The pages that the operations work on lie around a 2 MiB boundary.
const FIRST: u64 = 0x4000_0000 / PAGE - PAGES / 2;
const PAGES: u64 = if cfg!(miri) { 8 } else { 48 };
const FILE_PAGES: u64 = if cfg!(miri) { 4 } else { 20 };

/// The first and the last byte of a page: so that writes can straddle.
type Content = [u8; 2];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Origin {
    Anonymous,
    Private { object: usize, page: u64 },
    Shared { object: usize, page: u64 },
}

#[derive(Clone, Copy, Debug)]
struct Page {
    prot: ProtFlags,
    origin: Origin,
    own: Option<Content>,
}

/// Objects by number; 0 is the file. Pages beyond the length fault.
struct Object {
    pages: Vec<Content>,
}

struct World {
    objects: Vec<Object>,
    spaces: Vec<(Arc<AddressSpace>, BTreeMap<u64, Page>)>,
    cache: Arc<PageCache>,
    file: Arc<dyn MappedFile>,
    /// An allocation was told to fail in this operation.
    may_fail: bool,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Anonymous,
    SharedAnonymous,
    FilePrivate,
    FileShared,
}

#[derive(Clone, Debug)]
enum Op {
    Map { page: u64, len: u64, prot: ProtFlags, kind: Kind, offset: u64 },
    Unmap { page: u64, len: u64 },
    Protect { page: u64, len: u64, prot: ProtFlags },
    Move { page: u64, len: u64, to: u64, new_len: u64 },
    DontNeed { page: u64, len: u64 },
    Write { page: u64, value: u8, straddle: bool },
    Fork,
    Exit,
    Truncate { pages: u64 },
    WriteFile { page: u64, value: u8 },
}

fn prot() -> impl Strategy<Value = ProtFlags> {
    prop_oneof![
        4 => Just(ProtFlags::PROT_READ | ProtFlags::PROT_WRITE),
        1 => (0..8_u32).prop_map(ProtFlags::from_bits_retain),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let range = || (0..PAGES, 1..12_u64).prop_map(|(page, len)| (page, len.min(PAGES - page)));
    let kind = prop_oneof![
        3 => Just(Kind::Anonymous),
        1 => Just(Kind::SharedAnonymous),
        2 => Just(Kind::FilePrivate),
        1 => Just(Kind::FileShared),
    ];
    prop_oneof![
        4 => (range(), prot(), kind, 0..FILE_PAGES)
            .prop_map(|((page, len), prot, kind, offset)| Op::Map { page, len, prot, kind, offset }),
        2 => range().prop_map(|(page, len)| Op::Unmap { page, len }),
        3 => (range(), prot()).prop_map(|((page, len), prot)| Op::Protect { page, len, prot }),
        2 => (range(), range()).prop_map(|((page, len), (to, new_len))| Op::Move { page, len, to, new_len }),
        1 => range().prop_map(|(page, len)| Op::DontNeed { page, len }),
        10 => (0..PAGES, 1..=255_u8, any::<bool>())
            .prop_map(|(page, value, straddle)| Op::Write { page, value, straddle }),
        2 => Just(Op::Fork),
        1 => Just(Op::Exit),
        1 => (0..FILE_PAGES + 4).prop_map(|pages| Op::Truncate { pages }),
        1 => (0..FILE_PAGES, 1..=255_u8).prop_map(|(page, value)| Op::WriteFile { page, value }),
    ]
}

fn addr(page: u64) -> UserAddr {
    UserAddr::new((FIRST + page) * PAGE)
}

impl World {
    fn new() -> Self {
        let (cache, file) = super::file(FILE_PAGES);
        let pages = (0..FILE_PAGES).map(|page| [page as u8; 2]).collect();
        let space = AddressSpace::new().unwrap();
        Self {
            objects: std::vec![Object { pages }],
            spaces: std::vec![(space, BTreeMap::new())],
            cache,
            file,
            may_fail: false,
        }
    }

    /// What a read of the page gives; `None` for a fault.
    fn content(&self, page: &Page) -> Option<Content> {
        if !page.prot.intersects(ProtFlags::ACCESS) {
            return None;
        }
        self.behind(page)
    }

    fn behind(&self, page: &Page) -> Option<Content> {
        match (page.own, page.origin) {
            (Some(own), _) => Some(own),
            (None, Origin::Anonymous) => Some([0; 2]),
            (None, Origin::Private { object, page } | Origin::Shared { object, page }) => {
                self.objects[object].pages.get(page as usize).copied()
            }
        }
    }

    /// Writes a byte in the model; false for a fault.
    fn write(&mut self, who: usize, at: u64, last: bool, value: u8) -> bool {
        let Some(page) = self.spaces[who].1.get(&at).copied() else {
            return false;
        };
        if !page.prot.contains(ProtFlags::PROT_WRITE) {
            return false;
        }
        let Some(mut content) = self.behind(&page) else {
            return false;
        };
        content[usize::from(last)] = value;
        match page.origin {
            Origin::Shared { object, page } => self.objects[object].pages[page as usize] = content,
            _ => self.spaces[who].1.get_mut(&at).unwrap().own = Some(content),
        }
        true
    }

    fn erase(&mut self, who: usize, page: u64, len: u64) {
        self.spaces[who].1.retain(|at, _| !(page..page + len).contains(at));
    }

    fn run(&mut self, who: usize, op: &Op) {
        let who = who % self.spaces.len();
        let space = self.spaces[who].0.clone();
        match *op {
            Op::Map { page, len, prot, kind, offset } => {
                self.map(who, page, len, prot, kind, offset)
            }
            Op::Unmap { page, len } => {
                space.unmap(addr(page), len * PAGE).unwrap();
                self.erase(who, page, len);
            }
            Op::Protect { page, len, prot } => {
                let done = space.protect(addr(page), len * PAGE, prot);
                let model = &mut self.spaces[who].1;
                let whole = (page..page + len).all(|at| {
                    // Up to the first hole.
                    model.get_mut(&at).is_some_and(|page| {
                        page.prot = prot;
                        true
                    })
                });
                assert_eq!(done, if whole { Ok(()) } else { Err(Errno::ENOMEM) });
            }
            Op::Move { page, len, to, new_len } => self.move_range(who, page, len, to, new_len),
            Op::DontNeed { page, len } => {
                let done = space.advise(addr(page), len * PAGE, Advice::DontNeed { locked: false });
                let model = &mut self.spaces[who].1;
                let holes = (page..page + len).any(|at| !model.contains_key(&at));
                assert_eq!(done, if holes { Err(Errno::ENOMEM) } else { Ok(()) });
                model.range_mut(page..page + len).for_each(|(_, page)| page.own = None);
            }
            Op::Write { page, value, straddle } => self.user_write(who, page, value, straddle),
            Op::Fork => match space.fork() {
                Ok(child) if self.spaces.len() < 4 => {
                    let model = self.spaces[who].1.clone();
                    self.spaces.push((child, model));
                }
                outcome => drop(outcome),
            },
            Op::Exit if self.spaces.len() > 1 => drop(self.spaces.remove(who)),
            Op::Exit => {}
            Op::Truncate { pages } => self.truncate(pages),
            Op::WriteFile { page, value } => {
                if page < self.objects[0].pages.len() as u64
                    && self.cache.write_bytes(page * PAGE, &[value]).is_ok()
                {
                    self.objects[0].pages[page as usize][0] = value;
                }
            }
        }
        space.check();
    }

    fn map(&mut self, who: usize, page: u64, len: u64, prot: ProtFlags, kind: Kind, offset: u64) {
        let space = self.spaces[who].0.clone();
        let fixed = MapFlags::MAP_FIXED;
        let file = || MapSource::File {
            object: SourceObject::Cache(self.cache.clone()),
            file: self.file.clone(),
            readable: true,
            writable: true,
            noexec: false,
        };
        let (flags, source) = match kind {
            Kind::Anonymous => (ANON, MapSource::Anonymous),
            Kind::SharedAnonymous => (SHARED, MapSource::Anonymous),
            Kind::FilePrivate => (MapFlags::MAP_PRIVATE, file()),
            Kind::FileShared => (MapFlags::MAP_SHARED, file()),
        };
        let wanted = MapRequest {
            source,
            offset: offset * PAGE,
            ..request(addr(page).as_u64(), len, prot, flags | fixed)
        };
        assert_eq!(space.map(wanted), Ok(addr(page)));
        if matches!(kind, Kind::SharedAnonymous) {
            self.objects.push(Object { pages: std::vec![[0; 2]; len as usize] });
        }
        let last = self.objects.len() - 1;
        for i in 0..len {
            let origin = match kind {
                Kind::Anonymous => Origin::Anonymous,
                Kind::SharedAnonymous => Origin::Shared { object: last, page: i },
                Kind::FilePrivate => Origin::Private { object: 0, page: offset + i },
                Kind::FileShared => Origin::Shared { object: 0, page: offset + i },
            };
            self.spaces[who].1.insert(page + i, Page { prot, origin, own: None });
        }
    }

    fn move_range(&mut self, who: usize, page: u64, len: u64, to: u64, new_len: u64) {
        let space = self.spaces[who].0.clone();
        let flags = MremapFlags::MREMAP_MAYMOVE | MremapFlags::MREMAP_FIXED;
        let outcome = space.remap(RemapRequest {
            addr: addr(page),
            old_len: len * PAGE,
            new_len: new_len * PAGE,
            flags,
            new_addr: addr(to),
            may_lock: false,
        });
        if page + len > to && to + new_len > page {
            assert_eq!(outcome, Err(Errno::EINVAL));
            return;
        }
        if !self.spaces[who].1.contains_key(&page) {
            assert_eq!(outcome, Err(Errno::EFAULT));
            return;
        }
        self.erase(who, to, new_len);
        let kept = len.min(new_len);
        self.erase(who, page + kept, len - kept);
        match outcome {
            Ok(at) => assert_eq!(at, addr(to)),
            Err(Errno::EFAULT | Errno::ENOMEM) => return,
            Err(errno) => panic!("{errno:?}"),
        }
        let model = &mut self.spaces[who].1;
        let moved: Vec<Page> = (page..page + kept).map(|at| model.remove(&at).unwrap()).collect();
        for i in 0..new_len {
            let next = |origin| match origin {
                Origin::Anonymous => Origin::Anonymous,
                Origin::Private { object, page } => Origin::Private { object, page: page + i },
                Origin::Shared { object, page } => Origin::Shared { object, page: page + i },
            };
            let first = moved[0];
            let grown = Page { origin: next(first.origin), own: None, ..first };
            model.insert(to + i, moved.get(i as usize).copied().unwrap_or(grown));
        }
    }

    fn user_write(&mut self, who: usize, page: u64, value: u8, straddle: bool) {
        let space = self.spaces[who].0.clone();
        space.activate();
        let at = if straddle { addr(page).wrapping_add(PAGE - 1) } else { addr(page) };
        let bytes = [value, value ^ 0xff];
        let done = copy_out_partial(&space, at, &bytes[..1 + usize::from(straddle)]);
        let mut wanted = usize::from(self.write_if(who, page, straddle, bytes[0], done > 0));
        if straddle && wanted == 1 {
            wanted += usize::from(self.write_if(who, page + 1, false, bytes[1], done > 1));
        }
        // Less only when an allocation was made to fail.
        assert!(done <= wanted);
        let struck = self.may_fail && fail_allocation_after(None).is_none();
        assert!(done == wanted || struck, "a write failed for no reason");
    }

    /// Whether the model allows the write; it is done only when it really happened.
    fn write_if(&mut self, who: usize, page: u64, last: bool, value: u8, happened: bool) -> bool {
        if happened {
            return self.write(who, page, last, value);
        }
        let Some(page) = self.spaces[who].1.get(&page) else {
            return false;
        };
        page.prot.contains(ProtFlags::PROT_WRITE) && self.behind(page).is_some()
    }

    fn truncate(&mut self, pages: u64) {
        self.cache.truncate(pages * PAGE);
        self.objects[0].pages.resize(pages as usize, [0; 2]);
        for (_, model) in &mut self.spaces {
            for page in model.values_mut() {
                if let Origin::Private { page: at, .. } = page.origin
                    && at >= pages
                {
                    page.own = None;
                }
            }
        }
    }

    /// Compares everything.
    fn verify(&self) {
        for (space, model) in &self.spaces {
            space.activate();
            for at in 0..PAGES {
                let wanted = model.get(&at).and_then(|page| self.content(page));
                let mut bytes = [0; 2];
                let first = copy_in(space, &mut bytes[..1], addr(at));
                let last = copy_in(space, &mut bytes[1..], addr(at).wrapping_add(PAGE - 1));
                let found = (first.is_ok() && last.is_ok()).then_some(bytes);
                assert_eq!(found, wanted, "page {at}: {:?}", model.get(&at));
            }
            space.check();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 400 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn address_spaces_behave_as_the_model(
        ops in prop::collection::vec((0..4_usize, op(), prop::option::weighted(0.3, 0..8_u64)), 1..if cfg!(miri) { 12 } else { 80 })
    ) {
        let _machine = Machine::new(if cfg!(miri) { 1 << 20 } else { 16 << 20 });
        let before = stats();
        let mut world = World::new();
        for (i, (who, op, fail)) in ops.iter().enumerate() {
            // Mapping can not fail for lack of frames, apart from page tables at a move.
            fail_allocation_after(*fail);
            world.may_fail = fail.is_some();
            world.run(*who, op);
            fail_allocation_after(None);
            if i % 5 == 0 {
                world.verify();
            }
        }
        world.verify();
        drop(world);
        prop_assert_eq!(stats(), before);
    }
}

const _: () = assert!(PAGE_SIZE as u64 == PAGE);
