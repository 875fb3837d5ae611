//! Boots on many machines, with good and with bad initrds, and the promises
//! of the command line: what comes out, byte for byte, and how it ends.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::batch;
use crate::interactive::set_command_line;
use crate::iso;
use crate::qemu::{Boot, Ending, Machine};
use crate::rootfs::Tree;
use crate::session::{self, Captured, Input, Outcome, Plan};
use crate::tap::Verdict;
use crate::trials::{Lab, Scenario};

/// The scenarios, by name.
pub const SCENARIOS: &[(&str, Scenario)] = &[
    ("boot::pc", |lab| boots(lab, |_| {})),
    ("boot::q35", |lab| boots(lab, |machine| "q35".clone_into(&mut machine.machine))),
    ("boot::microvm", |lab| boots(lab, |machine| "microvm".clone_into(&mut machine.machine))),
    ("boot::16_mib", |lab| boots(lab, |machine| machine.mem_mib = 16)),
    ("boot::4_gib", |lab| boots(lab, |machine| machine.mem_mib = 4096)),
    ("boot::four_processors", |lab| boots(lab, |machine| machine.smp = 4)),
    ("boot::cpu_qemu64", |lab| boots(lab, |machine| "qemu64".clone_into(&mut machine.cpu))),
    ("boot::cpu_haswell", |lab| boots(lab, |machine| "Haswell".clone_into(&mut machine.cpu))),
    ("boot::cpu_max", |lab| boots(lab, |machine| "max".clone_into(&mut machine.cpu))),
    ("boot::limine_bios", |lab| limine(lab, None)),
    ("boot::limine_uefi", |lab| {
        limine(lab, Some(&["/usr/share/ovmf/OVMF.fd", "/usr/share/OVMF/OVMF.fd"]))
    }),
    ("initrd::gzip", |lab| boots_image(lab, &gzip(&plain(lab)?)?)),
    ("initrd::concatenated", concatenated),
    ("initrd::truncated", |lab| refused(lab, |image| image[..image.len() / 2].to_vec())),
    ("initrd::truncated_gzip", |lab| {
        refused(lab, |image| {
            let packed = gzip(image).unwrap_or_default();
            packed[..packed.len() / 2].to_vec()
        })
    }),
    ("initrd::garbage", |lab| refused(lab, |_| b"This is no archive at all. ".repeat(100))),
    ("initrd::linux_style_poweroff", |lab| foreign(lab, "poweroff -f", "pc")),
    ("initrd::linux_style_reboot", |lab| foreign(lab, "reboot -f", "pc")),
    ("initrd::linux_style_poweroff_q35", |lab| foreign(lab, "poweroff -f", "q35")),
    ("initrd::linux_style_reboot_q35", |lab| foreign(lab, "reboot -f", "q35")),
    ("initrd::linux_style_poweroff_microvm", |lab| foreign(lab, "poweroff -f", "microvm")),
    ("initrd::linux_style_reboot_microvm", |lab| foreign(lab, "reboot -f", "microvm")),
    ("run::plain_qemu_with_arguments", plain_qemu),
    ("run::exit_code", |lab| ends(lab, &["sh", "-c", "exit 7"], "", &Ending::Exited(7))),
    ("run::signal", |lab| ends(lab, &["sh", "-c", "kill -SEGV $$"], "", &Ending::Killed(11))),
    ("run::not_found", |lab| ends(lab, &["no-such-command"], "", &Ending::Exited(127))),
    ("run::init_that_dies", init_dies),
    ("run::script_from_a_pipe", script_from_a_pipe),
    ("run::bytes_in_and_out", bytes_in_and_out),
    ("run::memory_after_2000_forks", memory_after_forks),
];

const LIMIT: Duration = Duration::from_secs(120);
const HOST_WORDS: &str = "console=ttyS0 oxbow.log=debugcon oxbow.host OXBOW_STDIO=ppp";
const GREETING: &[&str] = &["sh", "-c", "echo smoke $((6*7)); exit 42"];

/// What a machine did.
struct Story {
    outcome: Outcome,
    output: Vec<u8>,
    error: String,
    console: String,
    log: String,
    complaints: String,
}

impl Story {
    fn fail(&self, why: &str) -> Verdict {
        Verdict::Fail(format!(
            "{why}; it ended so: {:?}\nstdout: {:?}\nstderr: {}\nconsole: {}\nkernel:\n{}\nQEMU: {}",
            self.outcome,
            String::from_utf8_lossy(&self.output[..self.output.len().min(2000)]),
            self.error,
            crate::exec::last_lines(&self.console, 30),
            crate::exec::last_lines(&self.log, 30),
            self.complaints
        ))
    }

    fn judge(&self, wanted: &Ending, output: &str) -> Verdict {
        let ended = self.outcome == Outcome::Ended(wanted.clone());
        if !ended {
            self.fail(&format!("wanted: {wanted}"))
        } else if self.output != output.as_bytes() {
            self.fail(&format!("stdout should be {output:?}"))
        } else {
            Verdict::Pass
        }
    }
}

