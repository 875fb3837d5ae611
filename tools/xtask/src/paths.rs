//! Where things lie: everything that xtask makes is under `target/oxbow`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The root of the source tree.
pub fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest
        .ancestors()
        .find(|dir| dir.join("tools/xtask/Cargo.toml").is_file())
        .map_or(manifest.clone(), Path::to_path_buf)
}

/// A path inside the source tree.
pub fn source(relative: &str) -> PathBuf {
    root().join(relative)
}

/// A path under `target/oxbow`.
pub fn out(relative: &str) -> PathBuf {
    root().join("target/oxbow").join(relative)
}

/// A directory under `target/oxbow`, made if it is not there.
pub fn out_dir(relative: &str) -> Result<PathBuf> {
    ensure_dir(out(relative))
}

/// Where slow builds are kept: `$OXBOW_CACHE`, or `target/oxbow/cache`.
pub fn cache_dir() -> Result<PathBuf> {
    ensure_dir(env::var_os("OXBOW_CACHE").map_or_else(|| out("cache"), PathBuf::from))
}

fn ensure_dir(dir: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&dir)
        .with_context(|| format!("cannot make the directory {}", dir.display()))?;
    Ok(dir)
}

/// Finds a program in `$PATH`, or in the sbin directories that users other
/// than root often have not in theirs.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.is_file())
}

/// Writes a file only when its content changes, so that what depends on its
/// time stamp is not built again for nothing. The file appears in one step:
/// another xtask that reads it sees the old or the new one, never a half.
pub fn write_if_changed(path: &Path, data: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|old| old == data) {
        return Ok(false);
    }
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(dir)
        .with_context(|| format!("cannot write into {}", dir.display()))?;
    std::io::Write::write_all(&mut file, data)?;
    file.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}
