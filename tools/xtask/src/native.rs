//! The guest's tests on the host's own Linux, which is the oracle: what does
//! not pass here is wrong about Linux.

use std::io::Read;
use std::os::unix::fs::symlink;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::busybox;
use crate::musl_tests::GuestTest;
use crate::paths;
use crate::session::Captured;
use crate::tap::{self, End, Verdict};

/// Runs one test in a directory of its own.
pub fn run(test: &GuestTest, limit: Duration) -> Result<Verdict> {
    let dir = tempfile::Builder::new().prefix("oxbow-native-").tempdir()?;
    let mut command = if test.is_script() {
        let applets = applets()?;
        let mut command = Command::new(applets.join("sh"));
        command.arg(test.program());
        // The same tools as in the guest, before the host's own.
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", applets.display()));
        command
    } else {
        Command::new(test.program())
    };
    command.current_dir(dir.path()).process_group(0).stdin(Stdio::null());
    let (output, end) = run_limited(&mut command, limit)?;
    Ok(tap::judge(&output, end))
}

fn run_limited(command: &mut Command, limit: Duration) -> Result<(String, End)> {
    let (mut reader, writer) = std::io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {}", crate::exec::describe(command)))?;
    // The command holds our ends of the pipe: without them the end can be seen.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let group =
        i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a child without a pid")?;
    let captured = Captured::default();
    let mut sink = captured.sink();
    let (done, at_end) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            if sink(&buffer[..count]).is_err() {
                break;
            }
        }
        // Nobody waits any more when a daemon kept the pipe open for long.
        let _ = done.send(());
    });
    let deadline = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if Instant::now() >= deadline {
            break None;
        }
        thread::sleep(Duration::from_millis(5));
    };
    // Whatever the test left behind in its group goes with it.
    let _ = kill_process_group(group, Signal::KILL);
    let _ = child.wait();
    // A child that left the group may hold the pipe open: do not wait for it.
    let _ = at_end.recv_timeout(Duration::from_secs(2));
    Ok((captured.text(), status.map_or(End::Timeout, end_of)))
}

fn end_of(status: ExitStatus) -> End {
    status.signal().map_or_else(|| End::Exit(status.code().unwrap_or(-1)), End::Signal)
}

/// A directory with a link for each of busybox's applets.
fn applets() -> Result<PathBuf> {
    let busybox = busybox::get()?;
    let dir = paths::out_dir("applets")?;
    for link in busybox.links.iter().filter_map(|link| link.rsplit('/').next()).chain(["busybox"]) {
        let place = dir.join(link);
        if std::fs::read_link(&place).is_ok_and(|old| old == busybox.program) {
            continue;
        }
        // Another test may be making the same links at the same time.
        let unfinished =
            tempfile::Builder::new().make_in(&dir, |path| symlink(&busybox.program, path))?;
        unfinished.persist(&place)?;
    }
    Ok(dir)
}
