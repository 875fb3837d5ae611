//! `cargo xtask run`: a program in the guest as if it ran here.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::initrd;
use crate::job;
use crate::kernel::{self, Output, Profile};
use crate::paths;
use crate::qemu::{Boot, DEFAULT_CPU, Ending, Machine};
use crate::session::{self, Captured, Input, Outcome, Plan, Report, Sink};
use crate::setup::Tools;
use crate::terminal::{self, RawMode};

/// Exit codes of `run` that are not the program's own.
pub mod exit_code {
    /// Nothing was started: the kernel does not build, PROGRAM cannot run, ...
    pub const NOT_STARTED: u8 = 120;
    /// The kernel cannot use its initrd.
    pub const BAD_INITRD: u8 = 121;
    /// QEMU did not start, or failed.
    pub const QEMU: u8 = 122;
    /// A triple fault, or an end without a result.
    pub const RESET: u8 = 123;
    /// `--timeout` is over.
    pub const TIMEOUT: u8 = 124;
    /// The kernel panicked.
    pub const PANIC: u8 = 125;
    /// Added to the number of a signal.
    pub const SIGNAL: u8 = 128;
}

const SIGINT: u8 = 2;
const SIGPIPE: u8 = 13;

/// Boot the kernel and run one program in it, or an interactive shell.
///
/// PROGRAM is a path on this machine to a static ELF file or a script, or else
/// a command of the guest. Its stdin, stdout and stderr are ours: a terminal
/// stays a terminal, a pipe a pipe, byte for byte; the kernel's log is apart.
/// At a terminal every key goes to the guest; Ctrl-A x ends the machine.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit code: the program's own; 128+N when signal N killed it; 120 nothing was started, 121 initrd unusable, \
    122 QEMU failed, 123 reset (triple fault) or no result, 124 timeout, 125 kernel panic."
)]
pub struct RunArgs {
    /// Number of processors.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub smp: u32,
    /// Memory in MiB.
    #[arg(long, default_value_t = 256, value_name = "MiB")]
    pub mem: u32,
    /// More words for the kernel's command line.
    #[arg(long, default_value = "", allow_hyphen_values = true, value_name = "STR")]
    pub append: String,
    /// Boot this initrd instead of the default root.
    #[arg(long, value_name = "FILE")]
    pub initrd: Option<PathBuf>,
    /// End the machine after so many seconds, with exit code 124.
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
    /// QEMU's processor model.
    #[arg(long, default_value = DEFAULT_CPU, value_name = "MODEL")]
    pub cpu: String,
    /// QEMU's machine: pc, q35 or microvm.
    #[arg(long, default_value = "pc", value_name = "TYPE")]
    pub machine: String,
    /// Run the checked kernel: lock order, overflow and other run-time checks.
    #[arg(long)]
    pub checked: bool,
    /// Write the kernel's log here; `-` is stderr. Default: target/oxbow/kernel.log.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// One more word for QEMU; may be given several times.
    #[arg(long = "qemu-arg", allow_hyphen_values = true, value_name = "WORD")]
    pub qemu_args: Vec<String>,
    /// What to run in the guest; without it, a shell.
    #[arg(last = true, value_name = "PROGRAM ARGS")]
    pub program: Vec<String>,
}

/// Runs it, returns the exit code.
pub fn run(tools: &Tools, args: &RunArgs) -> Result<u8> {
    let kernel = kernel::build(tools, Profile::from_checked(args.checked), Output::Quiet)?;
    let mut words = args.program.clone();
    let terminals = terminal::terminals();
    if words.is_empty() && !terminals[0] && args.initrd.is_none() {
        // A shell that reads its commands from a pipe is a job like any other.
        words.push("/bin/sh".to_owned());
    }
    let image = image(tools, args, &words)?;
    let machine = Machine {
        boot: Boot::Direct {
            kernel,
            initrd: Some(image.path().to_path_buf()),
            command_line: command_line(&args.append, terminals),
        },
        machine: args.machine.clone(),
        cpu: args.cpu.clone(),
        smp: args.smp,
        mem_mib: args.mem,
        extra: args.qemu_args.clone(),
    };
    let log = Captured::default();
    let plan = plan(args, terminals, &log)?;
    let raw = if terminals[0] {
        eprintln!("xtask: Ctrl-A x ends the machine");
        Some(RawMode::enter()?)
    } else {
        None
    };
    let report = session::run(&machine, plan);
    drop(raw);
    let report = report.context("QEMU could not be started; `cargo xtask setup` installs it");
    match report {
        Ok(report) => Ok(conclude(&report, &log.text(), args, !words.is_empty())),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            Ok(exit_code::QEMU)
        }
    }
}

