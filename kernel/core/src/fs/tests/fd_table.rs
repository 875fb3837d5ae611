//! Descriptor tables against a simple map.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Errno, OpenFlags};
use proptest::prelude::*;

use super::World;
use crate::fs::FdTable;

#[derive(Clone, Debug)]
enum Step {
    Add(usize, bool),
    Close(i32),
    DupTo(i32, bool),
    CloseRange(u32, u32),
    Exec,
    Fork,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (prop_oneof![Just(0usize), 0usize..150], any::<bool>()).prop_map(|(m, c)| Step::Add(m, c)),
        4 => (-2i32..150).prop_map(Step::Close),
        2 => (-2i32..150, any::<bool>()).prop_map(|(fd, c)| Step::DupTo(fd, c)),
        1 => (0u32..150, 0u32..200).prop_map(|(a, b)| Step::CloseRange(a.min(b), a.max(b))),
        1 => Just(Step::Exec),
        1 => Just(Step::Fork),
    ]
}

const LIMIT: u64 = 140;

proptest! {
    #[test]
    fn tables_agree_with_a_map(steps in prop::collection::vec(step(), 1..120)) {
        let world = World::new();
        world.create("file").unwrap();
        let file = world.open("file", OpenFlags::empty()).unwrap();
        let mut table = FdTable::new();
        let mut model: BTreeMap<i32, bool> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Add(min, cloexec) => {
                    let free = (min as i32..).find(|fd| !model.contains_key(fd)).unwrap();
                    let got = table.add(file.clone(), min, LIMIT, cloexec);
                    if free as u64 >= LIMIT {
                        prop_assert_eq!(got, Err(Errno::EMFILE));
                    } else {
                        prop_assert_eq!(got, Ok(free));
                        model.insert(free, cloexec);
                    }
                }
                Step::Close(fd) => {
                    let had = model.remove(&fd).is_some();
                    prop_assert_eq!(table.close(fd), if had { Ok(()) } else { Err(Errno::EBADF) });
                }
                Step::DupTo(fd, cloexec) => {
                    let fits = fd >= 0 && (fd as u64) < LIMIT;
                    let got = table.dup_to(fd, file.clone(), LIMIT, cloexec);
                    prop_assert_eq!(got, if fits { Ok(()) } else { Err(Errno::EBADF) });
                    if fits {
                        model.insert(fd, cloexec);
                    }
                }
                Step::CloseRange(first, last) => {
                    table.close_range(first, last);
                    model.retain(|&fd, _| !(first..=last).contains(&(fd as u32)));
                }
                Step::Exec => {
                    table.close_on_exec();
                    model.retain(|_, cloexec| !*cloexec);
                }
                Step::Fork => table = table.duplicate().unwrap(),
            }
            let mut seen = Vec::new();
            let mut from = 0;
            while let Some((fd, _)) = table.next_open(from) {
                seen.push((fd as i32, table.cloexec(fd as i32).unwrap()));
                from = fd + 1;
            }
            let want: Vec<_> = model.iter().map(|(&fd, &cloexec)| (fd, cloexec)).collect();
            prop_assert_eq!(seen, want);
            prop_assert_eq!(Arc::strong_count(&file), 1 + model.len());
        }
    }
}

#[test]
fn a_reserved_descriptor_is_not_open_and_comes_back() {
    let world = World::new();
    world.create("file").unwrap();
    let file = world.open("file", OpenFlags::empty()).unwrap();
    let table = FdTable::new();
    let reserved = table.reserve(10, true).unwrap();
    assert_eq!(reserved.number(), 0);
    assert_eq!(table.get(0).map(drop), Err(Errno::EBADF));
    assert_eq!(table.dup_to(0, file.clone(), 10, false), Err(Errno::EBUSY));
    assert_eq!(table.add(file.clone(), 0, 10, false), Ok(1));
    drop(reserved);
    let reserved = table.reserve(10, true).unwrap();
    assert_eq!(reserved.install(file), 0);
    assert_eq!(table.cloexec(0), Ok(true));
    table.close_on_exec();
    assert_eq!(table.count(), 1);
}
