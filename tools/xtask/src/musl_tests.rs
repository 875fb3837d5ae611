//! The guest's test programs: finding them, compiling them with musl-gcc,
//! packing them with the runner into an initrd.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use crate::exec::{self, Step};
use crate::fingerprint::Fingerprint;
use crate::initrd;
use crate::muslcc;
use crate::paths;
use crate::rootfs::Tree;
use crate::setup::Tools;

/// One test.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GuestTest {
    /// The name for people: `fork::fork_regs`.
    pub name: String,
    /// Its file in the guest's /tests.
    pub file: String,
    /// Its source.
    source: PathBuf,
}

/// All that lies in musl-tests/.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The tests, by name.
    pub tests: Vec<GuestTest>,
    /// Programs that prove the harness can fail: they must not pass.
    pub selftests: Vec<GuestTest>,
    /// Programs that tests start, by the same rules.
    helpers: Vec<GuestTest>,
}

const FLAGS: &[&str] = &["-O2", "-s", "-Wall", "-Wextra", "-Werror", "-std=gnu11", "-pthread"];

/// The programs that run one test each, and the shell scripts.
const SELFTEST_FAMILY: &str = "selftest";

impl GuestTest {
    /// Whether the shell runs it.
    pub fn is_script(&self) -> bool {
        self.file.ends_with(".sh")
    }

    /// The compiled program, or the script itself.
    pub fn program(&self) -> PathBuf {
        if self.is_script() { self.source.clone() } else { paths::out("tests").join(&self.file) }
    }
}

/// Reads musl-tests/ without compiling anything.
pub fn discover() -> Result<Suite> {
    let mut all = Vec::new();
    let mut helper_names = BTreeSet::new();
    for family in sorted_entries(&paths::source("musl-tests"))? {
        let Some(family_name) =
            family.file_name().and_then(|name| name.to_str()).filter(|_| family.is_dir())
        else {
            continue;
        };
        for source in sorted_entries(&family)? {
            let Some(test) = as_test(family_name, &source) else {
                continue;
            };
            if !test.is_script() {
                helper_names.extend(directive(&source, "needs")?);
            }
            all.push(test);
        }
    }
    let mut files = BTreeSet::new();
    for test in &all {
        ensure!(
            files.insert(&test.file),
            "two tests are called {}; they share one directory in the guest",
            test.file
        );
    }
    let (helpers, rest): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|test| helper_names.contains(&test.file));
    let prefix = format!("{SELFTEST_FAMILY}::");
    let (selftests, tests) = rest.into_iter().partition(|test| test.name.starts_with(&prefix));
    Ok(Suite { tests, selftests, helpers })
}

fn as_test(family: &str, source: &Path) -> Option<GuestTest> {
    let stem = source.file_stem()?.to_str()?;
    let file = match source.extension()?.to_str()? {
        "c" => stem.to_owned(),
        "sh" => format!("{stem}.sh"),
        _ => return None,
    };
    Some(GuestTest { name: format!("{family}::{stem}"), file, source: source.to_path_buf() })
}

fn sorted_entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// The words behind `// NAME:` at the top of a source.
fn directive(source: &Path, name: &str) -> Result<Vec<String>> {
    let text =
        fs::read_to_string(source).with_context(|| format!("cannot read {}", source.display()))?;
    let head = text.lines().take_while(|line| line.starts_with("//"));
    let words = head.filter_map(|line| {
        line.trim_start_matches("//").trim().strip_prefix(name)?.strip_prefix(':')
    });
    Ok(words.flat_map(str::split_whitespace).map(str::to_owned).collect())
}

impl Suite {
    /// Compiles what is not compiled yet, several at a time.
    pub fn compile(&self) -> Result<()> {
        let all: Vec<&GuestTest> = self.programs().collect();
        let runner = runner();
        let jobs: Vec<&GuestTest> =
            all.into_iter().chain([&runner]).filter(|test| !test.is_script()).collect();
        let headers = header_fingerprint()?;
        let step = Step::start(&format!("compiling {} guest tests", jobs.len() - 1));
        let next = AtomicUsize::new(0);
        let failures = Mutex::new(Vec::new());
        let work = || {
            while let Some(test) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(error) = compile(test, headers) {
                    failures
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(format!("{error:#}"));
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
        });
        drop(step);
        let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !failures.is_empty() {
            bail!("{} guest tests do not compile:\n{}", failures.len(), failures.join("\n"));
        }
        Ok(())
    }

    /// The default root with the tests, the runner and musl's loader in it.
    pub fn root(&self, tools: &Tools) -> Result<Tree> {
        let mut tree = initrd::root(tools)?;
        tree.dir("tests", 0o755);
        let runner = runner();
        for test in self.programs().chain([&runner]) {
            tree.host_file(&format!("tests/{}", test.file), 0o755, &test.program())?;
        }
        tree.host_file("lib/ld-musl-x86_64.so.1", 0o755, Path::new("/lib/ld-musl-x86_64.so.1"))?;
        Ok(tree)
    }

    fn programs(&self) -> impl Iterator<Item = &GuestTest> {
        self.tests.iter().chain(&self.selftests).chain(&self.helpers)
    }
}

fn runner() -> GuestTest {
    GuestTest {
        name: "runner".to_owned(),
        file: "runner".to_owned(),
        source: paths::source("musl-tests/runner.c"),
    }
}

fn header_fingerprint() -> Result<Fingerprint> {
    sorted_entries(&paths::source("musl-tests/include"))?
        .iter()
        .try_fold(Fingerprint::default(), |fingerprint, header| fingerprint.file(header))
}

fn compile(test: &GuestTest, headers: Fingerprint) -> Result<()> {
    let own = directive(&test.source, "build")?;
    let wanted = headers.file(&test.source)?.bytes(FLAGS.join(" ").as_bytes()).hex();
    let program = paths::out_dir("tests")?.join(&test.file);
    let stamp = paths::out_dir("tests/.stamps")?.join(&test.file);
    if program.is_file() && fs::read_to_string(&stamp).is_ok_and(|old| old == wanted) {
        return Ok(());
    }
    let mut command = muslcc::command()?;
    command.args(FLAGS).arg("-I").arg(paths::source("musl-tests/include"));
    // The default is a static program at a fixed address.
    if !own.iter().any(|word| word == "-dynamic" || word == "-static-pie") {
        command.arg("-static");
    }
    command.args(own.iter().filter(|word| *word != "-dynamic"));
    command.arg("-o").arg(&program).arg(&test.source);
    exec::run_logged(&mut command, &format!("cc-{}", test.file))?;
    fs::write(stamp, wanted)?;
    Ok(())
}
