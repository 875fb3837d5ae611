//! rename(2) and renameat2(2).
//!
//! Under the rename lock nothing else moves and no directory goes away, so "is this above that" has
//! an answer that stays true; the two directories' own locks are then taken in any order.

use alloc::sync::Arc;

use abi::Errno;
use abi::file::RenameFlags;

use super::dentry::{Children, Dentry, Name};
use super::edit::RENAME;
use super::permission::{self, May};
use super::walk::{Last, Walker};
use crate::error::Result;
use machine::sync::SpinLock;

/// What can be asked for.
const SUPPORTED: RenameFlags = RenameFlags::NOREPLACE.union(RenameFlags::EXCHANGE);

/// What the two names turned out to be.
struct Plan {
    old_dir: Arc<Dentry>,
    old: Arc<Dentry>,
    old_name: Name,
    new_dir: Arc<Dentry>,
    new: Option<Arc<Dentry>>,
    new_name: Name,
    exchange: bool,
}

/// Renames what the last component of `from` names to what the last component of `to` names.
///
/// # Errors
/// Those of rename(2).
pub fn rename(mut from: Walker<'_>, mut to: Walker<'_>, flags: u32) -> Result<()> {
    let flags = RenameFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    let no_replace = flags.contains(RenameFlags::NOREPLACE);
    let exchange = flags.contains(RenameFlags::EXCHANGE);
    if !SUPPORTED.contains(flags) || (exchange && no_replace) {
        return Err(Errno::EINVAL.into());
    }
    let old_last = from.to_last()?;
    let new_last = to.to_last()?;
    if !Arc::ptr_eq(&from.at().mount, &to.at().mount) {
        return Err(Errno::EXDEV.into());
    }
    if old_last != Last::Name {
        return Err(Errno::EBUSY.into());
    }
    if new_last != Last::Name {
        return Err(if no_replace { Errno::EEXIST } else { Errno::EBUSY }.into());
    }
    from.at().mount.writable()?;
    let Some(old) = from.child()? else {
        return Err(Errno::ENOENT.into());
    };
    let new = to.child()?;
    let plan = Plan {
        old_dir: from.at().dentry.clone(),
        old,
        old_name: Name::from(from.name()),
        new_dir: to.at().dentry.clone(),
        new,
        new_name: Name::from(to.name()),
        exchange,
    };
    check_names(&plan, &from, &to, no_replace)?;
    if let Some(new) = &plan.new
        && Arc::ptr_eq(new.inode(), plan.old.inode())
    {
        // Two names of one file: POSIX wants nothing to happen.
        return Ok(());
    }
    check_permissions(&plan, &from)?;
    if plan.old.is_mountpoint() || plan.new.as_ref().is_some_and(|new| new.is_mountpoint()) {
        return Err(Errno::EBUSY.into());
    }
    let (Some(old_entries), Some(new_entries)) = (plan.old_dir.children(), plan.new_dir.children())
    else {
        return Err(Errno::EPERM.into());
    };
    machine::frame::check_reserve()?;
    commit(&plan, old_entries, new_entries)
}

fn check_names(plan: &Plan, from: &Walker<'_>, to: &Walker<'_>, no_replace: bool) -> Result<()> {
    if no_replace && plan.new.is_some() {
        return Err(Errno::EEXIST.into());
    }
    if plan.exchange {
        let Some(new) = &plan.new else {
            return Err(Errno::ENOENT.into());
        };
        if to.trailing_slash() && !new.inode().meta().is_dir() {
            return Err(Errno::ENOTDIR.into());
        }
    }
    if !plan.old.inode().meta().is_dir() {
        let to_dir = !plan.exchange && to.trailing_slash();
        if from.trailing_slash() || to_dir {
            return Err(Errno::ENOTDIR.into());
        }
    }
    let _rename = RENAME.lock();
    check_loops(plan)
}

/// A directory cannot go into itself, nor replace one that it is in. Under the rename lock.
fn check_loops(plan: &Plan) -> Result<()> {
    if plan.old.is_ancestor_of(&plan.new_dir) {
        return Err(Errno::EINVAL.into());
    }
    if let Some(new) = &plan.new
        && new.is_ancestor_of(&plan.old_dir)
    {
        return Err(if plan.exchange { Errno::EINVAL } else { Errno::ENOTEMPTY }.into());
    }
    Ok(())
}

