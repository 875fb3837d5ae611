//! The job of a `run`: an extra cpio behind the initrd that tells `/init`
//! what to run, and that carries the program when it is a file of the host.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use object::elf::PT_INTERP;
use object::read::elf::{ElfFile64, ProgramHeader as _};
use object::{Architecture, Endianness, Object as _};

use crate::rootfs::Tree;

/// Where `/init` looks for its orders.
const JOB_FILE: &str = "etc/oxbow/job";

/// musl's dynamic loader, on the host and in the guest.
const MUSL_LOADER: &str = "/lib/ld-musl-x86_64.so.1";

/// What the kernel takes for all arguments of one exec is far more; this only
/// keeps an accident (`run -- cmd $(find /)`) from becoming a puzzle.
const MAX_ARGUMENTS: usize = 1024;

/// Makes the tree for `words`: PROGRAM and its arguments. `known` is the root
/// it is laid over, to tell the guest's own commands from host files.
pub fn tree(words: &[String], known: &Tree) -> Result<Tree> {
    ensure!(
        words.len() <= MAX_ARGUMENTS,
        "more than {MAX_ARGUMENTS} arguments do not fit into a job"
    );
    let mut tree = Tree::default();
    let mut words = words.to_vec();
    if let Some(program) = host_program(&words[0], known)? {
        let name = Path::new(&program.path).file_name().and_then(|name| name.to_str());
        let inner = format!("job/{}", name.context("PROGRAM has no file name")?);
        tree.file(&inner, 0o755, program.data);
        if program.needs_musl {
            tree.host_file(MUSL_LOADER.trim_start_matches('/'), 0o755, Path::new(MUSL_LOADER))
                .context("the program wants musl's loader; install the package musl")?;
        }
        words[0] = format!("/{inner}");
    }
    let mut list = Vec::new();
    for word in &words {
        list.extend_from_slice(word.as_bytes());
        list.push(0);
    }
    tree.file(JOB_FILE, 0o644, list);
    Ok(tree)
}

struct HostProgram {
    path: String,
    data: Vec<u8>,
    needs_musl: bool,
}

/// PROGRAM as a file of the host, or None when the guest has to know it.
fn host_program(word: &str, known: &Tree) -> Result<Option<HostProgram>> {
    let is_path = word.contains('/');
    // As in a shell, a bare word is a command first.
    if !is_path && is_guest_command(word, known) || !Path::new(word).is_file() {
        return Ok(None);
    }
    let data = fs::read(word).with_context(|| format!("cannot read {word}"))?;
    let kind = Kind::of(&data);
    // `/bin/ls` is on both sides; the host's own one could never run.
    if kind != Kind::Static && kind != Kind::Musl && known.contains(word.trim_start_matches('/')) {
        return Ok(None);
    }
    match kind {
        Kind::Static | Kind::Script | Kind::Musl => {}
        Kind::OtherLoader(loader) => bail!(
            "{word} needs the dynamic loader {loader}, which the guest has not; link it statically, e.g. `musl-gcc -static`"
        ),
        Kind::OtherMachine => bail!("{word} is not a program for x86_64"),
        Kind::Unknown => bail!("{word} is neither an ELF file nor a script that begins with #!"),
    }
    Ok(Some(HostProgram { path: word.to_owned(), data, needs_musl: kind == Kind::Musl }))
}

fn is_guest_command(word: &str, known: &Tree) -> bool {
    ["bin", "sbin", "usr/bin", "usr/sbin"]
        .iter()
        .any(|dir| known.contains(&format!("{dir}/{word}")))
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Static,
    Script,
    Musl,
    OtherLoader(String),
    OtherMachine,
    Unknown,
}

impl Kind {
    fn of(data: &[u8]) -> Self {
        if data.starts_with(b"#!") {
            return Self::Script;
        }
        if !data.starts_with(b"\x7fELF") {
            return Self::Unknown;
        }
        let Ok(elf) = ElfFile64::<Endianness>::parse(data) else {
            return Self::OtherMachine;
        };
        if elf.architecture() != Architecture::X86_64 {
            return Self::OtherMachine;
        }
        let endian = elf.endian();
        let headers = elf.elf_program_headers();
        let Some(interpreter) = headers.iter().find(|header| header.p_type(endian) == PT_INTERP)
        else {
            return Self::Static;
        };
        let bytes = interpreter.data(endian, data).unwrap_or_default();
        match String::from_utf8_lossy(bytes).trim_end_matches('\0') {
            MUSL_LOADER => Self::Musl,
            other => Self::OtherLoader(other.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::tree;
    use crate::rootfs::Tree;

    fn root() -> Tree {
        let mut root = Tree::default();
        root.symlink("bin/ls", "busybox");
        root
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn commands_of_the_guest_are_left_to_it() {
        for word in ["ls", "/bin/ls", "no-such-command"] {
            let job = tree(&words(&[word, "-l"]), &root()).expect("a job");
            let archive = job.to_cpio().expect("packs");
            let list = format!("{word}\0-l\0");
            assert!(archive.windows(list.len()).any(|bytes| bytes == list.as_bytes()));
            assert!(!job.contains(&format!("job/{word}")));
        }
    }

    #[test]
    fn a_script_of_the_host_is_packed() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("hello.sh");
        fs::write(&path, "#!/bin/sh\necho hello\n").expect("writes");
        let job = tree(&words(&[path.to_str().expect("UTF-8")]), &root()).expect("a job");
        assert!(job.contains("job/hello.sh"));
    }

    #[test]
    fn a_program_that_cannot_run_is_refused_with_the_next_step() {
        let program = std::env::current_exe().expect("this test is a dynamic program");
        let error =
            tree(&words(&[program.to_str().expect("UTF-8")]), &root()).expect_err("refused");
        assert!(error.to_string().contains("musl-gcc -static"), "{error}");
    }
}
