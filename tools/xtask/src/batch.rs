//! Many guest tests in few boots.
//!
//! One boot runs a list of tests by the runner. When the machine dies under a
//! test, that test gets the blame and the rest continues in a new boot.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::job;
use crate::qemu::{Boot, DEFAULT_CPU, Ending, Machine};
use crate::rootfs::Tree;
use crate::run;
use crate::session::{self, Captured, Outcome, Plan};
use crate::slots;
use crate::stream::Stream;
use crate::tap::Verdict;

/// What every boot of guest tests shares.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The kernel.
    pub kernel: PathBuf,
    /// The root with the tests in it, as a cpio archive.
    pub image: Arc<Vec<u8>>,
}

/// Memory of the machine that runs guest tests.
const MEM_MIB: u32 = 256;

/// A job's words as a boot takes them.
pub struct Request<'a> {
    /// The runner's arguments before the tests.
    pub options: &'a [&'a str],
    /// Files in /tests.
    pub files: Vec<String>,
    /// Number of processors.
    pub smp: u32,
    /// The longest silence; must be longer than the runner's own limit.
    pub silence: Duration,
}

/// Runs all of the request's tests; every one of them gets one verdict.
pub fn run(bench: &Bench, request: &Request<'_>, mut tell: impl FnMut(&str, Verdict)) {
    let mut left = request.files.clone();
    while !left.is_empty() {
        let boot = match boot_once(bench, request, &left) {
            Ok(boot) => boot,
            Err(error) => {
                for file in left {
                    tell(&file, Verdict::Fail(format!("the machine cannot be started: {error:#}")));
                }
                return;
            }
        };
        let verdicts = boot.verdicts(&left);
        if verdicts.is_empty() {
            // Not one test has begun: another boot would do no better.
            for file in left {
                tell(&file, boot.blame("before the first test", boot.stream.stray()));
            }
            return;
        }
        left.retain(|file| !verdicts.iter().any(|(name, _)| name == file));
        for (name, verdict) in verdicts {
            tell(&name, verdict);
        }
    }
}

/// What one boot left behind.
struct Finished {
    stream: Stream,
    ended: Vec<(String, Verdict)>,
    outcome: Outcome,
    log: String,
    details: String,
}

impl Finished {
    /// The tests that this boot decides, the one that it died under included.
    /// When the runner stopped early in an orderly way, the next boot takes
    /// the rest.
    fn verdicts(&self, asked: &[String]) -> Vec<(String, Verdict)> {
        let mut verdicts = self.ended.clone();
        if let Some((name, output)) = self.stream.interrupted() {
            verdicts.push((name.to_owned(), self.blame("while it ran", &output)));
        } else if !matches!(self.outcome, Outcome::Ended(Ending::Exited(_))) {
            // It died after a test had ended: late damage is that test's.
            if let Some((_, verdict)) = verdicts.last_mut() {
                *verdict = self.blame("right after it ended", self.stream.stray());
            }
        }
        verdicts.retain(|(name, _)| asked.contains(name));
        verdicts
    }

    fn blame(&self, when: &str, output: &str) -> Verdict {
        let output = output.trim_end();
        match &self.outcome {
            Outcome::Ended(Ending::Panic | Ending::InitDied) => Verdict::Panic(format!(
                "the kernel panicked {when}\n{output}\n{}",
                run::panic_text(&self.log)
            )),
            Outcome::TimedOut => Verdict::Timeout(format!(
                "the machine fell silent {when}\n{output}\n{}",
                crate::exec::last_lines(&self.log, 20)
            )),
            Outcome::Ended(ending) => Verdict::Reset(format!(
                "{ending}, {when}\n{output}\n{}\n{}",
                crate::exec::last_lines(&self.log, 20),
                self.details
            )),
            Outcome::Quit | Outcome::BrokenPipe | Outcome::Signal(_) => {
                Verdict::Fail(format!("the machine was stopped {when}"))
            }
        }
    }
}

fn boot_once(bench: &Bench, request: &Request<'_>, files: &[String]) -> Result<Finished> {
    let words = ["/tests/runner"].iter().chain(request.options).map(|word| (*word).to_owned());
    let words: Vec<String> = words.chain(files.iter().cloned()).collect();
    let image = with_job(&bench.image, &words)?;
    let stream = Arc::new(Mutex::new(Stream::default()));
    let log = Captured::default();
    let sink_stream = Arc::clone(&stream);
    let plan = Plan {
        output: Box::new(move |bytes| {
            sink_stream.lock().unwrap_or_else(PoisonError::into_inner).feed(bytes);
            Ok(())
        }),
        log: log.sink(),
        silence: Some(request.silence),
        ..Plan::default()
    };
    let machine = machine(&bench.kernel, image.path(), request.smp);
    let slot = slots::take();
    let report = session::run(&machine, plan)?;
    drop(slot);
    let mut stream = std::mem::take(&mut *stream.lock().unwrap_or_else(PoisonError::into_inner));
    let ended = stream.take_finished();
    Ok(Finished {
        ended,
        stream,
        outcome: report.outcome,
        log: log.text(),
        details: format!("{}\n{}", report.complaints.trim(), report.registers),
    })
}

/// The machine for tests: the same one that `run` uses.
pub fn machine(kernel: &Path, initrd: &Path, smp: u32) -> Machine {
    Machine {
        boot: Boot::Direct {
            kernel: kernel.to_path_buf(),
            initrd: Some(initrd.to_path_buf()),
            command_line: "console=ttyS0 oxbow.log=debugcon oxbow.host OXBOW_STDIO=ppp".to_owned(),
        },
        machine: "pc".to_owned(),
        cpu: DEFAULT_CPU.to_owned(),
        smp,
        mem_mib: MEM_MIB,
        extra: Vec::new(),
    }
}

/// An archive with a job behind it, as a temporary file.
pub fn with_job(image: &[u8], words: &[String]) -> Result<tempfile::NamedTempFile> {
    let job = job::tree(words, &Tree::default())?.to_cpio()?;
    let mut file =
        tempfile::Builder::new().prefix("oxbow-initrd-").tempfile().context("no temporary file")?;
    file.write_all(image)?;
    file.write_all(&vec![0; image.len().next_multiple_of(4) - image.len()])?;
    file.write_all(&job)?;
    file.flush()?;
    Ok(file)
}