fn check_permissions(plan: &Plan, from: &Walker<'_>) -> Result<()> {
    let cred = from.cx().cred;
    let old_is_dir = plan.old.inode().meta().is_dir();
    permission::may_delete(&**plan.old_dir.inode(), &**plan.old.inode(), cred, old_is_dir)?;
    match &plan.new {
        None => permission::may_create(&**plan.new_dir.inode(), cred)?,
        Some(new) => {
            let as_dir = if plan.exchange { new.inode().meta().is_dir() } else { old_is_dir };
            permission::may_delete(&**plan.new_dir.inode(), &**new.inode(), cred, as_dir)?;
        }
    }
    // The `..` of a directory that moves changes.
    if !Arc::ptr_eq(&plan.old_dir, &plan.new_dir) {
        if old_is_dir {
            permission::check(plan.old.inode().meta(), cred, May::WRITE)?;
        }
        if let Some(new) = plan.new.as_ref().filter(|_| plan.exchange)
            && new.inode().meta().is_dir()
        {
            permission::check(new.inode().meta(), cred, May::WRITE)?;
        }
    }
    Ok(())
}

/// What a commit took out, to be dropped after all locks.
#[derive(Default)]
struct Released {
    entries: [Option<Arc<Dentry>>; 2],
    parents: [Option<Arc<Dentry>>; 2],
}

fn commit(
    plan: &Plan,
    old_entries: &SpinLock<Children>,
    new_entries: &SpinLock<Children>,
) -> Result<()> {
    let same_dir = Arc::ptr_eq(&plan.old_dir, &plan.new_dir);
    let released = {
        let _rename = RENAME.lock();
        check_loops(plan)?;
        let mut old_guard = old_entries.lock();
        let mut new_guard = if same_dir { None } else { Some(new_entries.lock_second()) };
        {
            let new_view = new_guard.as_deref().unwrap_or(&old_guard);
            let same = |a: Option<&Arc<Dentry>>, b: Option<&Arc<Dentry>>| match (a, b) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                (None, None) => true,
                _ => false,
            };
            if new_view.is_dead()
                || !same(old_guard.get(&plan.old_name), Some(&plan.old))
                || !same(new_view.get(&plan.new_name), plan.new.as_ref())
            {
                return Err(Errno::ENOENT.into());
            }
        }
        if !plan.exchange
            && let Some(inner) = plan.new.as_ref().and_then(|new| new.children())
        {
            let mut inner = inner.lock_second();
            if !inner.is_empty() {
                return Err(Errno::ENOTEMPTY.into());
            }
            inner.kill();
        }
        move_entries(plan, &mut old_guard, new_guard.as_deref_mut())
    };
    drop(released);
    settle(plan, same_dir);
    Ok(())
}

/// Moves the names. `new` is `None` when both are in one directory.
fn move_entries(plan: &Plan, old: &mut Children, mut new: Option<&mut Children>) -> Released {
    let mut released = Released::default();
    let moved = old.remove(&plan.old_name);
    let replaced = new.as_deref_mut().unwrap_or(old).remove(&plan.new_name);
    if let Some(moved) = &moved {
        new.unwrap_or(old).insert(plan.new_name.clone(), moved.clone());
        released.parents[0] = moved.set_place(plan.new_dir.clone(), plan.new_name.clone());
    }
    if plan.exchange
        && let Some(replaced) = &replaced
    {
        old.insert(plan.old_name.clone(), replaced.clone());
        released.parents[1] = replaced.set_place(plan.old_dir.clone(), plan.old_name.clone());
    }
    let old_is_dir = plan.old.inode().meta().is_dir();
    let new_is_dir = plan.new.as_ref().is_some_and(|new| new.inode().meta().is_dir());
    let (from, to) = (plan.old_dir.inode().meta(), plan.new_dir.inode().meta());
    if old_is_dir {
        from.drop_link();
        to.add_link();
    }
    if new_is_dir {
        to.drop_link();
        if plan.exchange {
            from.add_link();
        }
    }
    released.entries = [moved, replaced];
    released
}

/// Times, and the end of what was replaced.
fn settle(plan: &Plan, same_dir: bool) {
    plan.old_dir.inode().meta().touch_modified();
    if !same_dir {
        plan.new_dir.inode().meta().touch_modified();
    }
    plan.old.inode().meta().touch_changed();
    let Some(new) = &plan.new else { return };
    let meta = new.inode().meta();
    if !plan.exchange {
        new.set_unlinked(true);
        meta.drop_link();
        if meta.is_dir() {
            meta.set_nlink(0);
        }
    }
    meta.touch_changed();
}
