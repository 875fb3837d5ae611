//! `cargo xtask`: the one entry point to set up, build, run and test Oxbow.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Parser, Subcommand};
use xtask::iso::{self, IsoArgs};
use xtask::run::{self, RunArgs};
use xtask::test::{self, TestArgs};
use xtask::{initrd, kernel, setup, tidy};

/// Set up, build, run and test Oxbow.
///
/// On a fresh machine `cargo xtask run` is all it takes: what is missing is
/// installed first.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Find out what this machine lacks, say why it is needed, install it.
    ///
    /// Does nothing when nothing is missing. Every other command that needs
    /// the tools calls this by itself. `OXBOW_TOOLCHAIN=rustup` or `=debian`
    /// forces one of the two ways to build for x86_64-unknown-none;
    /// `OXBOW_CACHE=DIR` keeps what is built once (busybox) outside target/.
    Setup,
    /// Build the kernel and the default initrd, print both paths.
    Build {
        /// Build the checked kernel: lock order, overflow and other run-time checks.
        #[arg(long)]
        checked: bool,
    },
    Run(RunArgs),
    Test(TestArgs),
    Iso(IsoArgs),
    /// Check what no compiler checks: layers, file lengths, SAFETY comments.
    ///
    /// The direction boot -> core -> {machine, abi}, and the layers inside
    /// core; files of at most 500 lines; unsafe code only where it belongs,
    /// each with its argument; notes with a reason; no white space at line ends.
    Tidy,
    /// Pack the default root, and directories over it, into a cpio archive.
    Initrd {
        /// Where to write the archive.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Directories laid over the default root, in this order; a later one wins.
        #[arg(value_name = "DIR")]
        dirs: Vec<PathBuf>,
    },
}

fn main() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(1)
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Setup => {
            setup::run(setup::Report::Always)?;
        }
        Command::Build { checked } => {
            let tools = setup::run(setup::Report::WhenMissing)?;
            let kernel = kernel::build(
                &tools,
                kernel::Profile::from_checked(checked),
                kernel::Output::Shown,
            )?;
            let initrd = initrd::default(&tools)?;
            println!("{}", kernel.display());
            println!("{}", initrd.display());
        }
        Command::Run(args) => return Ok(run_program(&args)),
        Command::Test(args) => {
            return Ok(if test::run(&args)? { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Iso(args) => {
            let tools = setup::run(setup::Report::WhenMissing)?;
            let kernel = kernel::build(&tools, kernel::Profile::Release, kernel::Output::Shown)?;
            let initrd = match args.initrd {
                Some(path) => path,
                None => initrd::default(&tools)?,
            };
            let content =
                iso::Content { kernel: &kernel, initrd: &initrd, command_line: &args.append };
            iso::make(&args.limine, &content, &args.out)?;
        }
        Command::Tidy => {
            let findings = tidy::check()?;
            for finding in &findings {
                println!("{finding}");
            }
            if !findings.is_empty() {
                bail!("tidy: {} things to put right", findings.len());
            }
        }
        Command::Initrd { out, dirs } => {
            let tools = setup::run(setup::Report::WhenMissing)?;
            initrd::pack(&tools, &out, &dirs)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The program's exit code; failures of our own have one that tells them apart.
fn run_program(args: &RunArgs) -> ExitCode {
    let result = run::check(args)
        .and_then(|()| setup::run(setup::Report::WhenMissing))
        .and_then(|tools| run::run(&tools, args));
    ExitCode::from(result.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        run::exit_code::NOT_STARTED
    }))
}
