//! Finding the program: opening the file, going through scripts, reading the headers.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::file::{PATH_MAX, ResolveFlags};
use abi::{Errno, OpenFlags};
use core::any::Any;

use super::Target;
use super::script::{self, HEAD_SIZE};
use crate::elf::{Image, ReadAt, Strings};
use crate::error::{Error, Result};
use crate::fs::file::Mappable;
use crate::fs::open::{self, OpenRequest};
use crate::fs::permission::{self, May};
use crate::fs::walk::{Start, WalkCx};
use crate::fs::{OpenFile, Path};
use crate::mm::user::Sink;
use crate::mm::{MappedFile, PageCache};
use crate::task::CurrentThread;

/// Scripts whose interpreters are scripts, at most.
const SCRIPTS_MAX: usize = 5;

/// A file that is executed: as long as this lives, nobody can open it for writing (`ETXTBSY`).
pub struct Executable {
    file: Arc<OpenFile>,
}

impl Executable {
    /// Takes the right to write to `file` away from everybody.
    ///
    /// # Errors
    /// `ETXTBSY` while somebody has it open for writing.
    pub fn new(file: Arc<OpenFile>) -> Result<Arc<Self>, Errno> {
        file.inode().meta().deny_write()?;
        Ok(Arc::new(Self { file }))
    }

    /// The file.
    pub fn file(&self) -> &Arc<OpenFile> {
        &self.file
    }

    /// Its place in the tree.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// What the caller may not read, others shall not read out of its memory either.
    pub fn is_readable_by(&self, caller: &CurrentThread) -> bool {
        permission::check(self.file.inode().meta(), caller.cred(), May::READ).is_ok()
    }

    /// Its pages.
    ///
    /// # Errors
    /// `ENOEXEC` when it cannot be mapped.
    pub fn cache(&self) -> Result<Arc<PageCache>, Errno> {
        match self.file.ops().mappable(&self.file) {
            Ok(Mappable::Cache(cache)) => Ok(cache),
            Ok(Mappable::Zero) | Err(_) => Err(Errno::ENOEXEC),
        }
    }
}

impl Drop for Executable {
    fn drop(&mut self) {
        self.file.inode().meta().allow_write();
    }
}

impl MappedFile for Executable {
    fn path(&self) -> Vec<u8> {
        MappedFile::path(&*self.file)
    }

