//! Scripts: what a `#!` line asks for (execve(2), "Interpreter scripts").

use abi::Errno;
use abi::elf::BINPRM_BUF_SIZE;

/// How much of a file is looked at to find out what it is.
pub const HEAD_SIZE: usize = BINPRM_BUF_SIZE;

/// The interpreter of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shebang<'a> {
    /// The interpreter's path. Empty when a NUL stands where it should be: Linux then tries to
    /// execute the working directory and says `EACCES`.
    pub interpreter: &'a [u8],
    /// Everything behind it, as one argument; blanks at its ends are cut off.
    pub argument: Option<&'a [u8]>,
}

/// Reads the first line of a script.
///
/// `head` is the start of the file, filled up with NULs. Linux looks at 255 bytes: an interpreter's
/// path that may go on behind them is refused, an argument is silently cut there.
///
/// # Errors
/// `ENOEXEC` when this is no script, or names no interpreter.
pub fn parse(head: &[u8; HEAD_SIZE]) -> Result<Shebang<'_>, Errno> {
    let line = head.strip_prefix(b"#!").ok_or(Errno::ENOEXEC)?;
    let line = match line.iter().position(|&byte| byte == b'\n') {
        Some(end) => &line[..end],
        None => {
            let start = skip_blanks(line);
            // Without a blank or a NUL behind it, the path is longer than what was read.
            if start.is_empty() || !start.iter().any(ends_word) {
                return Err(Errno::ENOEXEC);
            }
            &line[..line.len() - 1]
        }
    };
    let line = trim_end(skip_blanks(line));
    let end = line.iter().position(ends_word).unwrap_or(line.len());
    let (interpreter, rest) = line.split_at(end);
    if line.is_empty() {
        return Err(Errno::ENOEXEC);
    }
    // A NUL ends the line, for the C strings that Linux makes of it.
    let argument = match rest.first() {
        None | Some(0) => None,
        Some(_) => Some(until_nul(skip_blanks(rest))),
    };
    Ok(Shebang { interpreter, argument })
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn ends_word(byte: &u8) -> bool {
    is_blank(byte) || *byte == 0
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len());
    &text[start..]
}

fn trim_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| !is_blank(byte)).map_or(0, |last| last + 1);
    &text[..end]
}

fn until_nul(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(text: &[u8]) -> [u8; HEAD_SIZE] {
        let mut head = [0; HEAD_SIZE];
        let len = text.len().min(HEAD_SIZE);
        head[..len].copy_from_slice(&text[..len]);
        head
    }

    #[track_caller]
    fn check(text: &[u8], expected: Option<(&[u8], Option<&[u8]>)>) {
        let head = head(text);
        let expected = expected.map(|(interpreter, argument)| Shebang { interpreter, argument });
        assert_eq!(parse(&head).ok(), expected);
    }

    #[test]
    fn the_rest_of_the_line_is_one_argument() {
        check(b"#!/bin/sh\n", Some((b"/bin/sh", None)));
        check(b"#! \t/bin/sh -e  -x \t\nrest", Some((b"/bin/sh", Some(b"-e  -x"))));
        check(b"#!/bin/sh", Some((b"/bin/sh", None)));
        check(b"#!/bin/sh \n", Some((b"/bin/sh", None)));
        check(b"#!/bin/sh -\0x\n", Some((b"/bin/sh", Some(b"-"))));
        check(b"#!/bin/sh\0 -x\n", Some((b"/bin/sh", None)));
        check(b"#!/bin/sh \0x\n", Some((b"/bin/sh", Some(b""))));
    }

    #[test]
    fn no_interpreter_is_enoexec() {
        for text in [&b"#!\n"[..], b"#! \t \n/bin/sh", b"#", b"", b"!#/bin/sh\n", &[b' '; 300]] {
            check(text, None);
        }
        check(b"#!", Some((b"", None)));
        check(b"#! \0/bin/sh\n", Some((b"", None)));
    }

    #[test]
    fn a_long_path_is_refused_and_a_long_argument_cut() {
        let mut text = b"#!/".to_vec();
        text.resize(400, b'a');
        check(&text, None);

        let mut text = b"#!/bin/sh ".to_vec();
        text.resize(400, b'a');
        check(&text, Some((b"/bin/sh", Some(&[b'a'; 245]))));
        // The newline in the last of the 256 bytes is still seen.
        let mut text = b"#!/".to_vec();
        text.resize(255, b'a');
        text.push(b'\n');
        let path = text[2..255].to_vec();
        check(&text, Some((&path, None)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_fine(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut text = b"#!".to_vec();
            text.extend(bytes);
            let head = head(&text);
            if let Ok(found) = parse(&head) {
                prop_assert!(!found.interpreter.iter().any(ends_word));
                prop_assert!(found.argument.is_none_or(|a| !a.contains(&0)));
            }
        }
    }
}
