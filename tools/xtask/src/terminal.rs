//! The user's terminal: raw while the guest has it, and as it was afterwards.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};

use anyhow::{Context, Result};
use rustix::termios::{self, OptionalActions, Termios};

/// Raw mode, taken back when this is dropped: on return, on error and on panic
/// alike. Deadly signals arrive as events (see `session`), so they lead here too.
pub struct RawMode {
    terminal: OwnedFd,
    before: Termios,
}

impl RawMode {
    /// Makes the terminal on stdin raw.
    pub fn enter() -> Result<Self> {
        let terminal = io::stdin().as_fd().try_clone_to_owned()?;
        let before = termios::tcgetattr(&terminal).context("stdin is not a terminal")?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(&terminal, OptionalActions::Drain, &raw)
            .context("cannot set the terminal")?;
        Ok(Self { terminal, before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // Nothing sensible can be done about a terminal that has gone away.
        let _ = termios::tcsetattr(&self.terminal, OptionalActions::Drain, &self.before);
    }
}

/// Rows and columns, if one of our descriptors is a terminal that knows them.
pub fn window_size() -> Option<(u16, u16)> {
    let size = termios::tcgetwinsize(io::stdin())
        .or_else(|_| termios::tcgetwinsize(io::stdout()))
        .or_else(|_| termios::tcgetwinsize(io::stderr()))
        .ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}

/// For each of stdin, stdout and stderr whether it is a terminal.
pub fn terminals() -> [bool; 3] {
    [io::stdin().is_terminal(), io::stdout().is_terminal(), io::stderr().is_terminal()]
}

/// What a key sequence typed at the terminal asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// Bytes for the guest.
    Bytes(Vec<u8>),
    /// Ctrl-A x: end the machine.
    Quit,
}

/// Watches for Ctrl-A, the way out of a guest that takes every other key.
#[derive(Debug, Default)]
pub struct EscapeKeys {
    pending: bool,
}

const CTRL_A: u8 = 0x01;

impl EscapeKeys {
    /// Sorts what was typed. Ctrl-A Ctrl-A is one Ctrl-A for the guest.
    pub fn sort(&mut self, typed: &[u8]) -> Typed {
        let mut bytes = Vec::with_capacity(typed.len());
        for &key in typed {
            match (std::mem::take(&mut self.pending), key) {
                (false, CTRL_A) => self.pending = true,
                (true, b'x' | b'X') => return Typed::Quit,
                (true, CTRL_A | b'a') => bytes.push(CTRL_A),
                (true, other) => bytes.extend([CTRL_A, other]),
                (false, other) => bytes.push(other),
            }
        }
        Typed::Bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{EscapeKeys, Typed};

    #[test]
    fn ctrl_a_x_quits_even_across_reads() {
        let mut keys = EscapeKeys::default();
        assert_eq!(keys.sort(b"ls\x01"), Typed::Bytes(b"ls".to_vec()));
        assert_eq!(keys.sort(b"x"), Typed::Quit);
    }

    #[test]
    fn ctrl_a_can_still_be_typed() {
        let mut keys = EscapeKeys::default();
        assert_eq!(keys.sort(b"\x01\x01b"), Typed::Bytes(b"\x01b".to_vec()));
        assert_eq!(keys.sort(b"\x01k"), Typed::Bytes(b"\x01k".to_vec()));
    }
}
