//! Taking back what was typed: VERASE, VWERASE and VKILL, and how each looks on the screen.

use super::*;

/// How much one editing character takes away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Character,
    Word,
    Line,
}

impl LineDiscipline {
    /// Erases as the control character `byte` says; never beyond the line being typed.
    pub(super) fn erase(&mut self, byte: u8) {
        if self.head == self.canon_head {
            return;
        }
        let extent = if self.is_cc(byte, VERASE) {
            Extent::Character
        } else if self.is_cc(byte, VWERASE) {
            Extent::Word
        } else {
            Extent::Line
        };
        if extent == Extent::Line && !self.visible_kill() {
            self.head = self.canon_head;
            if self.lflag(ECHO) {
                self.finish_erasing();
                self.echo(self.cc(VKILL));
                // ECHOK: the killed line ends with a new line instead of being rubbed out.
                if self.lflag(ECHOK) {
                    self.echo_raw(b'\n');
                }
            }
            return;
        }
        let mut in_word = false;
        while self.head != self.canon_head {
            let Some(start) = self.last_character() else {
                break;
            };
            let first = self.at(start);
            if extent == Extent::Word {
                if first.is_ascii_alphanumeric() || first == b'_' || first >= 0x80 {
                    in_word = true;
                } else if in_word {
                    break;
                }
            }
            let end = core::mem::replace(&mut self.head, start);
            if self.lflag(ECHO) {
                self.show_erased(start, end, extent);
            }
            if extent == Extent::Character {
                break;
            }
        }
        if self.head == self.canon_head && self.lflag(ECHO) {
            self.finish_erasing();
        }
    }

    /// Whether VKILL rubs the line out on the screen, character by character.
    fn visible_kill(&self) -> bool {
        self.lflag(ECHO) && self.lflag(ECHOK) && self.lflag(ECHOKE) && self.lflag(ECHOE)
    }

    /// Where the last character of the line begins; with IUTF8 it may have several bytes. `None`
    /// when the line holds only the rest of one.
    fn last_character(&self) -> Option<usize> {
        let mut start = self.head;
        loop {
            start -= 1;
            if !self.is_continuation(self.at(start)) {
                return Some(start);
            }
            if start == self.canon_head {
                return None;
            }
        }
    }

    /// Shows that the character stored in `start..end` is gone.
    fn show_erased(&mut self, start: usize, end: usize, extent: Extent) {
        let byte = self.at(start);
        if self.lflag(ECHOPRT) {
            if !self.erasing {
                self.echo_raw(b'\\');
                self.erasing = true;
            }
            self.echo(byte);
            for position in start + 1..end {
                self.echo_raw(self.at(position));
            }
        } else if extent == Extent::Character && !self.lflag(ECHOE) {
            self.echo(self.cc(VERASE));
        } else if byte == b'\t' {
            self.show_erased_tab();
        } else {
            let control = is_control(byte);
            if control && self.lflag(ECHOCTL) {
                self.rub_out();
            }
            if !control || self.lflag(ECHOCTL) {
                self.rub_out();
            }
        }
    }

    fn rub_out(&mut self) {
        for byte in *b"\x08 \x08" {
            self.echo_raw(byte);
        }
    }

    /// A tab took one to eight columns: go back to where it began, which follows from what stands
    /// before it, back to the last tab or the start of the line.
    fn show_erased_tab(&mut self) {
        let mut width = 0;
        let mut after_tab = false;
        for position in (self.canon_head..self.head).rev() {
            let byte = self.at(position);
            if byte == b'\t' {
                after_tab = true;
                break;
            } else if is_control(byte) {
                width += if self.lflag(ECHOCTL) { 2 } else { 0 };
            } else if !self.is_continuation(byte) {
                width += 1;
            }
        }
        if !after_tab {
            width += self.canon_column;
        }
        for _ in 0..8 - width % 8 {
            self.put_echo(b'\x08');
            self.column = self.column.saturating_sub(1);
        }
    }

    /// Closes an ECHOPRT sequence.
    pub(super) fn finish_erasing(&mut self) {
        if core::mem::take(&mut self.erasing) {
            self.echo_raw(b'/');
        }
    }

    /// Whether `byte` continues a UTF-8 character.
    pub(super) fn is_continuation(&self, byte: u8) -> bool {
        self.iflag(IUTF8) && byte & 0xc0 == 0x80
    }
}