    fn dev_ino(&self) -> (u64, u64) {
        self.file.dev_ino()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Where a program is looked for.
pub struct Lookup<'a> {
    /// Where a relative path starts.
    pub start: Start,
    /// The path; empty for the start itself.
    pub path: &'a [u8],
    /// A symbolic link at its end is an error.
    pub no_follow: bool,
}

/// Opens a program.
///
/// # Errors
/// Those of path resolution; `EACCES` when it is no regular file, may not be executed, or its mount
/// forbids it; `ELOOP` for a link that is not to be followed; `ETXTBSY`.
pub fn open(cx: &CurrentThread, lookup: &Lookup<'_>) -> Result<Arc<Executable>> {
    let mut flags = OpenFlags::O_RDONLY | OpenFlags::O_LARGEFILE;
    flags.set(OpenFlags::O_NOFOLLOW, lookup.no_follow);
    let request = OpenRequest { flags, mode: 0, resolve: ResolveFlags::empty(), exec: true };
    let walk = WalkCx::of(cx);
    let file = match &lookup.start {
        Start::At(path) if lookup.path.is_empty() => open::reopen(&walk, path.clone(), &request)?,
        Start::Cwd if lookup.path.is_empty() => open::reopen(&walk, cx.fs.cwd(), &request)?,
        start => open::open(&walk, start, lookup.path, &request)?,
    };
    Ok(Executable::new(file)?)
}

/// Opens an interpreter that a program names.
fn open_interpreter(cx: &CurrentThread, path: &[u8]) -> Result<Arc<Executable>> {
    open(cx, &Lookup { start: Start::Cwd, path, no_follow: false })
}

/// A program with its headers read.
pub struct Program {
    /// The file.
    pub executable: Arc<Executable>,
    /// Its pages.
    pub cache: Arc<PageCache>,
    /// What its headers say.
    pub image: Image,
}

/// All files that take part, ready to be mapped.
pub struct Programs {
    /// The program: of a script, its interpreter.
    pub main: Program,
    /// Its ELF interpreter, the dynamic linker.
    pub interpreter: Option<Program>,
    /// Everything that was opened on the way is readable by the caller.
    pub readable: bool,
}

/// What a script says to do instead of running it.
struct Redirect {
    interpreter: Vec<u8>,
    /// The interpreter, its argument, and the script's path.
    argv_front: Strings,
}

/// Finds out what to run for `executable`: goes through scripts, which changes `argv`, and reads
/// the headers of the program and its interpreter. `target` says how a script's interpreter will
/// find the script.
///
/// # Errors
/// `ENOEXEC` for files that are neither programs nor scripts; `ELOOP` for scripts of scripts of
/// scripts; `ENOENT` for a script that its interpreter could not open; `ELIBBAD` for a broken
/// interpreter; what opening interpreters gives.
pub fn resolve(
    cx: &CurrentThread,
    mut executable: Arc<Executable>,
    target: &Target,
    argv: &mut Strings,
) -> Result<Programs> {
    let mut readable = executable.is_readable_by(cx);
    let mut script_name = target.filename.clone();
    for depth in 0.. {
        let head = Head::read(cx, executable.file())?;
        let Some(redirect) = redirect(head.script(), &script_name)? else {
            let (main, interpreter) = load_headers(cx, executable, &head)?;
            readable &= interpreter.as_ref().is_none_or(|it| it.executable.is_readable_by(cx));
            return Ok(Programs { main, interpreter, readable });
        };
        if target.inaccessible {
            return Err(Errno::ENOENT.into());
        }
        argv.replace_first(&redirect.argv_front)?;
        script_name = redirect.interpreter;
        executable = open_interpreter(cx, &script_name)?;
        readable &= executable.is_readable_by(cx);
        if depth == SCRIPTS_MAX {
            break;
        }
    }
    Err(Errno::ELOOP.into())
}

/// What a script asks for; `None` when the file is none, whatever else it is.
fn redirect(head: &[u8; HEAD_SIZE], script: &[u8]) -> Result<Option<Redirect>> {
    if !head.starts_with(b"#!") {
        return Ok(None);
    }
    let shebang = script::parse(head)?;
    let mut argv_front = Strings::default();
    argv_front.push(shebang.interpreter)?;
    if let Some(argument) = shebang.argument {
        argv_front.push(argument)?;
    }
    argv_front.push(script)?;
    let interpreter = shebang.interpreter.to_vec();
    Ok(Some(Redirect { interpreter, argv_front }))
}

fn load_headers(
    cx: &CurrentThread,
    executable: Arc<Executable>,
    head: &Head,
) -> Result<(Program, Option<Program>)> {
    let image = Image::parse(&FileReader { cx, file: executable.file(), head })?;
    let cache = executable.cache()?;
    let interpreter = match image.interpreter {
        Some((offset, len)) => Some(load_interpreter(cx, executable.file(), offset, len)?),
        None => None,
    };
    Ok((Program { executable, cache, image }, interpreter))
}

fn load_interpreter(
    cx: &CurrentThread,
    file: &Arc<OpenFile>,
    offset: u64,
    len: usize,
) -> Result<Program> {
    let mut path = [0; PATH_MAX];
    let path = path.get_mut(..len).ok_or(Errno::ENOEXEC)?;
    if read_fully(cx, file, offset, path)? < len {
        return Err(Errno::EIO.into());
    }
    if path.last() != Some(&0) {
        return Err(Errno::ENOEXEC.into());
    }
    let end = path.iter().position(|&byte| byte == 0).unwrap_or(len);
    let executable = open_interpreter(cx, &path[..end])?;
    let bad = |_| Errno::ELIBBAD;
    let head = Head::read(cx, executable.file())?;
    let file = FileReader { cx, file: executable.file(), head: &head };
    let image = Image::parse(&file).map_err(bad)?;
    let cache = executable.cache().map_err(bad)?;
    Ok(Program { executable, cache, image })
}

/// Reads as much of the file as there is.
fn read_fully(
    cx: &CurrentThread,
    file: &Arc<OpenFile>,
    offset: u64,
    buffer: &mut [u8],
) -> Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        let Some(pos) = offset.checked_add(done as u64).filter(|&pos| i64::try_from(pos).is_ok())
        else {
            break;
        };
        let mut io = file.io(cx, pos);
        let read = file.ops().read(file, &mut Sink::kernel(&mut buffer[done..]), &mut io)?;
        if read == 0 {
            break;
        }
        done += read;
    }
    Ok(done)
}

/// The start of a file, where scripts have their first line and programs usually all headers.
struct Head {
    bytes: [u8; Self::SIZE],
    len: usize,
}

impl Head {
    const SIZE: usize = 1024;

    fn read(cx: &CurrentThread, file: &Arc<OpenFile>) -> Result<Self> {
        let mut bytes = [0; Self::SIZE];
        let len = read_fully(cx, file, 0, &mut bytes)?;
        Ok(Self { bytes, len })
    }

    fn script(&self) -> &[u8; HEAD_SIZE] {
        self.bytes.first_chunk().expect("invariant: a script's head is shorter")
    }

    /// These bytes of the file, if they are all here.
    fn get(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let start = usize::try_from(offset).ok()?;
        self.bytes[..self.len].get(start..start.checked_add(len)?)
    }
}

/// A file for the ELF parser.
struct FileReader<'a> {
    cx: &'a CurrentThread,
    file: &'a Arc<OpenFile>,
    head: &'a Head,
}

impl ReadAt for FileReader<'_> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        if let Some(bytes) = self.head.get(offset, buffer.len()) {
            buffer.copy_from_slice(bytes);
            return Ok(bytes.len());
        }
        read_fully(self.cx, self.file, offset, buffer).map_err(|error| match error {
            Error::Errno(errno) => errno,
            Error::Restart(_) => Errno::EIO,
        })
    }
}