fn tell(machine: &Machine, input: Input) -> Result<Story> {
    let (output, error, console, log) =
        (Captured::default(), Captured::default(), Captured::default(), Captured::default());
    let plan = Plan {
        input,
        serial: console.sink(),
        output: output.sink(),
        error: error.sink(),
        log: log.sink(),
        timeout: Some(LIMIT),
        ..Plan::default()
    };
    let report = session::run(machine, plan)?;
    Ok(Story {
        outcome: report.outcome,
        output: output.bytes(),
        error: error.text(),
        console: console.text(),
        log: log.text(),
        complaints: report.complaints,
    })
}

fn plain(lab: &Lab) -> Result<Vec<u8>> {
    fs::read(&lab.initrd).context("the default initrd")
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn boots(lab: &Lab, change: fn(&mut Machine)) -> Result<Verdict> {
    let image = batch::with_job(&plain(lab)?, &words(GREETING))?;
    let mut machine = batch::machine(&lab.bench.kernel, image.path(), 2);
    change(&mut machine);
    Ok(tell(&machine, Input::Empty)?.judge(&Ending::Exited(42), "smoke 42\n"))
}

fn boots_image(lab: &Lab, image: &[u8]) -> Result<Verdict> {
    let image = batch::with_job(image, &words(GREETING))?;
    let machine = batch::machine(&lab.bench.kernel, image.path(), 2);
    Ok(tell(&machine, Input::Empty)?.judge(&Ending::Exited(42), "smoke 42\n"))
}

/// A later archive adds files and replaces those of an earlier one.
fn concatenated(lab: &Lab) -> Result<Verdict> {
    let mut over = Tree::default();
    over.file("etc/hostname", 0o644, b"second\n".to_vec());
    let mut image = plain(lab)?;
    image.resize(image.len().next_multiple_of(4), 0);
    image.extend(gzip(&over.to_cpio()?)?);
    let image = batch::with_job(&image, &words(&["cat", "/etc/hostname", "/etc/shells"]))?;
    let machine = batch::machine(&lab.bench.kernel, image.path(), 1);
    Ok(tell(&machine, Input::Empty)?.judge(&Ending::Exited(0), "second\n/bin/sh\n/bin/ash\n"))
}

/// A bad initrd: one clear line on the log, and the exit status for it.
fn refused(lab: &Lab, spoil: fn(&[u8]) -> Vec<u8>) -> Result<Verdict> {
    let file = temporary(&spoil(&plain(lab)?))?;
    let machine = batch::machine(&lab.bench.kernel, file.path(), 1);
    let story = tell(&machine, Input::Empty)?;
    if story.outcome != Outcome::Ended(Ending::BadInitrd) {
        return Ok(story.fail("a bad initrd must be refused"));
    }
    let lines = story.log.lines().filter(|line| line.contains("oxbow: initrd:")).count();
    Ok(if lines == 1 {
        Verdict::Pass
    } else {
        story.fail("the log must have one line `oxbow: initrd: ...`")
    })
}

/// An initrd as people make them for Linux: a shell script as /init, which
/// mounts, runs something, and powers off by itself.
fn foreign(lab: &Lab, end: &str, machine_type: &str) -> Result<Verdict> {
    let mut over = Tree::default();
    let script = format!(
        "#!/bin/sh\nmount -t proc proc /proc\nmount -t sysfs sysfs /sys\nmount -t devtmpfs dev /dev\n\
         mount -t tmpfs tmpfs /tmp\necho foreign $((6*7)) $#:$1 $WORD\n{end}\n"
    );
    over.file("linuxinit", 0o755, script.into_bytes());
    let mut image = plain(lab)?;
    image.resize(image.len().next_multiple_of(4), 0);
    image.extend(over.to_cpio()?);
    let file = temporary(&image)?;
    let mut machine = batch::machine(&lab.bench.kernel, file.path(), 2);
    machine_type.clone_into(&mut machine.machine);
    set_command_line(
        &mut machine,
        "console=ttyS0 rdinit=/linuxinit quiet loglevel=3 panic=-1 WORD=yes -- \"an argument\"",
    );
    let story = tell(&machine, Input::Empty)?;
    let said = story.console.contains("foreign 42 1:an argument yes");
    Ok(if said && ended_in_order(&story.outcome) {
        Verdict::Pass
    } else {
        story.fail("the script must run and end the machine")
    })
}

/// Without our channels the kernel does not say how it ends: QEMU's own
/// success, without a triple fault, is all there is to see.
fn ended_in_order(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Ended(Ending::NoResult | Ending::Reset))
}

/// The default root without xtask's channels: words after `--` are the job.
fn plain_qemu(lab: &Lab) -> Result<Verdict> {
    let mut machine = batch::machine(&lab.bench.kernel, &lab.initrd, 2);
    set_command_line(
        &mut machine,
        "console=ttyS0 rdinit=/init quiet loglevel=3 panic=-1 -- sh -c \"echo plain $((6*7))\"",
    );
    let story = tell(&machine, Input::Empty)?;
    let said = story.console.contains("plain 42");
    Ok(if said && ended_in_order(&story.outcome) {
        Verdict::Pass
    } else {
        story.fail("the job must run on the console")
    })
}

