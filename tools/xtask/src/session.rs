//! One run of a machine, from start to end: threads carry the bytes, one loop
//! decides.
//!
//! ```text
//!   stdin ──> serial console or /dev/hostin ──> guest
//!   guest ──> serial, hostout, hosterr, log, status ──> sinks
//!                     │ each thread reports its end
//!                     v
//!   signals ──────> events ──> the loop: deadline, kill, judge
//! ```
//!
//! The loop ends when QEMU has gone *and* every byte it sent has reached its
//! sink, or at once when a signal says so.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::ExitStatus;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::hostin::Window;
use crate::qemu::{Ending, Guest, Machine, Wires};
use crate::terminal::{EscapeKeys, Typed};

/// Takes bytes that came from the guest.
pub type Sink = Box<dyn FnMut(&[u8]) -> io::Result<()> + Send>;

/// Where the guest's input comes from.
pub enum Input {
    /// None: /dev/hostin is at its end from the start.
    Empty,
    /// A stream for /dev/hostin.
    Pipe(OwnedFd),
    /// The keys of a raw terminal, for the serial console.
    Keys(OwnedFd),
    /// A script that types at the serial console; false ends the machine.
    Script(Box<dyn FnOnce(UnixStream) -> bool + Send>),
}

/// What a session does with the bytes, and how long it may take.
pub struct Plan {
    /// The guest's input.
    pub input: Input,
    /// What the serial console shows.
    pub serial: Sink,
    /// The job's stdout.
    pub output: Sink,
    /// The job's stderr.
    pub error: Sink,
    /// The kernel's log.
    pub log: Sink,
    /// The longest time for the whole run.
    pub timeout: Option<Duration>,
    /// The longest silence of all channels.
    pub silence: Option<Duration>,
    /// Whether signals to this process end the machine: for `xtask run`.
    pub signals: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            input: Input::Empty,
            serial: discard(),
            output: discard(),
            error: discard(),
            log: discard(),
            timeout: None,
            silence: None,
            signals: false,
        }
    }
}

/// How a session came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The machine ended by itself.
    Ended(Ending),
    /// It took too long.
    TimedOut,
    /// Ctrl-A x.
    Quit,
    /// Our own output has no reader any more.
    BrokenPipe,
    /// A signal told us to stop.
    Signal(i32),
}

/// The result, and what may be needed to explain it.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// What QEMU said on its stderr.
    pub complaints: String,
    /// The registers at a triple fault.
    pub registers: String,
}

enum Event {
    Closed,
    SinkFailed(io::Error),
    Quit,
    Signal(i32),
}

/// A sink that forgets.
pub fn discard() -> Sink {
    Box::new(|_| Ok(()))
}

/// A sink that writes into a file or a terminal.
pub fn to_writer(mut to: impl Write + Send + 'static) -> Sink {
    Box::new(move |bytes| {
        to.write_all(bytes)?;
        to.flush()
    })
}

/// Bytes shared between a sink and whoever looks at them afterwards.
#[derive(Clone, Debug, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// A sink that adds to this.
    pub fn sink(&self) -> Sink {
        let shared = Arc::clone(&self.0);
        Box::new(move |bytes| {
            shared.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(())
        })
    }

    /// What has come so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

/// Starts the machine and stays with it to its end.
pub fn run(machine: &Machine, plan: Plan) -> Result<Report> {
    let (guest, wires) = machine.start()?;
    let (events, inbox) = mpsc::channel();
    let status = Captured::default();
    let activity = Activity::default();
    let Wires { serial, log, input, output, error, status: status_wire } = wires;
    start_input(plan.input, &serial, input, &events)?;
    let outputs = [
        (serial, plan.serial),
        (log, plan.log),
        (output, plan.output),
        (error, plan.error),
        (status_wire, status.sink()),
    ];
    let open = outputs.len();
    for (wire, sink) in outputs {
        start_output(wire, sink, activity.clone(), events.clone());
    }
    if plan.signals {
        watch_signals(events)?;
    }
    let deadline = plan.timeout.map(|timeout| Instant::now() + timeout);
    Supervisor { guest, inbox, open, deadline, silence: plan.silence, activity }.supervise(&status)
}

/// When a byte last came from the guest.
#[derive(Clone)]
struct Activity(Arc<Mutex<Instant>>);

