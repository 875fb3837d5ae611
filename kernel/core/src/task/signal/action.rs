//! What a process does about each signal (sigaction(2), signal(7)).

use abi::{KernelSigaction, SaFlags, SigSet, Signal};
use machine::addr::UserAddr;
use machine::sync::SpinLock;

use super::action_table::ActionTable;
use crate::locks;

/// What to do about one signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    /// `SIG_DFL`.
    Default,
    /// `SIG_IGN`.
    Ignore,
    /// A function of the program. Any address: a bad one faults when it is called.
    Call(UserAddr),
}

impl Handler {
    /// `sa_handler` as a handler.
    pub fn from_user(address: u64) -> Self {
        match address {
            abi::sigaction::SIG_DFL => Self::Default,
            abi::sigaction::SIG_IGN => Self::Ignore,
            _ => Self::Call(UserAddr::new(address)),
        }
    }

    /// The handler as `sa_handler`.
    pub fn to_user(self) -> u64 {
        match self {
            Self::Default => abi::sigaction::SIG_DFL,
            Self::Ignore => abi::sigaction::SIG_IGN,
            Self::Call(address) => address.as_u64(),
        }
    }
}

/// The action for one signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// What to do.
    pub handler: Handler,
    /// How.
    pub flags: SaFlags,
    /// Where the handler returns to.
    pub restorer: UserAddr,
    /// What is blocked while it runs, besides the signal itself.
    pub mask: SigSet,
}

impl Action {
    /// A user's `struct sigaction` as an action.
    pub fn from_user(user: &KernelSigaction) -> Self {
        Self {
            handler: Handler::from_user(user.sa_handler),
            flags: SaFlags::from_bits_truncate(user.sa_flags),
            restorer: UserAddr::new(user.sa_restorer),
            mask: user.sa_mask.difference(SigSet::UNBLOCKABLE),
        }
    }

    /// The action as a user's `struct sigaction`.
    pub fn to_user(&self) -> KernelSigaction {
        KernelSigaction {
            sa_handler: self.handler.to_user(),
            sa_flags: self.flags.bits(),
            sa_restorer: self.restorer.as_u64(),
            sa_mask: self.mask,
        }
    }

    /// What every signal starts with.
    pub const DEFAULT: Self = Self {
        handler: Handler::Default,
        flags: SaFlags::empty(),
        restorer: UserAddr::new(0),
        mask: SigSet::EMPTY,
    };

    /// Whether this action, for `signal`, is to do nothing at all.
    pub fn ignores(&self, signal: Signal) -> bool {
        match self.handler {
            Handler::Ignore => true,
            Handler::Default => default_of(signal) == DefaultAction::Ignore,
            Handler::Call(_) => false,
        }
    }
}

/// What a signal does when the program did not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultAction {
    /// The process ends; `core` says whether a core file may be written.
    Terminate {
        /// The signals of "Core" in signal(7).
        core: bool,
    },
    /// Nothing.
    Ignore,
    /// The process stops.
    Stop,
}

/// The default action of `signal` (signal(7), "Standard signals"). SIGCONT continues the process
/// when it is sent; taken, it does nothing.
pub fn default_of(signal: Signal) -> DefaultAction {
    const CORE: SigSet = SigSet::of(&[
        Signal::SIGQUIT,
        Signal::SIGILL,
        Signal::SIGTRAP,
        Signal::SIGABRT,
        Signal::SIGFPE,
        Signal::SIGSEGV,
        Signal::SIGBUS,
        Signal::SIGSYS,
        Signal::SIGXCPU,
        Signal::SIGXFSZ,
    ]);
    const IGNORE: SigSet =
        SigSet::of(&[Signal::SIGCONT, Signal::SIGCHLD, Signal::SIGWINCH, Signal::SIGURG]);
    if SigSet::STOP.contains(signal) {
        DefaultAction::Stop
    } else if IGNORE.contains(signal) {
        DefaultAction::Ignore
    } else {
        DefaultAction::Terminate { core: CORE.contains(signal) }
    }
}

/// The actions of a process. Shared between processes by CLONE_SIGHAND.
pub struct SignalActions(SpinLock<ActionTable>);

impl SignalActions {
    /// Everything at its default.
    pub fn new() -> Self {
        Self::with(ActionTable::default())
    }

    fn with(actions: ActionTable) -> Self {
        Self(SpinLock::new(locks::SIGNAL_ACTIONS, actions))
    }

