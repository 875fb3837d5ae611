//! What happens when no frame is left for a page fault.
//!
//! `mm` does not know processes. The layer that does registers a chooser, which kills the process
//! that uses most and waits a little for its memory to come back.

use machine::sync::Once;

/// What the one who found no memory does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relief {
    /// Try again: somebody was killed, or is dying already.
    Retry,
    /// Give up: the caller itself is to die, or nobody can be killed.
    GiveUp,
}

static CHOOSER: Once<fn() -> Relief> = Once::new();

/// Registers who chooses a victim. It is called without locks and may sleep.
pub fn set_chooser(chooser: fn() -> Relief) {
    CHOOSER.call_once(|| chooser);
}

/// Asks for memory to be freed.
pub fn relieve() -> Relief {
    machine::sync::assert_may_sleep();
    CHOOSER.get().map_or(Relief::GiveUp, |chooser| chooser())
}
