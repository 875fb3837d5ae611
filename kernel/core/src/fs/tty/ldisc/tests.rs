use super::*;
use crate::fs::tty::default_termios;
use proptest::prelude::*;

fn typed(line: &mut LineDiscipline, bytes: &[u8]) -> Event {
    let event = line.receive(bytes);
    assert_eq!(event.consumed, bytes.len());
    event
}

fn read(line: &mut LineDiscipline, room: usize) -> Vec<u8> {
    let mut buffer = vec![0; room];
    let (count, _) = line.read(&mut buffer);
    buffer.truncate(count);
    buffer
}

fn screen(line: &mut LineDiscipline) -> String {
    let mut buffer = [0; 20000];
    let count = line.take_output(&mut buffer);
    String::from_utf8_lossy(&buffer[..count]).into_owned()
}

fn with(change: impl FnOnce(&mut Termios)) -> LineDiscipline {
    let mut termios = default_termios();
    change(&mut termios);
    LineDiscipline::new(termios)
}

fn raw() -> LineDiscipline {
    with(|t| {
        t.c_lflag &= !(ICANON | ECHO | ISIG | IEXTEN);
        t.c_iflag = 0;
        t.c_oflag = 0;
    })
}

#[test]
fn a_line_is_readable_only_when_it_is_complete() {
    let mut line = with(|_| {});
    typed(&mut line, b"hel");
    assert!(!line.has_input());
    typed(&mut line, b"lo\rnext");
    assert!(line.has_input());
    assert_eq!(line.input_len(), 6);
    assert_eq!(read(&mut line, 100), b"hello\n");
    assert!(!line.has_input());
    assert_eq!(screen(&mut line), "hello\r\nnext");
}

#[test]
fn a_short_read_leaves_the_rest_of_the_line() {
    let mut line = with(|_| {});
    typed(&mut line, b"abcdef\n");
    assert_eq!(read(&mut line, 2), b"ab");
    assert_eq!(read(&mut line, 4), b"cdef");
    assert_eq!(read(&mut line, 4), b"\n");
}

#[test]
fn end_of_file_pushes_the_line_and_alone_reads_as_nothing() {
    let mut line = with(|_| {});
    typed(&mut line, b"ab\x04");
    assert_eq!(line.input_len(), 2);
    assert_eq!(read(&mut line, 10), b"ab");
    assert!(!line.has_input());
    typed(&mut line, b"\x04");
    assert!(line.has_input());
    let mut buffer = [0; 4];
    assert_eq!(line.read(&mut buffer), (0, true));
    // A buffer that the line fills exactly takes the mark along.
    typed(&mut line, b"abcd\x04x\n");
    assert_eq!(read(&mut line, 4), b"abcd");
    assert_eq!(read(&mut line, 4), b"x\n");
}

#[test]
fn erase_takes_back_what_it_echoed() {
    let mut line = with(|_| {});
    typed(&mut line, b"ab\x7f");
    assert_eq!(screen(&mut line), "ab\x08 \x08");
    // A control character took two columns.
    typed(&mut line, b"\x01\x7f");
    assert_eq!(screen(&mut line), "^A\x08 \x08\x08 \x08");
    typed(&mut line, b"\x7f\x7f\x7f");
    typed(&mut line, b"z\n");
    assert_eq!(read(&mut line, 10), b"z\n");
}

#[test]
fn erase_takes_back_a_whole_utf8_character() {
    let mut line = with(|t| t.c_iflag |= IUTF8);
    typed(&mut line, "aäé".as_bytes());
    screen(&mut line);
    typed(&mut line, b"\x7f");
    assert_eq!(screen(&mut line), "\x08 \x08");
    typed(&mut line, b"\n");
    assert_eq!(read(&mut line, 10), "aä\n".as_bytes());
}

#[test]
fn erasing_a_tab_goes_back_to_where_it_began() {
    let mut line = with(|_| {});
    line.write(b"$ ");
    typed(&mut line, b"ab\t");
    screen(&mut line);
    typed(&mut line, b"\x7f");
    assert_eq!(screen(&mut line), "\x08".repeat(4));
}

