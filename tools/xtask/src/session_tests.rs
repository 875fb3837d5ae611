//! The harness against tiny machines that behave in known ways.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::qemu::{Boot, Ending, Machine};
use crate::session::{Captured, Input, Outcome, Plan, run};

#[derive(Clone, Copy)]
enum Mode {
    CopyInput = 0,
    Panic = 1,
    TripleFault = 2,
    Hang = 3,
}

/// Assembles the machine's program.
fn machine(dir: &Path, mode: Mode) -> Machine {
    let kernel = dir.join("machine.elf");
    let object = dir.join("machine.o");
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/machine.s");
    let call = |command: &mut Command| assert!(command.status().expect("binutils").success());
    let mode = format!("MODE={}", mode as u8);
    call(Command::new("as").args(["--32", "--defsym", &mode, "-o"]).args([&object, &source]));
    call(Command::new("ld").args(["-melf_i386", "-Ttext=0x100000", "-o"]).args([&kernel, &object]));
    Machine {
        boot: Boot::Direct { kernel, initrd: None, command_line: String::new() },
        machine: "pc".to_owned(),
        cpu: "qemu64".to_owned(),
        smp: 1,
        mem_mib: 16,
        extra: Vec::new(),
    }
}

fn play(mode: Mode, plan: Plan) -> Outcome {
    let dir = tempfile::tempdir().expect("a temporary directory");
    run(&machine(dir.path(), mode), plan).expect("QEMU starts").outcome
}

#[test]
fn every_byte_goes_in_and_comes_out() {
    let data: Vec<u8> = (0..50_000u32).map(|n| (n * 7 % 256) as u8).collect();
    let mut input = tempfile::tempfile().expect("a temporary file");
    input.write_all(&data).expect("writes");
    io::Seek::rewind(&mut input).expect("rewinds");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let out = dir.path().join("out");
    let log = Captured::default();
    let plan = Plan {
        input: Input::Pipe(input.into()),
        output: crate::session::to_writer(File::create(&out).expect("creates")),
        log: log.sink(),
        timeout: Some(Duration::from_secs(60)),
        ..Plan::default()
    };
    assert_eq!(play(Mode::CopyInput, plan), Outcome::Ended(Ending::Exited(7)));
    assert_eq!(fs::read(&out).expect("there"), data);
    assert_eq!(log.text(), "l\n");
}

#[test]
fn a_panic_a_reset_and_a_hang_are_told_apart() {
    let plan = || Plan { timeout: Some(Duration::from_secs(60)), ..Plan::default() };
    assert_eq!(play(Mode::Panic, plan()), Outcome::Ended(Ending::Panic));
    assert_eq!(play(Mode::TripleFault, plan()), Outcome::Ended(Ending::Reset));
    let short = Plan { timeout: Some(Duration::from_secs(2)), ..Plan::default() };
    assert_eq!(play(Mode::Hang, short), Outcome::TimedOut);
    let silent = Plan { silence: Some(Duration::from_secs(2)), ..Plan::default() };
    assert_eq!(play(Mode::Hang, silent), Outcome::TimedOut);
}

#[test]
fn output_without_a_reader_ends_the_machine() {
    let data = [b'x'; 5000];
    let mut input = tempfile::tempfile().expect("a temporary file");
    input.write_all(&data).expect("writes");
    io::Seek::rewind(&mut input).expect("rewinds");
    let plan = Plan {
        input: Input::Pipe(input.into()),
        output: Box::new(|_| Err(io::ErrorKind::BrokenPipe.into())),
        timeout: Some(Duration::from_secs(60)),
        ..Plan::default()
    };
    assert_eq!(play(Mode::CopyInput, plan), Outcome::BrokenPipe);
}
