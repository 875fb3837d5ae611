//! Someone who types at the guest's serial console and reads the screen.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::session::Sink;

/// How long the typist waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the console has shown so far.
#[derive(Clone, Debug, Default)]
pub struct Screen(Arc<(Mutex<Vec<u8>>, Condvar)>);

impl Screen {
    /// A sink that shows bytes on this screen.
    pub fn sink(&self) -> Sink {
        let screen = self.clone();
        Box::new(move |bytes| {
            let (shown, changed) = &*screen.0;
            shown.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            changed.notify_all();
            Ok(())
        })
    }

    /// All of it, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.0.lock().unwrap_or_else(PoisonError::into_inner))
            .into_owned()
    }

    /// Waits until `wanted` is shown after position `from`; returns where it ends.
    fn wait_for(&self, wanted: &str, from: usize) -> Option<usize> {
        let (shown, changed) = &*self.0;
        let find = |shown: &Vec<u8>| {
            let rest = shown.get(from..)?;
            let at = rest.windows(wanted.len()).position(|bytes| bytes == wanted.as_bytes())?;
            Some(from + at + wanted.len())
        };
        let guard = shown.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(guard, PATIENCE, |shown| find(shown).is_none());
        let (guard, _) = waited.unwrap_or_else(PoisonError::into_inner);
        find(&guard)
    }
}

/// The typist: types, and looks only at what came after the last find.
#[derive(Debug)]
pub struct Typist {
    keys: UnixStream,
    screen: Screen,
    read_up_to: usize,
}

/// Control keys by their names.
pub mod key {
    /// Ctrl-C: interrupt.
    pub const CTRL_C: &str = "\x03";
    /// Ctrl-D: end of file.
    pub const CTRL_D: &str = "\x04";
    /// Ctrl-U: erase the line.
    pub const CTRL_U: &str = "\x15";
    /// Ctrl-Z: stop.
    pub const CTRL_Z: &str = "\x1a";
    /// Ctrl-\: quit.
    pub const CTRL_BACKSLASH: &str = "\x1c";
    /// Backspace.
    pub const ERASE: &str = "\x7f";
    /// The Enter key.
    pub const ENTER: &str = "\r";
}

impl Typist {
    /// A typist at this keyboard and screen.
    pub fn new(keys: UnixStream, screen: Screen) -> Self {
        Self { keys, screen, read_up_to: 0 }
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) -> Result<()> {
        self.keys.write_all(keys.as_bytes()).context("the machine is gone")
    }

    /// Types a line and presses Enter.
    pub fn line(&mut self, text: &str) -> Result<()> {
        self.press(text)?;
        self.press(key::ENTER)
    }

    /// Waits until the text is on the screen.
    pub fn expect(&mut self, text: &str) -> Result<()> {
        match self.screen.wait_for(text, self.read_up_to) {
            Some(end) => {
                self.read_up_to = end;
                Ok(())
            }
            None => {
                let screen = self.screen.text();
                let unread = screen.get(self.read_up_to..).unwrap_or(&screen);
                bail!("{text:?} never came; on the screen since the last find: {unread:?}")
            }
        }
    }

    /// Waits for the shell's prompt.
    pub fn prompt(&mut self) -> Result<()> {
        self.expect("# ")
    }

    /// Types a line at the prompt, then waits for the next thing on the screen.
    pub fn ask(&mut self, line: &str, answer: &str) -> Result<()> {
        self.line(line)?;
        self.expect(answer)
    }
}