#[test]
fn word_and_line_erase() {
    let mut line = with(|_| {});
    typed(&mut line, b"one two  \x17");
    typed(&mut line, b"2\n");
    assert_eq!(read(&mut line, 20), b"one 2\n");
    typed(&mut line, b"one two\x15");
    typed(&mut line, b"3\n");
    assert_eq!(read(&mut line, 20), b"3\n");
    // Without ECHOKE the kill character shows, and ECHOK starts a new line.
    let mut line = with(|t| t.c_lflag &= !ECHOKE);
    typed(&mut line, b"x\x15");
    assert_eq!(screen(&mut line), "x^U\r\n");
}

#[test]
fn printing_erase_shows_what_goes() {
    let mut line = with(|t| t.c_lflag |= ECHOPRT);
    typed(&mut line, b"abc\x7f\x7fd");
    assert_eq!(screen(&mut line), "abc\\cb/d");
}

#[test]
fn literal_next_takes_away_a_meaning() {
    let mut line = with(|_| {});
    let event = typed(&mut line, b"a\x16\x03b\n");
    assert!(!event.interrupt);
    assert_eq!(read(&mut line, 10), b"a\x03b\n");
    assert_eq!(screen(&mut line), "a^\x08^Cb\r\n");
}

#[test]
fn reprint_shows_the_line_again() {
    let mut line = with(|_| {});
    typed(&mut line, b"abc\x12");
    assert_eq!(screen(&mut line), "abc^R\r\nabc");
}

#[test]
fn signals_flush_unless_told_not_to() {
    let mut line = with(|_| {});
    let event = typed(&mut line, b"half\x03");
    assert!(event.interrupt);
    assert_eq!(event.signals().collect::<Vec<_>>(), [Signal::SIGINT]);
    assert_eq!(screen(&mut line), "^C");
    typed(&mut line, b"x\n");
    assert_eq!(read(&mut line, 10), b"x\n");
    let mut line = with(|t| t.c_lflag |= NOFLSH);
    let event = typed(&mut line, b"half\x1a\x1c\n");
    assert!(event.suspend && event.quit);
    assert_eq!(read(&mut line, 10), b"half\n");
}

#[test]
fn flow_control_holds_output_back() {
    let mut line = with(|_| {});
    typed(&mut line, b"\x13");
    line.write(b"hello");
    assert_eq!(screen(&mut line), "");
    assert_eq!(line.output_len(), 5);
    let event = typed(&mut line, b"\x11");
    assert!(event.restarted);
    assert_eq!(screen(&mut line), "hello");
    // Clearing IXON must not leave the terminal stuck.
    typed(&mut line, b"\x13");
    let mut termios = *line.termios();
    termios.c_iflag &= !IXON;
    assert!(line.set_termios(termios));
    assert!(!line.is_stopped());
}

#[test]
fn any_key_restarts_with_ixany() {
    let mut line = with(|t| t.c_iflag |= IXANY);
    typed(&mut line, b"\x13");
    assert!(typed(&mut line, b"a").restarted);
    line.stop_by_ioctl();
    assert!(!typed(&mut line, b"a\x11").restarted);
    assert!(line.start_by_ioctl());
}

#[test]
fn output_processing() {
    let mut line = with(|_| {});
    line.write(b"a\nb\tc\n");
    assert_eq!(screen(&mut line), "a\r\nb\tc\r\n");
    let mut line = with(|t| t.c_oflag |= XTABS);
    line.write(b"ab\tc");
    assert_eq!(screen(&mut line), "ab      c");
    let mut line = with(|t| t.c_oflag = OPOST | OCRNL | ONOCR | OLCUC);
    line.write(b"\rab\r");
    assert_eq!(screen(&mut line), "AB\n");
    let mut line = with(|t| t.c_oflag = 0);
    line.write(b"a\n");
    assert_eq!(screen(&mut line), "a\n");
}

#[test]
fn input_mappings() {
    let mut line = with(|t| t.c_iflag = IGNCR);
    typed(&mut line, b"a\rb\n");
    assert_eq!(read(&mut line, 10), b"ab\n");
    let mut line = raw();
    let mut termios = *line.termios();
    termios.c_iflag = INLCR | ISTRIP;
    line.set_termios(termios);
    typed(&mut line, b"a\n\xe1");
    assert_eq!(read(&mut line, 10), b"a\ra");
}