    /// A copy that changes on its own from now on: fork without CLONE_SIGHAND.
    pub fn duplicate(&self) -> Self {
        let copy = self.0.lock().clone();
        Self::with(copy)
    }

    /// A copy for CLONE_CLEAR_SIGHAND and exec: what has a handler is back at its default, what is
    /// ignored stays ignored.
    pub fn without_handlers(&self) -> Self {
        let (ignored, _) = self.ignored_and_caught();
        let mut actions = ActionTable::default();
        for signal in ignored.iter() {
            let action = Action { handler: Handler::Ignore, ..Action::DEFAULT };
            actions.replace(signal, action);
        }
        Self::with(actions)
    }

    /// The action for `signal`.
    pub fn get(&self, signal: Signal) -> Action {
        self.0.lock().get(signal)
    }

    /// Replaces the action for `signal` and returns the old one.
    pub fn replace(&self, signal: Signal, action: Action) -> Action {
        self.0.lock().replace(signal, action)
    }

    /// The action for `signal`, put back to the default when SA_RESETHAND says so.
    pub(super) fn get_for_delivery(&self, signal: Signal) -> Action {
        let mut actions = self.0.lock();
        let action = actions.get(signal);
        if matches!(action.handler, Handler::Call(_))
            && action.flags.contains(SaFlags::SA_RESETHAND)
        {
            let handler = Handler::Default;
            actions.replace(signal, Action { handler, ..action });
        }
        action
    }

    /// Makes sure that `signal` takes its default action.
    pub(super) fn reset(&self, signal: Signal) {
        let mut actions = self.0.lock();
        let handler = Handler::Default;
        let action = Action { handler, ..actions.get(signal) };
        actions.replace(signal, action);
    }

    /// The sets of ignored and of caught signals, as /proc/PID/status shows them.
    pub fn ignored_and_caught(&self) -> (SigSet, SigSet) {
        let actions = self.0.lock();
        let (mut ignored, mut caught) = (SigSet::EMPTY, SigSet::EMPTY);
        for signal in Signal::all() {
            match actions.get(signal).handler {
                Handler::Default => {}
                Handler::Ignore => ignored.insert(signal),
                Handler::Call(_) => caught.insert(signal),
            }
        }
        (ignored, caught)
    }
}

impl Default for SignalActions {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(address: u64, flags: SaFlags) -> Action {
        Action { handler: Handler::Call(UserAddr::new(address)), flags, ..Action::DEFAULT }
    }

    #[test]
    fn exec_keeps_ignored_signals_and_drops_handlers() {
        let actions = SignalActions::new();
        actions.replace(Signal::SIGINT, call(0x1000, SaFlags::SA_RESTART));
        let ignore = Action { handler: Handler::Ignore, ..Action::DEFAULT };
        actions.replace(Signal::SIGHUP, ignore);
        let after = actions.without_handlers();
        assert_eq!(after.get(Signal::SIGINT), Action::DEFAULT);
        assert_eq!(after.get(Signal::SIGHUP).handler, Handler::Ignore);
        assert_eq!(actions.ignored_and_caught().1, SigSet::of(&[Signal::SIGINT]));
    }

    #[test]
    fn resethand_resets_when_the_handler_starts() {
        let actions = SignalActions::new();
        actions.replace(Signal::SIGINT, call(0x1000, SaFlags::SA_RESETHAND));
        let taken = actions.get_for_delivery(Signal::SIGINT);
        assert_eq!(taken.handler, Handler::Call(UserAddr::new(0x1000)));
        assert_eq!(actions.get(Signal::SIGINT).handler, Handler::Default);
    }

    #[test]
    fn defaults_are_those_of_the_manual() {
        assert_eq!(default_of(Signal::SIGTERM), DefaultAction::Terminate { core: false });
        assert_eq!(default_of(Signal::SIGSEGV), DefaultAction::Terminate { core: true });
        assert_eq!(default_of(Signal::SIGTTOU), DefaultAction::Stop);
        assert_eq!(default_of(Signal::SIGRTMAX), DefaultAction::Terminate { core: false });
        let ignored = Signal::all().filter(|&s| default_of(s) == DefaultAction::Ignore).count();
        assert_eq!(ignored, 4);
        assert!(Action::DEFAULT.ignores(Signal::SIGCHLD));
        assert!(!Action::DEFAULT.ignores(Signal::SIGUSR1));
    }
}