/// The initrd with the job behind it, as a temporary file.
fn image(tools: &Tools, args: &RunArgs, words: &[String]) -> Result<tempfile::NamedTempFile> {
    let root = initrd::root(tools)?;
    let mut bytes = match &args.initrd {
        Some(path) => {
            fs::read(path).with_context(|| format!("cannot read the initrd {}", path.display()))?
        }
        None => root.to_cpio()?,
    };
    if !words.is_empty() {
        // Archives may follow each other, each at a multiple of four.
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend_from_slice(&job::tree(words, &root)?.to_cpio()?);
    }
    let mut file = tempfile::Builder::new().prefix("oxbow-initrd-").tempfile()?;
    file.write_all(&bytes)?;
    file.flush()?;
    Ok(file)
}

/// The kernel's command line; the user's own words come last, so that they win.
fn command_line(append: &str, terminals: [bool; 3]) -> String {
    let letters: String =
        terminals.iter().map(|is_terminal| if *is_terminal { 't' } else { 'p' }).collect();
    let mut line = format!("console=ttyS0 oxbow.log=debugcon oxbow.host OXBOW_STDIO={letters}");
    if terminals.contains(&true) {
        if let Some((rows, columns)) = terminal::window_size() {
            line.push_str(&format!(" OXBOW_WINSIZE={rows}x{columns}"));
        }
        let plain =
            |text: &String| text.chars().all(|c| c.is_ascii_alphanumeric() || "-+._".contains(c));
        if let Some(term) = std::env::var("TERM").ok().filter(plain) {
            line.push_str(&format!(" TERM={term}"));
        }
    }
    if !append.is_empty() {
        line.push(' ');
        line.push_str(append);
    }
    line
}

fn plan(args: &RunArgs, terminals: [bool; 3], log: &Captured) -> Result<Plan> {
    let stdin = io::stdin().as_fd().try_clone_to_owned()?;
    let input = if terminals[0] { Input::Keys(stdin) } else { Input::Pipe(stdin) };
    Ok(Plan {
        input,
        serial: serial_sink(terminals)?,
        output: session::to_writer(File::from(io::stdout().as_fd().try_clone_to_owned()?)),
        error: session::to_writer(File::from(io::stderr().as_fd().try_clone_to_owned()?)),
        log: log_sink(args.log.as_deref(), log)?,
        timeout: args.timeout.map(Duration::from_secs),
        silence: None,
        signals: true,
    })
}

/// The console belongs to the terminal, whichever descriptor that is.
fn serial_sink(terminals: [bool; 3]) -> Result<Sink> {
    let [stdin, stdout, stderr] = terminals;
    let fd = if stdout {
        io::stdout().as_fd().try_clone_to_owned()?
    } else if stdin {
        io::stdin().as_fd().try_clone_to_owned()?
    } else if stderr {
        io::stderr().as_fd().try_clone_to_owned()?
    } else {
        // Nobody's terminal: what little comes is kept with the log.
        return Ok(session::to_writer(File::create(paths::out_dir("")?.join("console.log"))?));
    };
    Ok(session::to_writer(File::from(fd)))
}

/// Into the file asked for, and always into memory, for the text of a panic.
fn log_sink(path: Option<&Path>, copy: &Captured) -> Result<Sink> {
    let mut file: Box<dyn Write + Send> = match path {
        Some(path) if path == Path::new("-") => Box::new(io::stderr()),
        Some(path) => Box::new(
            File::create(path)
                .with_context(|| format!("cannot write the log {}", path.display()))?,
        ),
        None => Box::new(File::create(paths::out_dir("")?.join("kernel.log"))?),
    };
    let mut copy = copy.sink();
    Ok(Box::new(move |bytes| {
        copy(bytes)?;
        file.write_all(bytes)
    }))
}

