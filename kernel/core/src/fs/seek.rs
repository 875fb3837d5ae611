//! Where lseek(2) leads.

use abi::Errno;

use crate::error::Result;

/// What lseek(2) is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seek {
    /// From the start.
    Set(i64),
    /// From the offset.
    Current(i64),
    /// From the end.
    End(i64),
    /// The next data at or after this.
    Data(i64),
    /// The next hole at or after this.
    Hole(i64),
}

/// Where `to` leads in a file of `size` bytes without holes.
///
/// # Errors
/// `EINVAL` for a negative result, `EOVERFLOW` for one too big, `ENXIO` for data or holes past
/// the end.
pub fn seek_in(size: u64, now: u64, to: Seek) -> Result<u64> {
    let (base, offset) = match to {
        Seek::Set(offset) => (0, offset),
        Seek::Current(offset) => (now, offset),
        Seek::End(offset) => (size, offset),
        Seek::Data(offset) | Seek::Hole(offset) => {
            let start = u64::try_from(offset).map_err(|_| Errno::ENXIO)?;
            if start >= size {
                return Err(Errno::ENXIO.into());
            }
            return Ok(if matches!(to, Seek::Data(_)) { start } else { size });
        }
    };
    match base.checked_add_signed(offset) {
        Some(pos) if pos <= i64::MAX as u64 => Ok(pos),
        Some(_) if offset > 0 => Err(Errno::EOVERFLOW.into()),
        _ => Err(Errno::EINVAL.into()),
    }
}
