//! A typist at the serial console: line editing, signals from keys, job
//! control, and the ways to leave. What is typed is echoed, so answers are
//! words that appear nowhere in the question: `echo m$((40+2))` gives m42.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, anyhow};

use crate::batch;
use crate::qemu::{Boot, Ending, Machine};
use crate::session::{self, Captured, Input, Outcome, Plan};
use crate::tap::Verdict;
use crate::trials::{Lab, Scenario};
use crate::typist::{Screen, Typist, key};

/// The scenarios, by name.
pub const SCENARIOS: &[(&str, Scenario)] = &[
    ("tty::commands_and_exit_code", |lab| play(lab, commands, &ENDS_WITH_5)),
    ("tty::line_editing_and_end_of_file", |lab| play(lab, editing, &ENDS_WITH_0)),
    ("tty::ctrl_c_interrupts", |lab| play(lab, interrupt, &ENDS_WITH_0)),
    ("tty::ctrl_backslash_quits", |lab| play(lab, quit, &ENDS_WITH_0)),
    ("tty::job_control", |lab| play(lab, job_control, &ENDS_WITH_0)),
    ("tty::background_reader_stops", |lab| play(lab, background_read, &ENDS_WITH_0)),
    ("tty::stty_and_window_size", |lab| play(lab, settings, &ENDS_WITH_0)),
    ("tty::poweroff", |lab| play(lab, poweroff, &WITHOUT_RESULT)),
    ("tty::reboot", |lab| play(lab, reboot, &WITHOUT_RESULT)),
];

const ENDS_WITH_0: Outcome = Outcome::Ended(Ending::Exited(0));
const ENDS_WITH_5: Outcome = Outcome::Ended(Ending::Exited(5));
const WITHOUT_RESULT: Outcome = Outcome::Ended(Ending::NoResult);

/// Longer than all of a typist's patience in one scenario is worth.
const LIMIT: Duration = Duration::from_secs(240);

/// A foreground job that says when it is one. The words in quotes keep the
/// echo of the command from looking like its output.
const SLEEPER: &str = "sh -c 'echo rea\"\"dy; exec sleep 1000'";

/// The same with a reader of the terminal.
const READER: &str = "sh -c 'echo rea\"\"dy; exec cat'";

fn commands(shell: &mut Typist) -> Result<()> {
    shell.prompt()?;
    shell.ask("echo m$((40+2))", "m42\r\n")?;
    shell.prompt()?;
    shell.ask("ls -d /et* | tr a-z A-Z", "/ETC\r\n")?;
    shell.prompt()?;
    shell.ask("false; echo s$?", "s1\r\n")?;
    shell.prompt()?;
    shell.ask("tty", "/dev/ttyS0\r\n")?;
    shell.prompt()?;
    shell.line("exit 5")
}

fn editing(shell: &mut Typist) -> Result<()> {
    shell.prompt()?;
    // The shell's own editor is not involved once the command runs: cat reads
    // a cooked terminal. Keys pressed before that would become a line of raw ones.
    shell.ask(READER, "ready\r\n")?;
    shell.press("onX")?;
    shell.expect("onX")?;
    shell.press(key::ERASE)?;
    shell.expect("\x08 \x08")?;
    shell.line("e")?;
    shell.expect("e\r\none\r\n")?;
    shell.press("rubbish")?;
    shell.expect("rubbish")?;
    shell.press(key::CTRL_U)?;
    shell.line("two")?;
    shell.expect("two\r\ntwo\r\n")?;
    shell.press(key::CTRL_D)?;
    shell.prompt()?;
    shell.ask("echo s$?", "s0\r\n")?;
    shell.prompt()?;
    // At an empty prompt an end of file ends the shell.
    shell.press(key::CTRL_D)
}

fn interrupt(shell: &mut Typist) -> Result<()> {
    shell.prompt()?;
    shell.ask(SLEEPER, "ready\r\n")?;
    shell.press(key::CTRL_C)?;
    shell.prompt()?;
    shell.ask("echo s$?", "s130\r\n")?;
    shell.prompt()?;
    // At the prompt it throws the line away, and the shell lives on.
    shell.press("no such command")?;
    shell.expect("command")?;
    shell.press(key::CTRL_C)?;
    shell.prompt()?;
    // A pipeline is one job: both ends go.
    shell.ask("sh -c 'echo rea\"\"dy >&2; exec sleep 1000' | cat; echo s$?", "ready\r\n")?;
    shell.press(key::CTRL_C)?;
    shell.prompt()?;
    shell.line("exit 0")
}

fn quit(shell: &mut Typist) -> Result<()> {
    shell.prompt()?;
    shell.ask(SLEEPER, "ready\r\n")?;
    shell.press(key::CTRL_BACKSLASH)?;
    shell.prompt()?;
    shell.ask("echo s$?", "s131\r\n")?;
    shell.prompt()?;
    shell.line("exit 0")
}

