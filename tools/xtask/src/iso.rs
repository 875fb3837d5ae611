//! `cargo xtask iso`: a CD image that Limine boots, on BIOS and on UEFI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::exec::{self, Step};
use crate::packages;

/// Make an ISO image that boots on BIOS and UEFI machines, by Limine.
#[derive(Args, Debug)]
pub struct IsoArgs {
    /// Limine's binaries: limine-bios.sys, limine-bios-cd.bin,
    /// limine-uefi-cd.bin and BOOTX64.EFI.
    #[arg(long, value_name = "DIR")]
    pub limine: PathBuf,
    /// Where to write the image.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The kernel's command line.
    #[arg(long, default_value = "console=ttyS0", allow_hyphen_values = true, value_name = "STR")]
    pub append: String,
    /// The initrd, instead of the default one.
    #[arg(long, value_name = "FILE")]
    pub initrd: Option<PathBuf>,
}

/// What goes into an image.
pub struct Content<'a> {
    /// The kernel.
    pub kernel: &'a Path,
    /// The initrd.
    pub initrd: &'a Path,
    /// The command line.
    pub command_line: &'a str,
}

const LIMINE_FILES: &[&str] = &["limine-bios.sys", "limine-bios-cd.bin", "limine-uefi-cd.bin"];

/// Writes the image.
pub fn make(limine: &Path, content: &Content<'_>, out: &Path) -> Result<()> {
    packages::install(&packages::missing(packages::ISO))?;
    let efi = limine.join("BOOTX64.EFI");
    for file in LIMINE_FILES.iter().map(|name| limine.join(name)).chain([efi.clone()]) {
        ensure!(
            file.is_file(),
            "{} is not there; --limine wants the directory of Limine's binary release",
            file.display()
        );
    }
    let tree = tempfile::Builder::new().prefix("oxbow-iso-").tempdir()?;
    let boot = tree.path().join("boot/limine");
    fs::create_dir_all(&boot)?;
    fs::create_dir_all(tree.path().join("EFI/BOOT"))?;
    for name in LIMINE_FILES {
        copy(&limine.join(name), &boot.join(name))?;
    }
    copy(&efi, &tree.path().join("EFI/BOOT/BOOTX64.EFI"))?;
    copy(content.kernel, &tree.path().join("boot/oxbow"))?;
    copy(content.initrd, &tree.path().join("boot/initrd.cpio"))?;
    fs::write(boot.join("limine.conf"), config(content.command_line))?;

    let step = Step::start("writing the ISO image");
    let mut command = Command::new("xorriso");
    command.args(["-as", "mkisofs", "-R", "-r", "-J"]);
    command.args([
        "-b",
        "boot/limine/limine-bios-cd.bin",
        "-no-emul-boot",
        "-boot-load-size",
        "4",
        "-boot-info-table",
    ]);
    command.args([
        "--efi-boot",
        "boot/limine/limine-uefi-cd.bin",
        "-efi-boot-part",
        "--efi-boot-image",
    ]);
    command.arg("--protective-msdos-label").arg(tree.path()).arg("-o").arg(out);
    exec::run_logged(&mut command, "xorriso")?;
    // A BIOS that boots the image from a disk needs a boot sector as well;
    // the tool that writes it is part of some releases only.
    let installer = limine.join("limine");
    if installer.is_file() {
        exec::run_logged(Command::new(installer).arg("bios-install").arg(out), "limine")?;
    }
    step.done("wrote the ISO image");
    Ok(())
}

/// The form of limine.conf as of Limine 8.
fn config(command_line: &str) -> String {
    format!(
        "timeout: 0\nserial: no\n\n/Oxbow\n    protocol: limine\n    kernel_path: boot():/boot/oxbow\n    \
         cmdline: {command_line}\n    module_path: boot():/boot/initrd.cpio\n"
    )
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}
