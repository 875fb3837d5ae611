//! Bytes from the device: editing, signals, flow control, echo.

use super::*;

impl LineDiscipline {
    /// Takes bytes from the device, as far as there is room for them.
    ///
    /// In canonical mode a line that fills the whole buffer keeps its first `SIZE - 1` bytes, so
    /// that its end can always be typed; everything else beyond the room is left to the caller.
    pub fn receive(&mut self, bytes: &[u8]) -> Event {
        let mut event = Event::default();
        for &byte in bytes {
            if self.input_room() == 0 {
                if !self.canonical() || self.canon_head != self.tail {
                    break;
                }
                // One endless line: its last byte gives way to this one.
                self.head -= 1;
            }
            event.consumed += 1;
            self.receive_byte(byte, &mut event);
        }
        event
    }

    /// How many bytes fit before the readers have to take some.
    pub fn input_room(&self) -> usize {
        // PARMRK may store three bytes for one.
        let room = SIZE - (self.head - self.tail);
        let room = if self.iflag(PARMRK) { room.div_ceil(3) } else { room };
        room.saturating_sub(1)
    }

    fn receive_byte(&mut self, byte: u8, event: &mut Event) {
        if core::mem::take(&mut self.literal_next) {
            return self.receive_plain(self.stripped(byte));
        }
        let byte = self.stripped(byte);
        if self.lflag(EXTPROC) {
            self.store(byte);
        } else if self.is_special(byte) {
            self.receive_special(byte, event);
        } else {
            self.restart_by_any(event);
            self.receive_plain(byte);
        }
    }

    fn stripped(&self, byte: u8) -> u8 {
        let byte = if self.iflag(ISTRIP) { byte & 0x7f } else { byte };
        if self.iflag(IUCLC) && self.lflag(IEXTEN) { byte.to_ascii_lowercase() } else { byte }
    }

    /// IXANY: any byte restarts output that ^S stopped.
    fn restart_by_any(&mut self, event: &mut Event) {
        if self.stopped && !self.stopped_by_ioctl && self.iflag(IXON) && self.iflag(IXANY) {
            event.restarted |= self.start();
        }
    }

    fn receive_plain(&mut self, byte: u8) {
        if self.lflag(ECHO) {
            self.finish_erasing();
            self.note_line_start();
            self.echo(byte);
        }
        if self.iflag(PARMRK) && byte == 0xff {
            self.store(byte);
        }
        self.store(byte);
    }

    fn receive_special(&mut self, mut byte: u8, event: &mut Event) {
        if self.iflag(IXON) {
            if self.is_cc(byte, VSTART) {
                event.restarted |= !self.stopped_by_ioctl && self.start();
                return;
            }
            if self.is_cc(byte, VSTOP) {
                self.stop();
                return;
            }
        }
        if self.lflag(ISIG) && self.receive_signal(byte, event) {
            return;
        }
        self.restart_by_any(event);
        if byte == b'\r' {
            if self.iflag(IGNCR) {
                return;
            }
            if self.iflag(ICRNL) {
                byte = b'\n';
            }
        } else if byte == b'\n' && self.iflag(INLCR) {
            byte = b'\r';
        }
        if self.canonical() && self.receive_editing(byte) {
            return;
        }
        if self.lflag(ECHO) {
            self.finish_erasing();
            if byte == b'\n' {
                self.echo_raw(b'\n');
            } else {
                self.note_line_start();
                self.echo(byte);
            }
        }
        if self.iflag(PARMRK) && byte == 0xff {
            self.store(byte);
        }
        self.store(byte);
    }

    /// VINTR, VQUIT, VSUSP. Unless NOFLSH says otherwise, what was typed and what was not yet
    /// printed is thrown away with the job.
    fn receive_signal(&mut self, byte: u8, event: &mut Event) -> bool {
        if self.is_cc(byte, VINTR) {
            event.interrupt = true;
        } else if self.is_cc(byte, VQUIT) {
            event.quit = true;
        } else if self.is_cc(byte, VSUSP) {
            event.suspend = true;
        } else {
            return false;
        }
        if !self.lflag(NOFLSH) {
            self.flush_output();
            self.flush_input();
        }
        if self.iflag(IXON) && !self.stopped_by_ioctl {
            event.restarted |= self.start();
        }
        if self.lflag(ECHO) {
            self.echo(byte);
        }
        true
    }

    /// The characters that mean something in canonical mode only.
    fn receive_editing(&mut self, byte: u8) -> bool {
        let extended = self.lflag(IEXTEN);
        let echo = self.lflag(ECHO);
        if self.is_cc(byte, VERASE)
            || self.is_cc(byte, VKILL)
            || (extended && self.is_cc(byte, VWERASE))
        {
            self.erase(byte);
        } else if extended && self.is_cc(byte, VLNEXT) {
            self.literal_next = true;
            if echo {
                self.finish_erasing();
                if self.lflag(ECHOCTL) {
                    self.echo_raw(b'^');
                    self.echo_raw(b'\x08');
                }
            }
        } else if extended && echo && self.is_cc(byte, VREPRINT) {
            self.finish_erasing();
            self.echo(byte);
            self.echo_raw(b'\n');
            for position in self.canon_head..self.head {
                self.echo(self.at(position));
            }
        } else if byte == b'\n' {
            if echo || self.lflag(ECHONL) {
                self.echo_raw(b'\n');
            }
            self.end_line(b'\n');
        } else if self.is_cc(byte, VEOF) {
            self.end_line(DISABLED);
        } else if self.is_cc(byte, VEOL) || (extended && self.is_cc(byte, VEOL2)) {
            if echo {
                self.note_line_start();
                self.echo(byte);
            }
            if self.iflag(PARMRK) && byte == 0xff {
                self.store(byte);
            }
            self.end_line(byte);
        } else {
            return false;
        }
        true
    }

    /// Remembers where on the screen the line being typed begins.
    fn note_line_start(&mut self) {
        if self.canon_head == self.head {
            self.canon_column = self.column;
        }
    }

    fn store(&mut self, byte: u8) {
        if self.head - self.tail < SIZE {
            self.buffer[self.head % SIZE] = byte;
            self.clear_mark(self.head);
            self.head += 1;
        }
    }

    fn end_line(&mut self, end: u8) {
        let position = self.head;
        self.store(end);
        if self.head != position {
            self.set_mark(position);
        }
        self.canon_head = self.head;
    }
}
