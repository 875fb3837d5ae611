//! The stream that the runner in the guest writes: which test runs now, what
//! it prints, how it ended. The form is described in musl-tests/runner.c.

use crate::tap::{self, End, Verdict};

/// Reads the stream line by line, as it comes.
#[derive(Debug, Default)]
pub struct Stream {
    partial: Vec<u8>,
    running: Option<Running>,
    finished: Vec<(String, Verdict)>,
    /// What the last test said, in case the machine dies after it.
    stray: String,
}

#[derive(Debug)]
struct Running {
    name: String,
    output: String,
    timed_out: bool,
}

impl Stream {
    /// Takes bytes of the stream.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            self.line(String::from_utf8_lossy(&line).trim_end());
        }
    }

    /// The tests that have ended since the last call, in order.
    pub fn take_finished(&mut self) -> Vec<(String, Verdict)> {
        std::mem::take(&mut self.finished)
    }

    /// The test that was running when the stream broke off, and its output.
    pub fn interrupted(&self) -> Option<(&str, String)> {
        let running = self.running.as_ref()?;
        let rest = String::from_utf8_lossy(&self.partial);
        Some((&running.name, format!("{}{rest}", running.output)))
    }

    /// Lines outside of any test.
    pub fn stray(&self) -> &str {
        &self.stray
    }

    fn line(&mut self, line: &str) {
        if let Some(name) = line.strip_prefix("# begin ") {
            self.running =
                Some(Running { name: name.to_owned(), output: String::new(), timed_out: false });
            return;
        }
        let Some(running) = &mut self.running else {
            self.stray.push_str(line);
            self.stray.push('\n');
            return;
        };
        let mine = |prefix: &str| {
            line.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(running.name.as_str()))
        };
        if mine("# timeout ").is_some() {
            running.timed_out = true;
        } else if let Some(how) = mine("# end ") {
            let end = if running.timed_out { Some(End::Timeout) } else { parse_end(how.trim()) };
            let verdict = match end {
                Some(end) => tap::judge(&running.output, end),
                None => Verdict::Fail(format!("the runner's line makes no sense: {line}")),
            };
            let name = running.name.clone();
            self.running = None;
            self.finished.push((name, verdict));
        } else {
            running.output.push_str(line);
            running.output.push('\n');
        }
    }
}

fn parse_end(text: &str) -> Option<End> {
    match text.split_once('=')? {
        ("exit", code) => Some(End::Exit(code.parse().ok()?)),
        ("signal", signal) => Some(End::Signal(signal.parse().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Stream;

    const TWO_AND_A_HALF: &str = "hello\n# begin a\n1..1\nok 1\n# ledger a frames=1->1\n# end a exit=0\n\
        # begin b\n1..1\n# timeout b\n# end b signal=9\n# begin c\n1..2\nok 1\nhal";

    #[test]
    fn finished_and_interrupted_tests_are_told_apart() {
        // In every way of cutting the stream into pieces.
        for size in 1..TWO_AND_A_HALF.len() {
            let mut stream = Stream::default();
            let mut finished = Vec::new();
            for piece in TWO_AND_A_HALF.as_bytes().chunks(size) {
                stream.feed(piece);
                finished.extend(stream.take_finished());
            }
            let words: Vec<_> =
                finished.iter().map(|(name, verdict)| (name.as_str(), verdict.word())).collect();
            assert_eq!(words, [("a", "PASS"), ("b", "TIMEOUT")]);
            assert_eq!(stream.interrupted(), Some(("c", "1..2\nok 1\nhal".to_owned())));
            assert_eq!(stream.stray(), "hello\n");
        }
    }

    #[test]
    fn a_leak_line_fails_the_test() {
        let mut stream = Stream::default();
        stream.feed(b"# begin a\n1..1\nok 1\nnot ok - # leak a frames 3\n# end a exit=0\n");
        assert_eq!(stream.take_finished()[0].1.word(), "FAIL");
    }
}