impl Default for Activity {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl Activity {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn age(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

struct Supervisor {
    guest: Guest,
    inbox: Receiver<Event>,
    /// Output wires that have not come to their end.
    open: usize,
    deadline: Option<Instant>,
    silence: Option<Duration>,
    activity: Activity,
}

impl Supervisor {
    fn supervise(mut self, status: &Captured) -> Result<Report> {
        let mut exit: Option<ExitStatus> = None;
        let mut ended_early = None;
        loop {
            if exit.is_none() {
                exit = self.guest.try_wait()?;
            }
            if self.open == 0 && exit.is_some() {
                break;
            }
            if ended_early.is_none() && exit.is_none() && self.is_late() {
                ended_early = Some(Outcome::TimedOut);
                self.guest.kill();
            }
            // Short naps: the end of QEMU itself is not an event.
            match self.inbox.recv_timeout(Duration::from_millis(20)) {
                Ok(Event::Closed) => self.open -= 1,
                Ok(Event::SinkFailed(error)) => {
                    self.open -= 1;
                    let broken = error.kind() == io::ErrorKind::BrokenPipe;
                    if !broken {
                        eprintln!("xtask: cannot pass on the guest's output: {error}");
                    }
                    ended_early.get_or_insert(Outcome::BrokenPipe);
                    self.guest.kill();
                }
                Ok(Event::Quit) => {
                    ended_early.get_or_insert(Outcome::Quit);
                    self.guest.kill();
                }
                Ok(Event::Signal(signal)) => {
                    // Whoever reads our output may be stuck: do not wait.
                    ended_early = Some(Outcome::Signal(signal));
                    self.guest.kill();
                    break;
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
        let outcome = match (ended_early, exit) {
            (Some(outcome), _) => outcome,
            (None, Some(exit)) => Outcome::Ended(self.guest.judge(exit, &status.text())),
            (None, None) => Outcome::Quit,
        };
        Ok(Report {
            outcome,
            complaints: self.guest.complaints(),
            registers: self.guest.fault_registers(),
        })
    }

    fn is_late(&self) -> bool {
        let past = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        past || self.silence.is_some_and(|limit| self.activity.age() >= limit)
    }
}

fn start_output(mut wire: UnixStream, mut sink: Sink, activity: Activity, events: Sender<Event>) {
    thread::spawn(move || {
        let mut buffer = vec![0; 16384];
        let event = loop {
            match wire.read(&mut buffer) {
                // A socket whose far end died with unread input says so once.
                Ok(0) | Err(_) => break Event::Closed,
                Ok(count) => {
                    activity.note();
                    if let Err(error) = sink(&buffer[..count]) {
                        break Event::SinkFailed(error);
                    }
                }
            }
        };
        // Nobody listens any more when a signal has ended the session.
        let _ = events.send(event);
    });
}

fn start_input(
    input: Input,
    serial: &UnixStream,
    hostin: UnixStream,
    events: &Sender<Event>,
) -> io::Result<()> {
    let pipe: Option<Box<dyn Read + Send>> = match input {
        Input::Empty => Some(Box::new(io::empty())),
        Input::Pipe(from) => Some(Box::new(std::fs::File::from(from))),
        Input::Keys(from) => {
            let (to, events) = (serial.try_clone()?, events.clone());
            thread::spawn(move || pass_keys(from.into(), to, &events));
            None
        }
        Input::Script(script) => {
            let (wire, events) = (serial.try_clone()?, events.clone());
            thread::spawn(move || {
                if !script(wire) {
                    // The session may have ended in the meantime.
                    let _ = events.send(Event::Quit);
                }
            });
            None
        }
    };
    let from = pipe.unwrap_or_else(|| Box::new(io::empty()));
    let window = Arc::new(Window::default());
    let (credits, credit_wire) = (Arc::clone(&window), hostin.try_clone()?);
    thread::spawn(move || credits.read_credits(credit_wire));
    thread::spawn(move || {
        if let Err(error) = window.send_all(from, &hostin)
            && !matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
        {
            eprintln!("xtask: cannot read stdin for the guest: {error}");
        }
    });
    Ok(())
}

fn pass_keys(mut from: std::fs::File, mut to: UnixStream, events: &Sender<Event>) {
    let mut keys = EscapeKeys::default();
    let mut buffer = [0; 256];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        match keys.sort(&buffer[..count]) {
            Typed::Bytes(bytes) => {
                if to.write_all(&bytes).is_err() {
                    return;
                }
            }
            Typed::Quit => {
                // The session may have ended in the meantime.
                let _ = events.send(Event::Quit);
                return;
            }
        }
    }
}

fn watch_signals(events: Sender<Event>) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM])?;
    thread::spawn(move || {
        for signal in signals.forever() {
            if events.send(Event::Signal(signal)).is_err() {
                return;
            }
        }
    });
    Ok(())
}
