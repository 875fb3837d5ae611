//! The rules of credentials(7), once against a model and once case by case.

use abi::Errno;
use abi::cap::{CAP_CHOWN, CAP_KILL, CAP_SETPCAP, CAP_SETUID, SecureBits};
use proptest::prelude::*;

use super::capabilities::{self, WantedCaps};
use super::ids::{self, NewIds};
use super::on_exec::{self, ProgramFile, Unsafe};
use crate::cred::{ALL_CAPS, Cred};

fn user(uid: u32) -> Cred {
    let mut cred = Cred::root();
    (cred.ruid, cred.euid, cred.suid, cred.fsuid) = (uid, uid, uid, uid);
    (cred.rgid, cred.egid, cred.sgid, cred.fsgid) = (uid, uid, uid, uid);
    (cred.caps.permitted, cred.caps.effective) = (0, 0);
    cred
}

/// What the model knows: the four ids, and whether the caller is privileged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Model {
    real: u32,
    effective: u32,
    saved: u32,
    fs: u32,
    privileged: bool,
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Set(u32),
    SetRe(Option<u32>, Option<u32>),
    SetRes(Option<u32>, Option<u32>, Option<u32>),
    SetFs(u32),
}

impl Model {
    fn of_user(cred: &Cred) -> Self {
        Self {
            real: cred.ruid,
            effective: cred.euid,
            saved: cred.suid,
            fs: cred.fsuid,
            privileged: cred.capable(CAP_SETUID),
        }
    }

    fn of_group(cred: &Cred) -> Self {
        Self {
            real: cred.rgid,
            effective: cred.egid,
            saved: cred.sgid,
            fs: cred.fsgid,
            privileged: cred.capable(abi::cap::CAP_SETGID),
        }
    }

    /// The man pages, said as tables: which ids each argument may take, and what it becomes.
    fn apply(mut self, call: Call) -> Option<Self> {
        let old = self;
        let may = |id: Option<u32>, among: &[u32]| {
            id.is_none() || old.privileged || among.contains(&id.unwrap())
        };
        match call {
            Call::Set(id) if old.privileged => {
                Some(Self { real: id, effective: id, saved: id, fs: id, ..old })
            }
            Call::Set(id) => {
                [old.real, old.saved].contains(&id).then_some(Self { effective: id, fs: id, ..old })
            }
            Call::SetRe(real, effective) => {
                let fine = may(real, &[old.real, old.effective])
                    && may(effective, &[old.real, old.effective, old.saved]);
                self.real = real.unwrap_or(old.real);
                self.effective = effective.unwrap_or(old.effective);
                if real.is_some() || (effective.is_some() && effective != Some(old.real)) {
                    self.saved = self.effective;
                }
                self.fs = self.effective;
                fine.then_some(self)
            }
            Call::SetRes(real, effective, saved) => {
                let all = [old.real, old.effective, old.saved];
                let fine = may(real, &all) && may(effective, &all) && may(saved, &all);
                self.real = real.unwrap_or(old.real);
                self.effective = effective.unwrap_or(old.effective);
                self.saved = saved.unwrap_or(old.saved);
                if self != old || effective.is_some() {
                    self.fs = self.effective;
                }
                fine.then_some(self)
            }
            Call::SetFs(id) => {
                let all = [old.real, old.effective, old.saved, old.fs];
                if may(Some(id), &all) {
                    self.fs = id;
                }
                Some(self)
            }
        }
    }
}

fn call() -> impl Strategy<Value = Call> {
    let id = 0u32..4;
    let some = proptest::option::of(0u32..4);
    prop_oneof![
        id.clone().prop_map(Call::Set),
        (some.clone(), some.clone()).prop_map(|(r, e)| Call::SetRe(r, e)),
        (some.clone(), some.clone(), some).prop_map(|(r, e, s)| Call::SetRes(r, e, s)),
        id.prop_map(Call::SetFs),
    ]
}

