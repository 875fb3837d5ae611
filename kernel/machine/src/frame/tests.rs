use super::*;
use crate::sim::{Machine, fail_allocation_after};
use std::vec::Vec;

const BYTES: usize = if cfg!(miri) { 1 << 20 } else { 4 << 20 };

#[test]
fn clones_count_and_the_last_drop_frees() {
    let _machine = Machine::new(BYTES);
    let before = stats().free;
    let frame = alloc_zeroed().unwrap().into_shared();
    assert_eq!(stats().free, before - 1);
    let second = frame.clone();
    assert_eq!(frame.ref_count(), 2);
    let frame = frame.try_into_unique().unwrap_err();
    drop(second);
    assert!(frame.is_unique());
    let mut unique = frame.try_into_unique().unwrap();
    unique[7] = 1;
    drop(unique);
    assert_eq!(stats().free, before);
}

#[test]
fn fresh_frames_are_zero() {
    const FRAMES: usize = if cfg!(miri) { 4 } else { 40 };
    let _machine = Machine::new(BYTES);
    for _ in 0..2 {
        let mut frames: Vec<_> = (0..FRAMES).map(|_| alloc_zeroed().unwrap()).collect();
        for frame in &mut frames {
            assert!(frame.iter().all(|&byte| byte == 0));
            frame.fill(0xaa);
        }
    }
}

#[test]
fn contents_are_copied_and_filled() {
    let _machine = Machine::new(BYTES);
    let mut first = alloc_zeroed().unwrap();
    first.fill(3);
    drop(first);
    let filled = alloc_filled(|frame| {
        frame.write(0, b"head");
        4
    })
    .unwrap();
    assert_eq!(filled[..5], *b"head\0");
    assert!(filled[4..].iter().all(|&byte| byte == 0));
    let copy = alloc_copy(filled.as_frame()).unwrap();
    assert_eq!(copy[..], filled[..]);
    let mut buffer = [0; 3];
    copy.as_frame().read(1, &mut buffer);
    assert_eq!(&buffer, b"ead");
}

#[test]
#[should_panic(expected = "leaves the frame")]
fn accesses_stay_inside() {
    zero_frame().read(4090, &mut [0; 7]);
}

#[test]
fn the_reserve_is_refused_and_everything_comes_back() {
    let _machine = Machine::new(BYTES);
    let before = stats();
    let frames: Vec<_> = core::iter::from_fn(|| alloc_zeroed().ok()).collect();
    assert_eq!(stats().free, before.reserve);
    assert_eq!(check_reserve(), Err(OutOfFrames));
    assert!(alloc_huge_zeroed().is_err());
    drop(frames);
    assert_eq!(check_reserve(), Ok(()));
    assert_eq!(stats(), before);
    if !cfg!(miri) {
        let huge = alloc_huge_zeroed().unwrap();
        assert_eq!(huge.len(), HUGE_SIZE);
        drop(huge);
        assert_eq!(stats(), before);
    }
}

#[test]
fn the_zero_frame_survives_its_handles() {
    let _machine = Machine::new(BYTES);
    let zero = zero_frame();
    for _ in 0..3 {
        drop(zero.clone());
        drop(zero_frame());
    }
    let mut byte = [1];
    zero.read(0, &mut byte);
    assert_eq!(byte, [0]);
}

#[test]
fn injected_failures_strike_once() {
    let _machine = Machine::new(BYTES);
    fail_allocation_after(Some(1));
    assert!(alloc_zeroed().is_ok());
    assert!(alloc_zeroed().is_err());
    assert!(alloc_zeroed().is_ok());
    assert_eq!(fail_allocation_after(None), None);
}

#[test]
fn processors_share_the_last_frames() {
    let machine = Machine::new(BYTES);
    let before = stats();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let handle = machine.handle();
            scope.spawn(move || {
                let _machine = handle.enter();
                let shared = alloc_zeroed().unwrap().into_shared();
                for _ in 0..if cfg!(miri) { 2 } else { 200 } {
                    let frames: Vec<_> = (0..20).map_while(|_| alloc_zeroed().ok()).collect();
                    let _copies = std::vec![shared.clone(); 10];
                    drop(frames);
                }
            });
        }
    });
    assert_eq!(stats(), before);
}
