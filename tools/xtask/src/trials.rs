//! The guest tests with libtest's face: names, filters, threads.
//!
//! A trial of a musl test does not boot a machine by itself: it waits for its
//! verdict from a pool that boots one machine for many tests. Under nextest,
//! which starts one process per test, that is one boot per test.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Completion, Conclusion, Failed, Trial};

use crate::batch::{self, Bench, Request};
use crate::interactive;
use crate::junit::Recorder;
use crate::kernel::{self, Output, Profile};
use crate::musl_tests::{self, GuestTest, Suite};
use crate::native;
use crate::setup::{self, Tools};
use crate::slots;
use crate::smoke;
use crate::tap::Verdict;

/// Which tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Which {
    /// Those of the host's Linux.
    pub native: bool,
    /// Those in QEMU.
    pub guest: bool,
}

/// Numbers of processors that every guest test runs with.
const SMP: [u32; 2] = [1, 2];
/// Tests per boot: few enough that a panic costs little.
const BATCH: usize = 12;
/// The runner's guard for one test, in seconds.
const TEST_SECONDS: &str = "60";
/// A silent machine is dead: longer than the runner's guard.
const SILENCE: Duration = Duration::from_secs(90);
const NATIVE_LIMIT: Duration = Duration::from_secs(60);

/// A kind of test that needs a machine of its own.
pub type Scenario = fn(&Lab) -> Result<Verdict>;

/// Everything that trials share.
pub struct Lab {
    /// The kernel and the tests' root.
    pub bench: Bench,
    /// The plain default initrd.
    pub initrd: PathBuf,
}

/// Runs the trials that `args` selects.
pub fn run(which: Which, args: &Arguments, recorder: &Arc<Recorder>) -> Result<Conclusion> {
    let suite = musl_tests::discover()?;
    // Listing must be quick and must not need any tools.
    let tools = if args.list { None } else { Some(setup::run(setup::Report::WhenMissing)?) };
    if tools.is_some() {
        suite.compile()?;
    }
    let lab = match tools {
        Some(tools) if which.guest => Some(Arc::new(Lab::prepare(&tools, &suite)?)),
        _ => None,
    };
    let pool = Arc::new(Pool::new(lab.clone()));
    let maker = Maker { lab, pool, recorder: Arc::clone(recorder), args };
    let mut trials = Vec::new();
    if which.native {
        trials.extend(maker.native(&suite));
    }
    if which.guest {
        trials.extend(maker.guest(&suite));
        trials.push(maker.guest_selftest(&suite));
        for (name, scenario) in smoke::SCENARIOS.iter().chain(interactive::SCENARIOS) {
            trials.push(maker.scenario(name, *scenario));
        }
    }
    let mut args = args.clone();
    args.test_threads.get_or_insert(slots::count());
    Ok(libtest_mimic::run(&args, trials))
}

impl Lab {
    fn prepare(tools: &Tools, suite: &Suite) -> Result<Self> {
        let kernel = kernel::build(tools, Profile::Release, Output::Quiet)?;
        let image = Arc::new(suite.root(tools)?.to_cpio()?);
        let initrd = crate::initrd::default(tools)?;
        Ok(Self { bench: Bench { kernel, image }, initrd })
    }
}

struct Maker<'a> {
    lab: Option<Arc<Lab>>,
    pool: Arc<Pool>,
    recorder: Arc<Recorder>,
    args: &'a Arguments,
}