/// Says what went wrong, if something did, and returns the exit code.
fn conclude(report: &Report, log: &str, args: &RunArgs, has_job: bool) -> u8 {
    let explain = |text: String| eprintln!("xtask: {text}");
    let shown = args.log.as_deref() == Some(Path::new("-"));
    let show_log = |text: &str| {
        if !shown && !text.is_empty() {
            eprintln!("{text}");
        }
    };
    match &report.outcome {
        Outcome::Ended(Ending::Exited(code)) => *code,
        Outcome::Ended(Ending::Killed(signal)) => exit_code::SIGNAL.saturating_add(*signal),
        // Without a program there is no result to report: a power-off is a good end.
        Outcome::Ended(Ending::NoResult) if !has_job => 0,
        Outcome::Ended(Ending::NoResult) => {
            explain("the guest ended without reporting the program's result".to_owned());
            exit_code::RESET
        }
        Outcome::Ended(ending @ (Ending::Panic | Ending::InitDied)) => {
            explain(format!("{ending}; the kernel's last words:"));
            show_log(&panic_text(log));
            exit_code::PANIC
        }
        Outcome::Ended(ending @ Ending::BadInitrd) => {
            explain(ending.to_string());
            show_log(&line_of(log, "initrd"));
            exit_code::BAD_INITRD
        }
        Outcome::Ended(ending @ Ending::Reset) => {
            explain(format!("{ending}; the end of the kernel's log:"));
            show_log(&crate::exec::last_lines(log, 20));
            eprintln!("{}", report.registers);
            exit_code::RESET
        }
        Outcome::Ended(ending @ Ending::QemuFailed(_)) => {
            explain(format!("{ending}\n{}", report.complaints.trim_end()));
            exit_code::QEMU
        }
        Outcome::TimedOut => {
            explain(format!("timeout: ended after {} s", args.timeout.unwrap_or_default()));
            exit_code::TIMEOUT
        }
        Outcome::Quit => exit_code::SIGNAL + SIGINT,
        Outcome::BrokenPipe => exit_code::SIGNAL + SIGPIPE,
        Outcome::Signal(signal) => {
            exit_code::SIGNAL.saturating_add(u8::try_from(*signal).unwrap_or(SIGINT))
        }
    }
}

/// The log from the panic on; all its end when there is no such line.
pub fn panic_text(log: &str) -> String {
    let is_panic = |line: &str| {
        let line = line.to_ascii_lowercase();
        line.contains("kernel panic") || line.contains("panicked at")
    };
    let lines: Vec<&str> = log.lines().collect();
    let from =
        lines.iter().position(|line| is_panic(line)).unwrap_or(lines.len().saturating_sub(30));
    lines[from..].join("\n")
}

fn line_of(log: &str, word: &str) -> String {
    let found = log.lines().rev().find(|line| line.contains(word));
    found.map_or_else(|| crate::exec::last_lines(log, 5), str::to_owned)
}

/// Checks what clap cannot.
pub fn check(args: &RunArgs) -> Result<()> {
    ensure!(args.smp > 0, "--smp 0: a machine has at least one processor");
    ensure!(args.mem > 0, "--mem 0: a machine has some memory");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{command_line, panic_text};

    #[test]
    fn the_users_words_come_last() {
        let line = command_line("loglevel=7 -- x", [false, false, false]);
        assert!(line.starts_with("console=ttyS0 oxbow.log=debugcon oxbow.host OXBOW_STDIO=ppp"));
        assert!(line.ends_with(" loglevel=7 -- x"));
    }

    #[test]
    fn a_panics_text_begins_at_the_panic() {
        let log = "boot panic=-1\nfine\nKernel panic - not syncing: x\n  0: f\n";
        assert_eq!(panic_text(log), "Kernel panic - not syncing: x\n  0: f");
        assert_eq!(panic_text("only\nthis"), "only\nthis");
    }
}
