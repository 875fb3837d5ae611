//! Signals and sets of signals (signal(7)).

/// A signal number, 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(u8);

macro_rules! signals {
    ($($name:ident = $number:literal,)*) => {
        impl Signal {
            $(
                #[doc = concat!("Signal ", stringify!($number), ".")]
                pub const $name: Self = Self($number);
            )*

            /// `SIG...` for the standard signals, `None` for the real-time ones.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

signals! {
    SIGHUP = 1,
    SIGINT = 2,
    SIGQUIT = 3,
    SIGILL = 4,
    SIGTRAP = 5,
    SIGABRT = 6,
    SIGBUS = 7,
    SIGFPE = 8,
    SIGKILL = 9,
    SIGUSR1 = 10,
    SIGSEGV = 11,
    SIGUSR2 = 12,
    SIGPIPE = 13,
    SIGALRM = 14,
    SIGTERM = 15,
    SIGSTKFLT = 16,
    SIGCHLD = 17,
    SIGCONT = 18,
    SIGSTOP = 19,
    SIGTSTP = 20,
    SIGTTIN = 21,
    SIGTTOU = 22,
    SIGURG = 23,
    SIGXCPU = 24,
    SIGXFSZ = 25,
    SIGVTALRM = 26,
    SIGPROF = 27,
    SIGWINCH = 28,
    SIGIO = 29,
    SIGPWR = 30,
    SIGSYS = 31,
}

impl Signal {
    /// The first real-time signal as the kernel counts them; libc keeps some for itself.
    pub const SIGRTMIN: Self = Self(32);
    /// The last real-time signal.
    pub const SIGRTMAX: Self = Self(64);
    /// How many signals there are (`_NSIG`).
    pub const COUNT: usize = 64;

    /// The signal with this number; `None` for 0 and for what is over 64.
    pub const fn new(number: u32) -> Option<Self> {
        if number >= 1 && number <= Self::COUNT as u32 { Some(Self(number as u8)) } else { None }
    }

    /// The number, 1 to 64.
    pub const fn number(self) -> u32 {
        self.0 as u32
    }

    /// The place in a table of all signals, 0 to 63.
    pub const fn index(self) -> usize {
        self.0 as usize - 1
    }

    /// Whether instances of it queue (signal(7), "Real-time signals").
    pub const fn is_realtime(self) -> bool {
        self.0 >= Self::SIGRTMIN.0
    }

    /// Whether it comes from an instruction of the thread itself and is delivered before others.
    pub const fn is_synchronous(self) -> bool {
        SigSet::SYNCHRONOUS.contains(self)
    }

    /// Every signal, lowest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=Self::COUNT as u8).map(Self)
    }
}

impl core::fmt::Debug for Signal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

impl core::fmt::Display for Signal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "SIGRT{}", self.0),
        }
    }
}

/// A set of signals, laid out as the kernel's `sigset_t`: bit n is signal n + 1.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    zerocopy::FromBytes,
    zerocopy::IntoBytes,
    zerocopy::Immutable,
    zerocopy::KnownLayout,
)]
#[repr(transparent)]
pub struct SigSet(pub u64);

impl SigSet {
    /// No signal.
    pub const EMPTY: Self = Self(0);
    /// All 64.
    pub const FULL: Self = Self(u64::MAX);
    /// The two that cannot be caught, blocked or ignored.
    pub const UNBLOCKABLE: Self = Self::of(&[Signal::SIGKILL, Signal::SIGSTOP]);
    /// Those whose default action stops the process.
    pub const STOP: Self =
        Self::of(&[Signal::SIGSTOP, Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU]);
    /// Those that an instruction raises.
    pub const SYNCHRONOUS: Self = Self::of(&[
        Signal::SIGSEGV,
        Signal::SIGBUS,
        Signal::SIGILL,
        Signal::SIGTRAP,
        Signal::SIGFPE,
        Signal::SIGSYS,
    ]);

    /// The set of these signals.
    pub const fn of(signals: &[Signal]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < signals.len() {
            bits |= 1 << signals[i].index();
            i += 1;
        }
        Self(bits)
    }

    /// Whether `signal` is in the set.
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & (1 << signal.index()) != 0
    }

    /// Whether no signal is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many signals are in the set.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Adds `signal`.
    pub const fn insert(&mut self, signal: Signal) {
        self.0 |= 1 << signal.index();
    }

    /// Takes `signal` out.
    pub const fn remove(&mut self, signal: Signal) {
        self.0 &= !(1 << signal.index());
    }

    /// The set with `signal` too.
    #[must_use]
    pub const fn with(self, signal: Signal) -> Self {
        Self(self.0 | 1 << signal.index())
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is here and not in `other`.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What is not in the set.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(!self.0)
    }

    /// The lowest signal in the set.
    pub const fn first(self) -> Option<Signal> {
        if self.0 == 0 { None } else { Some(Signal(self.0.trailing_zeros() as u8 + 1)) }
    }

    /// The signals in the set, lowest first.
    pub fn iter(self) -> impl Iterator<Item = Signal> {
        let mut rest = self;
        core::iter::from_fn(move || {
            let signal = rest.first()?;
            rest.remove(signal);
            Some(signal)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_1_to_64_are_no_signals() {
        assert!(Signal::new(0).is_none());
        assert!(Signal::new(65).is_none());
        assert_eq!(Signal::new(64), Some(Signal::SIGRTMAX));
        assert_eq!(Signal::new(9), Some(Signal::SIGKILL));
    }

    #[test]
    fn sets_hold_what_is_put_in() {
        let mut set = SigSet::EMPTY;
        set.insert(Signal::SIGHUP);
        set.insert(Signal::SIGRTMAX);
        assert_eq!(set.0, 1 | 1 << 63);
        assert!(set.iter().eq([Signal::SIGHUP, Signal::SIGRTMAX]));
        set.remove(Signal::SIGHUP);
        assert_eq!(set.first(), Some(Signal::SIGRTMAX));
        assert_eq!(set.len(), 1);
    }
}
