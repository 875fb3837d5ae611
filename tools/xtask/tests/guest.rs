//! The guest tests as a test binary, for `cargo nextest` and for
//! `cargo test -p xtask --test guest -- [FILTER]`.

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::Arguments;
use xtask::junit::Recorder;
use xtask::trials::{self, Which};

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let which = Which { native: true, guest: true };
    match trials::run(which, &args, &Arc::new(Recorder::default())) {
        Ok(conclusion) => conclusion.exit_code(),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
