//! Capability sets and securebits: capset(2) and the prctl(2) operations on them.
//!
//! Pure functions from the old credentials to the new ones, with the conditions of
//! capabilities(7). Capability numbers come from user space and may be anything.

use abi::Errno;
use abi::cap::{CAP_LAST_CAP, CAP_SETPCAP, SecureBits};

use crate::cred::{ALL_CAPS, CapSets, Cred};

/// Whether one of the securebits is set.
pub fn has_bit(cred: &Cred, bit: SecureBits) -> bool {
    cred.securebits & bit.bits() != 0
}

/// The bit of capability `number`.
///
/// # Errors
/// `EINVAL` when there is no such capability.
pub fn bit(number: u64) -> Result<u64, Errno> {
    if number <= u64::from(CAP_LAST_CAP) { Ok(1 << number) } else { Err(Errno::EINVAL) }
}

/// The three sets that capset(2) replaces; unknown capabilities in them are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedCaps {
    /// Effective.
    pub effective: u64,
    /// Permitted.
    pub permitted: u64,
    /// Inheritable.
    pub inheritable: u64,
}

/// capset(2).
///
/// # Errors
/// `EPERM` when a set would get something that it may not.
pub fn capset(old: &Cred, wanted: WantedCaps) -> Result<Cred, Errno> {
    let (effective, permitted) = (wanted.effective & ALL_CAPS, wanted.permitted & ALL_CAPS);
    let inheritable = wanted.inheritable & ALL_CAPS;
    let now = old.caps;
    let within = |set: u64, limit: u64| set & !limit == 0;
    let allowed = (old.capable(CAP_SETPCAP)
        || within(inheritable, now.inheritable | now.permitted))
        && within(inheritable, now.inheritable | now.bounding)
        && within(permitted, now.permitted)
        && within(effective, permitted);
    if !allowed {
        return Err(Errno::EPERM);
    }
    let caps = CapSets {
        permitted,
        effective,
        inheritable,
        bounding: now.bounding,
        ambient: now.ambient & permitted & inheritable,
    };
    Ok(Cred { caps, ..old.clone() })
}

/// `PR_CAPBSET_DROP`: takes a capability out of the bounding set.
///
/// # Errors
/// `EPERM` without `CAP_SETPCAP`, `EINVAL` when there is no such capability.
pub fn drop_bounding(old: &Cred, number: u64) -> Result<Cred, Errno> {
    if !old.capable(CAP_SETPCAP) {
        return Err(Errno::EPERM);
    }
    let bit = bit(number)?;
    let mut new = old.clone();
    new.caps.bounding &= !bit;
    Ok(new)
}

/// `PR_CAP_AMBIENT_RAISE`.
///
/// # Errors
/// `EINVAL` when there is no such capability; `EPERM` unless it is permitted and inheritable and
/// the securebits allow it.
pub fn raise_ambient(old: &Cred, number: u64) -> Result<Cred, Errno> {
    let bit = bit(number)?;
    let held = old.caps.permitted & old.caps.inheritable & bit != 0;
    if !held || has_bit(old, SecureBits::SECBIT_NO_CAP_AMBIENT_RAISE) {
        return Err(Errno::EPERM);
    }
    let mut new = old.clone();
    new.caps.ambient |= bit;
    Ok(new)
}

/// `PR_CAP_AMBIENT_LOWER`.
///
/// # Errors
/// `EINVAL` when there is no such capability.
pub fn lower_ambient(old: &Cred, number: u64) -> Result<Cred, Errno> {
    let bit = bit(number)?;
    let mut new = old.clone();
    new.caps.ambient &= !bit;
    Ok(new)
}

/// `PR_CAP_AMBIENT_CLEAR_ALL`.
pub fn clear_ambient(old: &Cred) -> Cred {
    let mut new = old.clone();
    new.caps.ambient = 0;
    new
}

/// The bits beside each bit that fix it for good.
const LOCKS: u32 = SecureBits::all().bits() & 0xaaaa_aaaa;
/// What user space may ask of itself, without privilege.
const UNPRIVILEGED: u32 = SecureBits::SECBIT_EXEC_RESTRICT_FILE
    .union(SecureBits::SECBIT_EXEC_RESTRICT_FILE_LOCKED)
    .union(SecureBits::SECBIT_EXEC_DENY_INTERACTIVE)
    .union(SecureBits::SECBIT_EXEC_DENY_INTERACTIVE_LOCKED)
    .bits();

/// `PR_SET_SECUREBITS`.
///
/// # Errors
/// `EPERM` when a locked bit or a lock would change, for unknown bits, and without `CAP_SETPCAP`
/// unless only unprivileged bits change.
pub fn set_securebits(old: &Cred, bits: u64) -> Result<Cred, Errno> {
    let now = old.securebits;
    let wanted = u32::try_from(bits).map_err(|_| Errno::EPERM)?;
    let changed = now ^ wanted;
    let locked = (now & LOCKS) >> 1;
    if locked & changed != 0
        || now & LOCKS & !wanted != 0
        || SecureBits::from_bits(wanted).is_none()
    {
        return Err(Errno::EPERM);
    }
    // Without the privilege even asking for what is there already is refused.
    if !old.capable(CAP_SETPCAP) && (changed == 0 || changed & !UNPRIVILEGED != 0) {
        return Err(Errno::EPERM);
    }
    Ok(Cred { securebits: wanted, ..old.clone() })
}

/// `PR_SET_KEEPCAPS`.
///
/// # Errors
/// `EINVAL` for anything but 0 and 1; `EPERM` when the bit is locked.
pub fn set_keep_caps(old: &Cred, value: u64) -> Result<Cred, Errno> {
    if value > 1 {
        return Err(Errno::EINVAL);
    }
    if has_bit(old, SecureBits::SECBIT_KEEP_CAPS_LOCKED) {
        return Err(Errno::EPERM);
    }
    let mut bits = SecureBits::from_bits_retain(old.securebits);
    bits.set(SecureBits::SECBIT_KEEP_CAPS, value == 1);
    Ok(Cred { securebits: bits.bits(), ..old.clone() })
}
