//! The alternate signal stack (sigaltstack(2)).

use abi::sigaction::{MINSIGSTKSZ, SS_AUTODISARM, SS_DISABLE, SS_FLAG_BITS, SS_ONSTACK};
use abi::{Errno, SigAltStack};

/// Where handlers with SA_ONSTACK run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AltStack {
    base: u64,
    /// 0 when there is none.
    size: u64,
    /// Forget the stack while a handler runs on it, so that the handler may swapcontext(3) away.
    autodisarm: bool,
}

impl AltStack {
    /// Checks what a program asks for while its stack pointer is `sp`.
    ///
    /// # Errors
    /// `EPERM` when it runs on the present one; `EINVAL` for unknown flags; `ENOMEM` when it is
    /// smaller than MINSIGSTKSZ.
    pub fn replaced_by(self, new: &SigAltStack, sp: u64) -> Result<Self, Errno> {
        if self.holds(sp) {
            return Err(Errno::EPERM);
        }
        match new.ss_flags & !SS_FLAG_BITS {
            SS_DISABLE => {
                return Ok(Self { autodisarm: new.autodisarm(), ..Self::default() });
            }
            // Linux takes SS_ONSTACK for 0, as old programs pass it.
            0 | SS_ONSTACK => {}
            _ => return Err(Errno::EINVAL),
        }
        if new.ss_size < MINSIGSTKSZ {
            return Err(Errno::ENOMEM);
        }
        Ok(Self { base: new.ss_sp, size: new.ss_size, autodisarm: new.autodisarm() })
    }

    /// What sigaltstack(2) tells a program whose stack pointer is `sp`.
    pub fn describe(self, sp: u64) -> SigAltStack {
        let mode = match self.size {
            0 => SS_DISABLE,
            _ if self.holds(sp) => SS_ONSTACK,
            _ => 0,
        };
        let autodisarm = if self.autodisarm { SS_AUTODISARM } else { 0 };
        SigAltStack { ss_sp: self.base, ss_flags: mode | autodisarm, pad0: 0, ss_size: self.size }
    }

    /// What a signal frame keeps for rt_sigreturn(2).
    pub fn saved(self) -> SigAltStack {
        let mode = if self.size == 0 { SS_DISABLE } else { 0 };
        let autodisarm = if self.autodisarm { SS_AUTODISARM } else { 0 };
        SigAltStack { ss_sp: self.base, ss_flags: mode | autodisarm, pad0: 0, ss_size: self.size }
    }

    /// Whether a program with this stack pointer runs on the stack. One that disarms itself is
    /// never in use.
    pub fn holds(self, sp: u64) -> bool {
        !self.autodisarm && self.spans(sp)
    }

    /// Whether `sp` points into the stack, which grows down.
    pub fn spans(self, sp: u64) -> bool {
        sp > self.base && sp - self.base <= self.size
    }

    /// Whether there is a stack to switch to.
    pub fn is_enabled(self) -> bool {
        self.size != 0
    }

    /// Where a handler's frame starts.
    pub fn top(self) -> u64 {
        self.base.wrapping_add(self.size)
    }

    /// The stack while a handler runs that was just started.
    pub fn after_delivery(self) -> Self {
        if self.autodisarm { Self::default() } else { self }
    }
}

/// Reading the flag of a request.
trait Autodisarm {
    fn autodisarm(&self) -> bool;
}

impl Autodisarm for SigAltStack {
    fn autodisarm(&self) -> bool {
        self.ss_flags & SS_AUTODISARM != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(flags: u32, size: u64) -> SigAltStack {
        SigAltStack { ss_sp: 0x10000, ss_flags: flags, pad0: 0, ss_size: size }
    }

    #[test]
    fn bad_requests_are_refused_in_linuxs_order() {
        let none = AltStack::default();
        assert_eq!(none.replaced_by(&request(4, 0), 0), Err(Errno::EINVAL));
        assert_eq!(none.replaced_by(&request(0, 2047), 0), Err(Errno::ENOMEM));
        let some = none.replaced_by(&request(0, 8192), 0).expect("valid");
        assert_eq!(some.replaced_by(&request(4, 0), 0x10008), Err(Errno::EPERM));
        assert_eq!(some.replaced_by(&request(SS_DISABLE, 0), 0), Ok(none));
    }

    #[test]
    fn in_use_means_the_stack_pointer_is_in_it() {
        let some = AltStack::default().replaced_by(&request(1, 8192), 0).expect("valid");
        assert_eq!(some.describe(0x10000).ss_flags, 0);
        assert_eq!(some.describe(0x10001).ss_flags, SS_ONSTACK);
        assert_eq!(some.describe(0x12000).ss_flags, SS_ONSTACK);
        assert_eq!(some.describe(0x12001).ss_flags, 0);
        assert_eq!(AltStack::default().describe(5).ss_flags, SS_DISABLE);
    }

    #[test]
    fn autodisarm_forgets_the_stack_while_it_is_used() {
        let some =
            AltStack::default().replaced_by(&request(SS_AUTODISARM, 8192), 0).expect("valid");
        assert!(!some.holds(0x11000));
        assert_eq!(some.describe(0x11000).ss_flags, SS_AUTODISARM);
        assert!(!some.after_delivery().is_enabled());
        assert_eq!(some.saved().ss_flags, SS_AUTODISARM);
    }
}