fn set_user(cred: &Cred, call: Call) -> Option<Cred> {
    match call {
        Call::Set(id) => ids::setuid(cred, id).ok(),
        Call::SetRe(r, e) => ids::setreuid(cred, r, e).ok(),
        Call::SetRes(r, e, s) => {
            ids::setresuid(cred, NewIds { real: r, effective: e, saved: s }).ok()
        }
        Call::SetFs(id) => Some(ids::setfsuid(cred, id).unwrap_or_else(|| cred.clone())),
    }
}

fn set_group(cred: &Cred, call: Call) -> Option<Cred> {
    match call {
        Call::Set(id) => ids::setgid(cred, id).ok(),
        Call::SetRe(r, e) => ids::setregid(cred, r, e).ok(),
        Call::SetRes(r, e, s) => {
            ids::setresgid(cred, NewIds { real: r, effective: e, saved: s }).ok()
        }
        Call::SetFs(id) => Some(ids::setfsgid(cred, id).unwrap_or_else(|| cred.clone())),
    }
}

fn arbitrary_ids() -> impl Strategy<Value = Cred> {
    (proptest::array::uniform4(0u32..4), proptest::array::uniform4(0u32..4), any::<bool>())
        .prop_map(|(uids, gids, privileged)| {
            let mut cred = Cred::root();
            [cred.ruid, cred.euid, cred.suid, cred.fsuid] = uids;
            [cred.rgid, cred.egid, cred.sgid, cred.fsgid] = gids;
            if !privileged {
                (cred.caps.permitted, cred.caps.effective) = (0, 0);
            }
            cred
        })
}

proptest! {
    #[test]
    fn user_ids_follow_the_model(cred in arbitrary_ids(), calls in proptest::collection::vec(call(), 1..8)) {
        let mut cred = cred;
        for call in calls {
            let before = Model::of_user(&cred);
            let expected = before.apply(call);
            let got = set_user(&cred, call);
            let ids = |m: Model| (m.real, m.effective, m.saved, m.fs);
            prop_assert_eq!(got.as_ref().map(|c| ids(Model::of_user(c))), expected.map(ids), "{:?} {:?}", before, call);
            if let Some(new) = got {
                // Nobody gains a permitted capability by changing ids, and nothing ineffective acts.
                prop_assert_eq!(new.caps.permitted & !cred.caps.permitted, 0);
                prop_assert_eq!(new.caps.effective & !new.caps.permitted, 0);
                cred = new;
            }
        }
    }

    #[test]
    fn group_ids_follow_the_model(cred in arbitrary_ids(), call in call()) {
        let before = Model::of_group(&cred);
        let got = set_group(&cred, call).map(|c| Model::of_group(&c));
        prop_assert_eq!(got, before.apply(call), "{:?}", call);
    }

    #[test]
    fn exec_gains_nothing_under_no_new_privs(
        cred in arbitrary_ids(), mode in 0u32..0o10000, uid in 0u32..4, gid in 0u32..4,
    ) {
        let old = Cred { no_new_privs: true, ..cred };
        let file = ProgramFile { mode, uid, gid, may_set_id: true };
        let new = on_exec::transform(&old, &file, Unsafe::default()).cred;
        prop_assert!([old.euid, old.ruid].contains(&new.euid));
        prop_assert_eq!(new.caps.permitted & !old.caps.permitted, 0);
    }
}

#[test]
fn giving_up_root_gives_up_capabilities() {
    let user = ids::setuid(&Cred::root(), 1000).unwrap();
    assert_eq!((user.caps.permitted, user.caps.effective), (0, 0));
    assert_eq!(ids::setuid(&user, 0).unwrap_err(), Errno::EPERM);

    let kept = capabilities::set_keep_caps(&Cred::root(), 1).unwrap();
    let kept = ids::setuid(&kept, 1000).unwrap();
    assert_eq!((kept.caps.permitted, kept.caps.effective), (ALL_CAPS, 0));

    // Only the effective id: the saved one leads back, and the capabilities wait.
    let sleeping = ids::setreuid(&Cred::root(), None, Some(1000)).unwrap();
    assert_eq!((sleeping.ruid, sleeping.suid), (0, 1000));
    assert_eq!((sleeping.caps.permitted, sleeping.caps.effective), (ALL_CAPS, 0));
    let awake = ids::setreuid(&sleeping, None, Some(0)).unwrap();
    assert_eq!(awake.caps.effective, ALL_CAPS);
}

