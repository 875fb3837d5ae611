//! Bytes to the device: output processing (OPOST) and echo.

use super::*;

impl LineDiscipline {
    /// Takes bytes from a program and returns how many found room. Processing may make two bytes
    /// of one (ONLCR) or up to eight (XTABS).
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        let room = OUTPUT_ROOM.saturating_sub(self.output.len());
        if !self.oflag(OPOST) {
            let taken = &bytes[..bytes.len().min(room)];
            self.output.extend(taken);
            return taken.len();
        }
        let mut taken = 0;
        while taken < bytes.len() && OUTPUT_ROOM.saturating_sub(self.output.len()) >= 8 {
            self.process(bytes[taken]);
            taken += 1;
        }
        taken
    }

    /// Whether a writer would find room.
    pub fn has_output_room(&self) -> bool {
        self.output.len() + 8 <= OUTPUT_ROOM
    }

    /// How many bytes wait for the device: TIOCOUTQ.
    pub fn output_len(&self) -> usize {
        self.output.len()
    }

    /// The next stretch of output for the device; nothing while output is stopped.
    pub fn pending_output(&self) -> &[u8] {
        if self.stopped { &[] } else { self.output.as_slices().0 }
    }

    /// Drops `count` bytes that the device has taken.
    pub fn output_taken(&mut self, count: usize) {
        self.output.drain(..count.min(self.output.len()));
    }

    /// Moves output into `buffer`, as the device would; returns the bytes moved.
    pub fn take_output(&mut self, buffer: &mut [u8]) -> usize {
        let mut moved = 0;
        while moved < buffer.len() {
            let pending = self.pending_output();
            let count = pending.len().min(buffer.len() - moved);
            if count == 0 {
                break;
            }
            buffer[moved..moved + count].copy_from_slice(&pending[..count]);
            self.output_taken(count);
            moved += count;
        }
        moved
    }

    /// Sends a byte as it is, on behalf of nobody: a flow control character.
    pub fn put_raw(&mut self, byte: u8) {
        self.put_echo(byte);
    }

    /// OPOST for one byte.
    fn process(&mut self, byte: u8) {
        match byte {
            b'\n' => {
                if self.oflag(ONLRET) {
                    self.column = 0;
                }
                if self.oflag(ONLCR) {
                    self.column = 0;
                    self.output.push_back(b'\r');
                }
                self.canon_column = self.column;
                self.output.push_back(b'\n');
            }
            b'\r' => {
                if self.oflag(ONOCR) && self.column == 0 {
                    return;
                }
                if self.oflag(OCRNL) {
                    if self.oflag(ONLRET) {
                        self.column = 0;
                        self.canon_column = 0;
                    }
                    self.output.push_back(b'\n');
                } else {
                    self.column = 0;
                    self.canon_column = 0;
                    self.output.push_back(b'\r');
                }
            }
            b'\t' => {
                let spaces = 8 - self.column % 8;
                self.column += spaces;
                if self.termios.c_oflag & TABDLY == XTABS {
                    self.output.extend(core::iter::repeat_n(b' ', spaces));
                } else {
                    self.output.push_back(b'\t');
                }
            }
            b'\x08' => {
                self.column = self.column.saturating_sub(1);
                self.output.push_back(byte);
            }
            _ => {
                let upper = self.oflag(OLCUC) && !is_control(byte);
                let byte = if upper { byte.to_ascii_uppercase() } else { byte };
                if !is_control(byte) && !self.is_continuation(byte) {
                    self.column += 1;
                }
                self.output.push_back(byte);
            }
        }
    }

    /// Echoes a typed byte; with ECHOCTL a control byte shows as `^X`.
    pub(super) fn echo(&mut self, byte: u8) {
        if self.lflag(ECHOCTL) && is_control(byte) && byte != b'\t' {
            self.put_echo(b'^');
            self.put_echo(byte ^ 0o100);
            self.column += 2;
        } else {
            self.echo_raw(byte);
        }
    }

    /// Echoes a byte as a program's output would appear.
    pub(super) fn echo_raw(&mut self, byte: u8) {
        if self.output.len() + 8 > OUTPUT_ROOM + ECHO_ROOM {
            return;
        }
        if self.oflag(OPOST) {
            self.process(byte);
        } else {
            self.output.push_back(byte);
        }
    }

    /// Echoes a byte without any processing.
    pub(super) fn put_echo(&mut self, byte: u8) {
        if self.output.len() < OUTPUT_ROOM + ECHO_ROOM {
            self.output.push_back(byte);
        }
    }
}
