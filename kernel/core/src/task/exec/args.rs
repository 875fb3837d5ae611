//! Arguments and environment: how they come in, and how much of them there may be.
//!
//! The limits are Linux's (execve(2), "Limits on size of arguments and environment"): strings and
//! pointers together a quarter of the stack's limit, but at least 128 KiB and at most 6 MiB; one
//! string 128 KiB with its NUL.

use alloc::vec::Vec;

use abi::Errno;
use abi::elf::{MAX_ARG_STRINGS, MAX_ARG_STRLEN};
use machine::addr::{PAGE_SIZE, UserAddr};
use zerocopy::IntoBytes;

use crate::elf::Strings;
use crate::error::{Error, Result};
use crate::mm::{AddressSpace, user};

/// What is left of the room for strings.
#[derive(Debug, PartialEq, Eq)]
pub struct Budget {
    left: u64,
}

/// However small the stack's limit is (`ARG_MAX`).
const AT_LEAST: u64 = 131_072;
/// However big it is: three quarters of the usual 8 MiB.
const AT_MOST: u64 = (8 << 20) / 4 * 3;

impl Budget {
    /// The room for the strings of `argc` arguments and `envc` environment strings.
    ///
    /// # Errors
    /// `E2BIG` when the pointers alone are too many.
    pub fn new(stack_limit: u64, argc: usize, envc: usize) -> Result<Self, Errno> {
        let limit = (stack_limit / 4).clamp(AT_LEAST, AT_MOST);
        // An empty argument list gets one string.
        let pointers = 8 * (argc.max(1) as u64 + envc as u64);
        let left = limit.checked_sub(pointers).filter(|&left| left > 0);
        Ok(Self { left: left.ok_or(Errno::E2BIG)? })
    }

    /// Takes the room for a string of `len` bytes without its NUL.
    ///
    /// # Errors
    /// `E2BIG`.
    pub fn take(&mut self, len: usize) -> Result<(), Errno> {
        self.left = self.left.checked_sub(len as u64 + 1).ok_or(Errno::E2BIG)?;
        Ok(())
    }
}

/// The addresses in the array at `list`, up to its null pointer. No array at all is an empty one.
///
/// # Errors
/// `EFAULT`; `E2BIG` when there is no end to it; `ENOMEM`.
pub fn read_pointers(space: &AddressSpace, list: UserAddr) -> Result<Vec<u64>> {
    let mut pointers = Vec::new();
    if list.is_null() {
        return Ok(pointers);
    }
    let mut at = list;
    loop {
        // Not beyond the page: what is behind the end of the array is none of our business.
        let mut batch = [0u64; 32];
        let in_page = (PAGE_SIZE - at.page_offset()) / 8;
        let batch = &mut batch[..in_page.clamp(1, 32)];
        user::copy_in(space, batch.as_mut_bytes(), at)?;
        let end = batch.iter().position(|&pointer| pointer == 0);
        let more = &batch[..end.unwrap_or(batch.len())];
        pointers.try_reserve(more.len())?;
        pointers.extend_from_slice(more);
        if end.is_some() {
            return Ok(pointers);
        }
        // More pointers than could ever fit: no need to read what may be gigabytes of them.
        if pointers.len() >= MAX_ARG_STRINGS || pointers.len() as u64 * 8 > AT_MOST {
            return Err(Errno::E2BIG.into());
        }
        at = at.checked_add(8 * batch.len() as u64).ok_or(Errno::EFAULT)?;
    }
}

/// The strings that `pointers` point to.
///
/// # Errors
/// `E2BIG` when one is too long or they do not fit into `budget`; `EFAULT`; `ENOMEM`.
pub fn read_strings(
    space: &AddressSpace,
    pointers: &[u64],
    budget: &mut Budget,
) -> Result<Strings> {
    let mut strings = Strings::default();
    for &pointer in pointers {
        let mut len = 0;
        strings.push_with(|bytes| {
            let before = bytes.len();
            user::append_cstr(space, bytes, UserAddr::new(pointer), MAX_ARG_STRLEN)
                .map_err(too_long)?;
            len = bytes.len() - before;
            Ok::<_, Error>(())
        })?;
        budget.take(len)?;
    }
    Ok(strings)
}

fn too_long(error: Error) -> Error {
    match error {
        Error::Errno(Errno::ENAMETOOLONG) => Errno::E2BIG.into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_a_quarter_of_the_stack_within_bounds() {
        let room = |stack| Budget::new(stack, 0, 0).unwrap().left + 8;
        assert_eq!(room(8 << 20), 2 << 20);
        assert_eq!(room(4096), 128 << 10);
        assert_eq!(room(u64::MAX), 6 << 20);
    }

    #[test]
    fn pointers_and_strings_share_the_room() {
        let mut budget = Budget::new(0, 2, 3).unwrap();
        assert_eq!(budget.left, 131_072 - 40);
        budget.take(131_072 - 41).unwrap();
        assert_eq!(budget.take(0), Err(Errno::E2BIG));
        assert_eq!(Budget::new(0, 16_384, 0), Err(Errno::E2BIG));
        assert!(Budget::new(0, 16_383, 0).is_ok());
    }
}