#[test]
fn the_file_system_uid_takes_its_capabilities_along() {
    let user = ids::setfsuid(&Cred::root(), 1000).unwrap();
    assert!(!user.capable(CAP_CHOWN) && user.capable(CAP_KILL));
    let back = ids::setfsuid(&user, 0).unwrap();
    assert!(back.capable(CAP_CHOWN));
    assert!(ids::setfsuid(&back, u32::MAX).is_none());
}

#[test]
fn minus_one_is_no_id() {
    assert_eq!(ids::setuid(&Cred::root(), u32::MAX).unwrap_err(), Errno::EINVAL);
    assert_eq!(ids::setgid(&Cred::root(), u32::MAX).unwrap_err(), Errno::EINVAL);
    let groups = alloc::vec![5, u32::MAX];
    assert_eq!(ids::setgroups(&Cred::root(), groups).unwrap_err(), Errno::EINVAL);
    assert_eq!(ids::setgroups(&Cred::root(), alloc::vec![9, 3]).unwrap().groups, [3, 9]);
    assert_eq!(ids::setgroups(&user(1), alloc::vec![]).unwrap_err(), Errno::EPERM);
}

#[test]
fn capset_only_ever_takes_away() {
    let some = |effective, permitted, inheritable| WantedCaps { effective, permitted, inheritable };
    let root = Cred::root();
    let less = capabilities::capset(&root, some(1, 3, 3)).unwrap();
    assert_eq!((less.caps.effective, less.caps.permitted, less.caps.inheritable), (1, 3, 3));
    assert_eq!(capabilities::capset(&less, some(1, 7, 3)).unwrap_err(), Errno::EPERM);
    assert_eq!(capabilities::capset(&less, some(4, 3, 3)).unwrap_err(), Errno::EPERM);
    assert_eq!(capabilities::capset(&less, some(1, 3, 7)).unwrap_err(), Errno::EPERM);
    // Unknown capabilities are cut off, not refused.
    assert!(capabilities::capset(&root, some(1 << 63, 1 << 63, 1 << 50)).is_ok());

    let raised = capabilities::raise_ambient(&less, 1).unwrap();
    assert_eq!(raised.caps.ambient, 2);
    assert_eq!(capabilities::raise_ambient(&less, 2).unwrap_err(), Errno::EPERM);
    assert_eq!(capabilities::raise_ambient(&less, 99).unwrap_err(), Errno::EINVAL);
    let lowered = capabilities::capset(&raised, some(1, 3, 1)).unwrap();
    assert_eq!(lowered.caps.ambient, 0);
}

#[test]
fn the_bounding_set_limits_what_can_be_inherited() {
    let without = capabilities::drop_bounding(&Cred::root(), u64::from(CAP_KILL)).unwrap();
    let kill = 1 << CAP_KILL;
    let all = WantedCaps { effective: ALL_CAPS, permitted: ALL_CAPS, inheritable: kill };
    assert_eq!(capabilities::capset(&without, all).unwrap_err(), Errno::EPERM);
    assert_eq!(capabilities::drop_bounding(&user(1), 5).unwrap_err(), Errno::EPERM);
    assert_eq!(capabilities::drop_bounding(&Cred::root(), 41).unwrap_err(), Errno::EINVAL);
}

#[test]
fn locked_securebits_stay() {
    let bits = SecureBits::SECBIT_NOROOT | SecureBits::SECBIT_NOROOT_LOCKED;
    let locked = capabilities::set_securebits(&Cred::root(), bits.bits().into()).unwrap();
    assert_eq!(capabilities::set_securebits(&locked, 0).unwrap_err(), Errno::EPERM);
    assert_eq!(capabilities::set_securebits(&locked, 2).unwrap_err(), Errno::EPERM);
    assert_eq!(capabilities::set_securebits(&Cred::root(), 1 << 12).unwrap_err(), Errno::EPERM);
    let no_privilege = user(1);
    assert_eq!(capabilities::set_securebits(&no_privilege, 0).unwrap_err(), Errno::EPERM);
    assert!(capabilities::set_securebits(&no_privilege, 0x100).is_ok());
    assert!(Cred::root().capable(CAP_SETPCAP));
}