fn job_control(shell: &mut Typist) -> Result<()> {
    shell.prompt()?;
    shell.ask(SLEEPER, "ready\r\n")?;
    shell.press(key::CTRL_Z)?;
    shell.expect("Stopped")?;
    shell.prompt()?;
    shell.ask("echo s$?", "s148\r\n")?;
    shell.prompt()?;
    shell.ask("jobs", "Stopped")?;
    shell.prompt()?;
    shell.line("bg")?;
    shell.prompt()?;
    shell.ask("jobs", "Running")?;
    shell.prompt()?;
    shell.line("kill %1")?;
    shell.prompt()?;
    shell.ask("wait; jobs; echo d\"\"one", "done\r\n")?;
    shell.prompt()?;
    // A reader shows by its answer that it is in the foreground again: a key
    // pressed earlier would still be the shell's.
    shell.ask(READER, "ready\r\n")?;
    shell.press(key::CTRL_Z)?;
    shell.expect("Stopped")?;
    shell.prompt()?;
    shell.line("fg")?;
    shell.expect("\r\nsh -c")?;
    shell.ask("abc", "abc\r\nabc\r\n")?;
    shell.press(key::CTRL_C)?;
    shell.prompt()?;
    shell.ask("echo s$?", "s130\r\n")?;
    shell.prompt()?;
    shell.line("exit 0")
}

fn background_read(shell: &mut Typist) -> Result<()> {
    shell.prompt()?;
    shell.line("cat &")?;
    // The notice comes with a prompt; which one depends on who is faster, so
    // there is a second one to come with.
    shell.line("sleep 1")?;
    shell.expect("Stopped (tty input)")?;
    shell.ask("echo m$((40+2))", "m42\r\n")?;
    shell.prompt()?;
    shell.line("fg")?;
    shell.expect("cat\r\n")?;
    shell.line("hel\"\"lo")?;
    shell.expect("\r\nhel\"\"lo\r\n")?;
    shell.press(key::CTRL_D)?;
    shell.prompt()?;
    shell.line("exit 0")
}

fn settings(shell: &mut Typist) -> Result<()> {
    shell.prompt()?;
    shell.ask("stty size", "33 99\r\n")?;
    shell.prompt()?;
    shell.ask("stty -a", "isig icanon")?;
    shell.prompt()?;
    shell.ask("stty -echo; echo sile\"\"nt; read x; stty echo; echo \"<$x>\"", "silent\r\n")?;
    shell.line("secret")?;
    shell.expect("<secret>")?;
    shell.prompt()?;
    shell.ask("stty rows 40 cols 120; stty size", "40 120\r\n")?;
    shell.prompt()?;
    shell.line("exit 0")
}

fn poweroff(shell: &mut Typist) -> Result<()> {
    shell.prompt()?;
    shell.line("poweroff")
}

fn reboot(shell: &mut Typist) -> Result<()> {
    shell.prompt()?;
    shell.line("reboot")
}

/// Boots to an interactive shell, lets the typist play, and compares the end.
fn play(lab: &Lab, part: fn(&mut Typist) -> Result<()>, wanted: &Outcome) -> Result<Verdict> {
    let mut machine = batch::machine(&lab.bench.kernel, &lab.initrd, 2);
    set_command_line(
        &mut machine,
        "console=ttyS0 oxbow.log=debugcon oxbow.host OXBOW_STDIO=ttt OXBOW_WINSIZE=33x99",
    );
    let (screen, log) = (Screen::default(), Captured::default());
    let played = Arc::new(Mutex::new(Err(anyhow!("the typist never came to an end"))));
    let (result, typist_screen) = (Arc::clone(&played), screen.clone());
    let script = move |keys| {
        let ended = part(&mut Typist::new(keys, typist_screen));
        let is_ok = ended.is_ok();
        *result.lock().unwrap_or_else(PoisonError::into_inner) = ended;
        is_ok
    };
    let plan = Plan {
        input: Input::Script(Box::new(script)),
        serial: screen.sink(),
        log: log.sink(),
        timeout: Some(LIMIT),
        ..Plan::default()
    };
    let report = session::run(&machine, plan)?;
    let story = || {
        format!(
            "{:?}\nscreen:\n{}\nkernel:\n{}",
            report.outcome,
            screen.text(),
            crate::exec::last_lines(&log.text(), 30)
        )
    };
    let mut played = played.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = std::mem::replace(&mut *played, Ok(())) {
        return Ok(Verdict::Fail(format!("{error:#}\n{}", story())));
    }
    Ok(if report.outcome == *wanted {
        Verdict::Pass
    } else {
        Verdict::Fail(format!("wanted {wanted:?}, got {}", story()))
    })
}

/// Replaces the command line of a directly booted machine.
pub fn set_command_line(machine: &mut Machine, words: &str) {
    if let Boot::Direct { command_line, .. } = &mut machine.boot {
        words.clone_into(command_line);
    }
}
