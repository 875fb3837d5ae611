//! What a fault decides, over all cases.

use super::*;

/// Every combination of rights, page and access, against what must hold for each.
#[test]
fn decisions_are_right_for_every_case() {
    let mut cases = 0;
    for bits in 0..16_u32 {
        let flags = VmFlags::from_bits_truncate(bits);
        for object in [false, true] {
            for page in views() {
                for access in [Access::Read, Access::Write, Access::Exec] {
                    check(flags, object, page, access);
                    cases += 1;
                }
            }
        }
    }
    assert_eq!(cases, 16 * 2 * 65 * 3);
}

fn views() -> impl Iterator<Item = Option<PageView>> {
    (0..64)
        .map(|bits| {
            let bit = |n| bits & (1 << n) != 0;
            Some(PageView {
                readable: bit(0),
                writable: bit(1),
                executable: bit(2),
                zero: bit(3),
                cached: bit(4),
                unique: bit(5),
            })
        })
        .chain([None])
}

fn check(flags: VmFlags, object: bool, page: Option<PageView>, access: Access) {
    let action = decide(flags, object, page, access);
    let write = access == Access::Write;
    let private = !flags.contains(VmFlags::SHARED);
    let case = std::format!("{flags:?} object {object} {page:?} {access:?}: {action:?}");
    assert_eq!(action == FaultAction::Deny, !allowed(flags, access), "{case}");
    match action {
        FaultAction::Deny => {}
        FaultAction::Done => {
            let page = page.expect(&case);
            assert!(page.readable && (!write || page.writable), "{case}");
            assert!(access != Access::Exec || page.executable, "{case}");
        }
        FaultAction::MapZero => assert!(page.is_none() && !object && !write, "{case}"),
        FaultAction::MapFresh => assert!(page.is_none() && !object && write, "{case}"),
        FaultAction::MapObject => {
            assert!(page.is_none() && object && !(write && private), "{case}")
        }
        FaultAction::CopyObject => {
            assert!(page.is_none() && object && write && private, "{case}")
        }
        FaultAction::Copy => {
            let page = page.expect(&case);
            assert!(write && private && (page.zero || page.cached || !page.unique), "{case}");
        }
        FaultAction::AddRights { write: may_write } => {
            let page = page.expect(&case);
            assert_eq!(may_write, write, "{case}");
            // Nobody else sees the write, or everybody should.
            let alone = page.unique && !page.cached && !page.zero;
            assert!(!may_write || !private || alone, "{case}");
        }
    }
}