const PLAIN: ProgramFile = ProgramFile { mode: 0o100755, uid: 0, gid: 0, may_set_id: true };

#[test]
fn a_setuid_root_program_runs_as_root() {
    let file = ProgramFile { mode: 0o104755, ..PLAIN };
    let exec = on_exec::transform(&user(1000), &file, Unsafe::default());
    let cred = &exec.cred;
    assert_eq!((cred.ruid, cred.euid, cred.suid, cred.fsuid), (1000, 0, 0, 0));
    assert_eq!((cred.caps.permitted, cred.caps.effective), (ALL_CAPS, ALL_CAPS));
    assert!(exec.secure && exec.clears_personality);

    for (nosuid, danger) in [
        (true, Unsafe::default()),
        (false, Unsafe { traced: true, shares_fs: false }),
        (false, Unsafe { traced: false, shares_fs: true }),
    ] {
        let file = ProgramFile { may_set_id: !nosuid, ..file };
        let cred = on_exec::transform(&user(1000), &file, danger).cred;
        assert_eq!((cred.euid, cred.suid, cred.caps.permitted), (1000, 1000, 0));
    }
}

#[test]
fn a_setgid_bit_counts_only_with_group_execution() {
    let with = ProgramFile { mode: 0o102755, gid: 7, ..PLAIN };
    let exec = on_exec::transform(&user(1000), &with, Unsafe::default());
    assert_eq!((exec.cred.rgid, exec.cred.egid, exec.cred.sgid), (1000, 7, 7));
    assert!(exec.secure);
    let without = ProgramFile { mode: 0o102745, ..with };
    let exec = on_exec::transform(&user(1000), &without, Unsafe::default());
    assert_eq!(exec.cred.egid, 1000);
    assert!(!exec.secure);
}

#[test]
fn exec_of_a_plain_program_saves_the_effective_ids() {
    let mut old = Cred::root();
    old.euid = 1000;
    let exec = on_exec::transform(&old, &PLAIN, Unsafe::default());
    assert_eq!((exec.cred.ruid, exec.cred.euid, exec.cred.suid), (0, 1000, 1000));
    // Real root keeps everything permitted, but nothing acts.
    assert_eq!((exec.cred.caps.permitted, exec.cred.caps.effective), (ALL_CAPS, 0));
    assert!(exec.secure);

    let root = on_exec::transform(&Cred::root(), &PLAIN, Unsafe::default());
    assert_eq!(root.cred.caps.effective, ALL_CAPS);
    assert!(!root.secure);
}

#[test]
fn ambient_capabilities_survive_a_plain_exec_only() {
    let mut old = user(1000);
    (old.caps.permitted, old.caps.inheritable, old.caps.ambient) = (6, 6, 2);
    let plain = on_exec::transform(&old, &PLAIN, Unsafe::default());
    assert_eq!((plain.cred.caps.permitted, plain.cred.caps.effective), (2, 2));
    assert!(!plain.secure);
    let setuid = ProgramFile { mode: 0o104755, uid: 1001, ..PLAIN };
    let other = on_exec::transform(&old, &setuid, Unsafe::default());
    assert_eq!((other.cred.caps.permitted, other.cred.caps.ambient), (0, 0));
}

#[test]
fn noroot_makes_root_an_ordinary_user() {
    let bits = SecureBits::SECBIT_NOROOT.bits();
    let exec =
        on_exec::transform(&Cred { securebits: bits, ..Cred::root() }, &PLAIN, Unsafe::default());
    assert_eq!((exec.cred.caps.permitted, exec.cred.caps.effective), (0, 0));
}
