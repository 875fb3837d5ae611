//! The boot words: which are the kernel's, which are for process 1.
//!
//! As on Linux: what the kernel does not know goes to init, `NAME=value` into its environment and
//! other words into its arguments; all words after `--` are arguments. Names with a dot belong to
//! kernel modules and are dropped.

use alloc::vec::Vec;

/// Words before a `=` that a Linux kernel takes for itself and that must not reach init. The ones
/// we do not act on are for machines or file systems that are not there.
const KNOWN: [&str; 46] = [
    "BOOT_IMAGE",
    "acpi",
    "apparmor",
    "audit",
    "clocksource",
    "console",
    "debug",
    "earlycon",
    "earlyprintk",
    "hpet",
    "hugepages",
    "ignore_loglevel",
    "init",
    "initrd",
    "keep_bootcon",
    "lapic",
    "loglevel",
    "lsm",
    "maxcpus",
    "mem",
    "mitigations",
    "net.ifnames",
    "no_timer_check",
    "noapic",
    "noefi",
    "nokaslr",
    "nolapic",
    "nomodeset",
    "noreplace-smp",
    "norandmaps",
    "nosmp",
    "nr_cpus",
    "panic",
    "pci",
    "quiet",
    "rdinit",
    "reboot",
    "ro",
    "root",
    "rootflags",
    "rootfstype",
    "rootwait",
    "rw",
    "selinux",
    "tsc",
    "vga",
];

/// What the command line says about process 1.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// `rdinit=`: the program in the initrd, `/init` by default.
    pub rdinit: Option<Vec<u8>>,
    /// `init=`: the program to try after that.
    pub init: Option<Vec<u8>>,
    /// Arguments for it, without argv[0].
    pub args: Vec<Vec<u8>>,
    /// Its environment, after `HOME=/` and `TERM=linux`.
    pub env: Vec<Vec<u8>>,
    /// `panic=`.
    pub panic_timeout: i64,
    /// `console=ttySN`: the port of the last one.
    pub console: Option<usize>,
    /// `norandmaps`: nothing is placed at random.
    pub fixed_layout: bool,
    /// `oxbow.host`: make the devices of the host link.
    pub host_link: bool,
}

/// A word of the command line, quotes removed.
struct Word {
    name: Vec<u8>,
    value: Option<Vec<u8>>,
}

impl Word {
    fn into_bytes(self) -> Vec<u8> {
        let mut bytes = self.name;
        if let Some(value) = self.value {
            bytes.push(b'=');
            bytes.extend(value);
        }
        bytes
    }
}

impl CommandLine {
    /// Reads the kernel's command line.
    pub fn parse(text: &[u8]) -> Self {
        let mut line = Self::default();
        let mut only_args = false;
        for word in split(text).map(word) {
            if only_args {
                line.args.push(word.into_bytes());
            } else if word.name == b"--" && word.value.is_none() {
                only_args = true;
            } else {
                line.take(word);
            }
        }
        line
    }

    fn take(&mut self, word: Word) {
        match (word.name.as_slice(), &word.value) {
            (b"rdinit", Some(path)) => {
                self.rdinit = Some(path.clone());
                // Linux: arguments before the program's name were meant for somebody else.
                self.args.clear();
            }
            (b"init", Some(path)) => {
                self.init = Some(path.clone());
                self.args.clear();
            }
            (b"panic", Some(seconds)) => {
                let seconds = core::str::from_utf8(seconds).ok().and_then(|s| s.parse().ok());
                self.panic_timeout = seconds.unwrap_or(0);
            }
            (b"console", Some(device)) => {
                // `ttyS1,115200n8`: the line settings are QEMU's business.
                let port = device.strip_prefix(b"ttyS").and_then(|rest| rest.first());
                if let Some(digit @ b'0'..=b'9') = port {
                    self.console = Some(usize::from(digit - b'0'));
                }
            }
            (b"norandmaps", _) => self.fixed_layout = true,
            (b"oxbow.host", _) => self.host_link = true,
            (name, _) if KNOWN.iter().any(|known| known.as_bytes() == name) => {}
            (name, _) if name.contains(&b'.') => {}
            (_, Some(_)) => self.set_env(word),
            (_, None) => self.args.push(word.into_bytes()),
        }
    }

    /// A variable that comes twice has its last value.
    fn set_env(&mut self, word: Word) {
        let mut prefix = word.name.clone();
        prefix.push(b'=');
        self.env.retain(|variable| !variable.starts_with(&prefix));
        self.env.push(word.into_bytes());
    }
}

/// The words between white space; double quotes keep white space in.
fn split(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    core::iter::from_fn(move || {
        let start = rest.iter().position(|byte| !is_space(*byte))?;
        rest = &rest[start..];
        let mut quoted = false;
        let end = rest.iter().position(|&byte| {
            quoted ^= byte == b'"';
            is_space(byte) && !quoted
        });
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(word)
    })
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0
}

/// Takes the quotes off `"a b"`, `"name=a b"` and `name="a b"`.
fn word(text: &[u8]) -> Word {
    let whole_quoted = text.first() == Some(&b'"');
    let text = if whole_quoted { unquote(text) } else { text };
    match text.iter().position(|&byte| byte == b'=') {
        // A word that begins with '=' has no name; it is an argument like any other.
        None | Some(0) => Word { name: text.to_vec(), value: None },
        Some(at) => {
            let value = if whole_quoted { &text[at + 1..] } else { unquote(&text[at + 1..]) };
            Word { name: text[..at].to_vec(), value: Some(value.to_vec()) }
        }
    }
}

fn unquote(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(b"\"").unwrap_or(text);
    text.strip_suffix(b"\"").unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(words: &[Vec<u8>]) -> Vec<&str> {
        words.iter().map(|word| core::str::from_utf8(word).expect("text")).collect()
    }

    #[test]
    fn the_kernels_words_stay_with_the_kernel() {
        let line = CommandLine::parse(
            b"console=ttyS0 rdinit=/init quiet loglevel=3 panic=-1 oxbow.log=debugcon",
        );
        assert_eq!(line.rdinit.as_deref(), Some(&b"/init"[..]));
        assert_eq!(line.panic_timeout, -1);
        assert!(line.args.is_empty() && line.env.is_empty());
    }

    #[test]
    fn unknown_words_and_those_after_the_dashes_are_inits() {
        let line = CommandLine::parse(b"FOO=bar single console=ttyS0 FOO=baz -- -c x=1 quiet");
        assert_eq!(strings(&line.args), ["single", "-c", "x=1", "quiet"]);
        assert_eq!(strings(&line.env), ["FOO=baz"]);
    }

    #[test]
    fn quotes_keep_spaces() {
        let line = CommandLine::parse(br#"A="b c" "D=e f" -- "x y" z="1 2""#);
        assert_eq!(strings(&line.env), ["A=b c", "D=e f"]);
        assert_eq!(strings(&line.args), ["x y", "z=1 2"]);
    }

    #[test]
    fn init_resets_the_arguments_before_it() {
        let line = CommandLine::parse(b"early init=/bin/sh late");
        assert_eq!(line.init.as_deref(), Some(&b"/bin/sh"[..]));
        assert_eq!(strings(&line.args), ["late"]);
    }

    #[test]
    fn odd_lines_do_no_harm() {
        for text in [&b""[..], b"\"", b"=", b"a=\"", b"-- --", b"\0\0", b"panic=x"] {
            let _ = CommandLine::parse(text);
        }
        assert_eq!(strings(&CommandLine::parse(b"-- --").args), ["--"]);
        assert_eq!(strings(&CommandLine::parse(b"=x").args), ["=x"]);
    }
}