impl Maker<'_> {
    /// A trial that notes its result.
    fn trial(
        &self,
        name: String,
        body: impl FnOnce() -> Result<(Verdict, Option<Duration>)> + Send + 'static,
    ) -> Trial {
        let recorder = Arc::clone(&self.recorder);
        Trial::ignorable_test(name.clone(), move || {
            let start = Instant::now();
            let (verdict, took) =
                body().unwrap_or_else(|error| (Verdict::Fail(format!("{error:#}")), None));
            recorder.note(&name, took.unwrap_or_else(|| start.elapsed()), verdict.clone());
            match verdict {
                Verdict::Pass => Ok(Completion::Completed),
                Verdict::Skip(why) => Ok(Completion::ignored_with(why)),
                other => Err(Failed::from(other.to_string())),
            }
        })
    }

    /// A trial that boots machines by itself.
    fn lab_trial(
        &self,
        name: String,
        body: impl FnOnce(&Lab) -> Result<Verdict> + Send + 'static,
    ) -> Trial {
        let lab = self.lab.clone();
        self.trial(name, move || {
            let lab = lab.context("this process only lists the tests")?;
            Ok((body(&lab)?, None))
        })
    }

    fn native(&self, suite: &Suite) -> Vec<Trial> {
        let ordinary = suite.tests.iter().cloned().map(|test| {
            self.trial(format!("native::{}", test.name), move || {
                Ok((native::run(&test, NATIVE_LIMIT)?, None))
            })
        });
        let selftests = suite.selftests.iter().cloned().map(|test| {
            self.trial(format!("native::{}", test.name), move || {
                let verdict = native::run(&test, Duration::from_secs(3))?;
                Ok((expect_refusal(&test, &verdict), None))
            })
        });
        ordinary.chain(selftests).collect()
    }

    fn guest(&self, suite: &Suite) -> Vec<Trial> {
        let mut trials = Vec::new();
        for smp in SMP {
            let mut files = Vec::new();
            for test in &suite.tests {
                let (pool, file) = (Arc::clone(&self.pool), test.file.clone());
                let trial = self.trial(format!("guest::smp{smp}::{}", test.name), move || {
                    let (verdict, took) = pool.wait_for(smp, &file);
                    Ok((verdict, Some(took)))
                });
                if !self.args.is_filtered_out(&trial) {
                    files.push(test.file.clone());
                }
                trials.push(trial);
            }
            self.pool.add(smp, &files);
        }
        trials
    }

    /// Proves that the harness sees failures in the guest: none of these
    /// programs may pass, and each must fail in its own way.
    fn guest_selftest(&self, suite: &Suite) -> Trial {
        let tests = suite.selftests.clone();
        self.lab_trial("guest::selftest".to_owned(), move |lab| {
            let files = tests.iter().map(|test| test.file.clone()).collect();
            let request =
                Request { options: &["-t", "5"], files, smp: 1, silence: Duration::from_secs(60) };
            let mut wrong = Vec::new();
            let mut seen = 0;
            batch::run(&lab.bench, &request, |file, verdict| {
                seen += 1;
                let test = tests.iter().find(|test| test.file == file);
                let outcome = test.map(|test| expect_refusal(test, &verdict));
                if outcome != Some(Verdict::Pass) {
                    wrong.push(format!("{file}: {verdict}"));
                }
            });
            let complete = seen == tests.len() && wrong.is_empty();
            let text =
                format!("{seen} of {} verdicts came; wrong: {}", tests.len(), wrong.join("; "));
            Ok(if complete { Verdict::Pass } else { Verdict::Fail(text) })
        })
    }

    fn scenario(&self, name: &str, scenario: Scenario) -> Trial {
        self.lab_trial(format!("guest::{name}"), move |lab| {
            let slot = slots::take();
            let verdict = scenario(lab);
            drop(slot);
            verdict
        })
    }
}

/// Turns the verdict on a program that must not pass around.
fn expect_refusal(test: &GuestTest, verdict: &Verdict) -> Verdict {
    let wanted = if test.file == "hangs" { "TIMEOUT" } else { "FAIL" };
    if verdict.word() == wanted {
        Verdict::Pass
    } else {
        Verdict::Fail(format!(
            "this program must be judged {wanted}, but the harness said {verdict}"
        ))
    }
}

/// Verdicts by number of processors and file, with the time they took.
type Results = HashMap<(u32, String), (Verdict, Duration)>;

/// Boots machines for batches of tests and keeps the verdicts.
struct Pool {
    lab: Option<Arc<Lab>>,
    batches: Mutex<Vec<(u32, Vec<String>)>>,
    results: Mutex<Results>,
    changed: Condvar,
    started: Once,
}

impl Pool {
    fn new(lab: Option<Arc<Lab>>) -> Self {
        Self {
            lab,
            batches: Mutex::default(),
            results: Mutex::default(),
            changed: Condvar::new(),
            started: Once::new(),
        }
    }

    fn add(&self, smp: u32, files: &[String]) {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        // The queue is taken from its end.
        for chunk in files.chunks(BATCH) {
            batches.insert(0, (smp, chunk.to_vec()));
        }
    }

    /// Waits for one verdict; the first call sets the pool to work.
    fn wait_for(self: &Arc<Self>, smp: u32, file: &str) -> (Verdict, Duration) {
        self.started.call_once(|| {
            for _ in 0..slots::count() {
                let pool = Arc::clone(self);
                thread::spawn(move || pool.work());
            }
        });
        let key = (smp, file.to_owned());
        let results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        let mut results = self
            .changed
            .wait_while(results, |results| !results.contains_key(&key))
            .unwrap_or_else(PoisonError::into_inner);
        results
            .remove(&key)
            .unwrap_or((Verdict::Fail("the verdict was lost".to_owned()), Duration::ZERO))
    }

    fn work(&self) {
        let Some(lab) = &self.lab else { return };
        while let Some((smp, files)) = self.next_batch() {
            let request = Request { options: &["-t", TEST_SECONDS], files, smp, silence: SILENCE };
            let mut last = Instant::now();
            batch::run(&lab.bench, &request, |file, verdict| {
                let took = last.elapsed();
                last = Instant::now();
                let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
                results.insert((smp, file.to_owned()), (verdict, took));
                self.changed.notify_all();
            });
        }
    }

    fn next_batch(&self) -> Option<(u32, Vec<String>)> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}