#[test]
fn vmin_and_vtime_choose_how_to_wait() {
    let mode = |min, time| {
        let mut line = raw();
        let mut termios = *line.termios();
        termios.c_cc[VMIN] = min;
        termios.c_cc[VTIME] = time;
        line.set_termios(termios);
        line.read_mode()
    };
    assert_eq!(mode(0, 0), ReadMode::Timed { within: 0 });
    assert_eq!(mode(0, 5), ReadMode::Timed { within: 500_000_000 });
    assert_eq!(mode(3, 0), ReadMode::Minimum { minimum: 3, between: None });
    assert_eq!(mode(3, 1), ReadMode::Minimum { minimum: 3, between: Some(100_000_000) });
    assert_eq!(with(|_| {}).read_mode(), ReadMode::Canonical);
}

#[test]
fn changing_the_mode_keeps_what_was_typed() {
    let mut line = with(|_| {});
    typed(&mut line, b"abc");
    line.set_termios(*raw().termios());
    assert_eq!(read(&mut line, 2), b"ab");
    line.set_termios(default_termios());
    assert!(line.has_input());
    assert_eq!(read(&mut line, 10), b"c");
    assert!(!line.has_input());
}

#[test]
fn an_endless_line_keeps_room_for_its_end() {
    let mut line = with(|t| t.c_lflag &= !ECHO);
    typed(&mut line, &[b'a'; SIZE + 100]);
    assert!(!line.has_input());
    typed(&mut line, b"\n");
    let got = read(&mut line, 2 * SIZE);
    assert_eq!(got.len(), SIZE - 1);
    assert_eq!(got.last(), Some(&b'\n'));
    // In raw mode the rest stays with the device.
    let mut line = raw();
    assert_eq!(line.receive(&[b'a'; SIZE + 100]).consumed, SIZE - 1);
}

#[test]
fn a_full_output_makes_writers_wait_but_not_echo() {
    let mut line = with(|_| {});
    let big = vec![b'x'; 3 * OUTPUT_ROOM];
    let taken = line.write(&big);
    assert!(taken < big.len() && !line.has_output_room());
    typed(&mut line, b"e");
    assert!(screen(&mut line).ends_with('e'));
    assert!(line.has_output_room());
}

#[test]
fn packet_status_gathers() {
    let mut line = with(|_| {});
    typed(&mut line, b"\x13");
    assert_eq!(line.take_packet_status(), packet::STOP);
    typed(&mut line, b"\x11");
    line.flush_input();
    assert_eq!(line.take_packet_status(), packet::START | packet::FLUSHREAD);
    assert!(!line.has_packet_status());
}

proptest! {
    /// Whatever is typed under whatever modes: no panic, no byte too many, and plain text passes.
    #[test]
    fn any_input_under_any_modes_is_safe(
        iflag in any::<u32>(), oflag in any::<u32>(), lflag in any::<u32>(),
        cc in any::<[u8; 19]>(),
        steps in prop::collection::vec((0u8..4, prop::collection::vec(any::<u8>(), 0..300)), 0..40),
    ) {
        let mut termios = default_termios();
        let mut line = LineDiscipline::new(termios);
        let (mut typed, mut got) = (0, 0);
        for (what, bytes) in steps {
            match what {
                0 => typed += line.receive(&bytes).consumed,
                1 => got += read(&mut line, bytes.len()).len(),
                2 => { line.write(&bytes); let _ = screen(&mut line); }
                _ => {
                    termios.c_iflag ^= iflag.rotate_left(bytes.len() as u32);
                    termios.c_oflag ^= oflag;
                    termios.c_lflag ^= lflag.rotate_left(bytes.len() as u32);
                    termios.c_cc = cc;
                    line.set_termios(termios);
                }
            }
            prop_assert!(line.tail <= line.canon_head && line.canon_head <= line.head);
            prop_assert!(line.head - line.tail <= SIZE);
        }
        prop_assert!(got <= 2 * typed);
    }

    #[test]
    fn raw_input_comes_out_as_it_went_in(bytes in prop::collection::vec(any::<u8>(), 0..SIZE - 1)) {
        let mut line = raw();
        typed(&mut line, &bytes);
        prop_assert_eq!(read(&mut line, SIZE), bytes);
    }
}