fn ends(lab: &Lab, job: &[&str], output: &str, wanted: &Ending) -> Result<Verdict> {
    let image = batch::with_job(&plain(lab)?, &words(job))?;
    let machine = batch::machine(&lab.bench.kernel, image.path(), 2);
    Ok(tell(&machine, Input::Empty)?.judge(wanted, output))
}

fn init_dies(lab: &Lab) -> Result<Verdict> {
    let mut machine = batch::machine(&lab.bench.kernel, &lab.initrd, 1);
    set_command_line(&mut machine, &format!("{HOST_WORDS} rdinit=/bin/false panic=-1"));
    let story = tell(&machine, Input::Empty)?;
    let line = "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100";
    let right = story.outcome == Outcome::Ended(Ending::InitDied) && story.log.contains(line);
    Ok(if right {
        Verdict::Pass
    } else {
        story.fail("the death of process 1 must be reported as on Linux")
    })
}

fn script_from_a_pipe(lab: &Lab) -> Result<Verdict> {
    let image = batch::with_job(&plain(lab)?, &words(&["sh"]))?;
    let machine = batch::machine(&lab.bench.kernel, image.path(), 2);
    let script = b"ls -d /etc/host* | wc -l\nsleep 1 & wait; echo $?\nexit 3\n";
    let story = tell(&machine, Input::Pipe(rewound(script)?.into()))?;
    Ok(story.judge(&Ending::Exited(3), "2\n0\n"))
}

/// Every byte value, more than any buffer on the way holds.
fn bytes_in_and_out(lab: &Lab) -> Result<Verdict> {
    let data: Vec<u8> =
        (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let image = batch::with_job(&plain(lab)?, &words(&["cat"]))?;
    let machine = batch::machine(&lab.bench.kernel, image.path(), 2);
    let story = tell(&machine, Input::Pipe(rewound(&data)?.into()))?;
    let right = story.output == data && story.outcome == Outcome::Ended(Ending::Exited(0));
    Ok(if right {
        Verdict::Pass
    } else {
        story.fail(&format!("{} bytes of {} came back", story.output.len(), data.len()))
    })
}

/// What processes used is free again: the loop's own noise stays below 1 MiB.
fn memory_after_forks(lab: &Lab) -> Result<Verdict> {
    let script = "free_kib() { awk '/^MemFree/ {print $2}' /proc/meminfo; }\n\
        loop() { i=0; while [ $i -lt $1 ]; do /bin/true; i=$((i+1)); done; }\n\
        loop 50; before=$(free_kib); loop 2000; after=$(free_kib)\n\
        [ $((before - after)) -lt 1024 ] && echo kept || echo lost $((before - after)) KiB";
    ends(lab, &["sh", "-c", script], "kept\n", &Ending::Exited(0))
}

/// Boots an ISO, when there is a Limine to make it with.
fn limine(lab: &Lab, firmware: Option<&[&str]>) -> Result<Verdict> {
    let Some(dir) = std::env::var_os("LIMINE_DIR") else {
        return Ok(Verdict::Skip(
            "LIMINE_DIR is not set; give it the directory of Limine's binaries".to_owned(),
        ));
    };
    let firmware = match firmware {
        None => None,
        Some(paths) => match paths.iter().map(PathBuf::from).find(|path| path.is_file()) {
            Some(path) => Some(path),
            None => {
                return Ok(Verdict::Skip(
                    "there is no UEFI firmware; install the package ovmf".to_owned(),
                ));
            }
        },
    };
    let image = batch::with_job(&plain(lab)?, &words(GREETING))?;
    let iso = tempfile::Builder::new().prefix("oxbow-").suffix(".iso").tempfile()?;
    let content =
        iso::Content { kernel: &lab.bench.kernel, initrd: image.path(), command_line: HOST_WORDS };
    iso::make(Path::new(&dir), &content, iso.path())?;
    let mut machine = batch::machine(&lab.bench.kernel, image.path(), 2);
    machine.boot = Boot::Cdrom { iso: iso.path().to_path_buf(), firmware };
    Ok(tell(&machine, Input::Empty)?.judge(&Ending::Exited(42), "smoke 42\n"))
}

fn temporary(bytes: &[u8]) -> Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix("oxbow-initrd-").tempfile()?;
    file.write_all(bytes)?;
    file.flush()?;
    Ok(file)
}

fn rewound(bytes: &[u8]) -> Result<fs::File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(bytes)?;
    std::io::Seek::rewind(&mut file)?;
    Ok(file)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let input = rewound(bytes)?;
    let output = Command::new("gzip")
        .args(["-n", "-c"])
        .stdin(Stdio::from(input))
        .output()
        .context("cannot run gzip")?;
    Ok(output.stdout)
}
