//! Reading and writing through a page cache.

use abi::Errno;
use machine::addr::{PAGE_SHIFT, PAGE_SIZE};
use machine::frame;

use super::{BATCH, PageCache, Run};
use crate::error::Result;
use crate::mm::user::{Sink, Source};

impl PageCache {
    /// Copies bytes from `pos` on into `sink` until it is full or the object ends; returns how many.
    ///
    /// # Errors
    /// `EFAULT` when nothing could be stored.
    pub fn read(&self, pos: u64, sink: &mut Sink<'_>) -> Result<usize> {
        let mut done = 0;
        loop {
            let at = pos + done as u64;
            let left = self.size().saturating_sub(at).min(sink.remaining() as u64) as usize;
            if left == 0 {
                return Ok(done);
            }
            let first = at >> PAGE_SHIFT;
            let wanted = (at as usize % PAGE_SIZE + left).div_ceil(PAGE_SIZE).min(BATCH);
            let mut run = Run::new();
            self.run(first, wanted, &mut run);
            let mut offset = at as usize % PAGE_SIZE;
            let mut left = left;
            for page in &run {
                let len = (PAGE_SIZE - offset).min(left);
                let copied = match page {
                    Some(frame) => sink.write_frame(frame, offset, len),
                    None => sink.write_zeroes(len),
                };
                let copied = match copied {
                    Err(error) if done == 0 => return Err(error),
                    copied => copied.unwrap_or(0),
                };
                done += copied;
                if copied < len {
                    return Ok(done);
                }
                left -= len;
                offset = 0;
            }
        }
    }

    /// Copies all of `source` to `pos` on, making pages and growing the size; returns how many
    /// bytes.
    ///
    /// # Errors
    /// `EFAULT`, `ENOSPC`, `ENOMEM` when nothing was written.
    pub fn write(&self, pos: u64, source: &mut Source<'_>) -> Result<usize> {
        let mut done = 0;
        while source.remaining() > 0 {
            let at = pos + done as u64;
            let offset = at as usize % PAGE_SIZE;
            let len = (PAGE_SIZE - offset).min(source.remaining());
            match self.write_page(at >> PAGE_SHIFT, offset, len, source) {
                Ok(copied) => {
                    done += copied;
                    self.grow(pos + done as u64);
                    if copied < len {
                        break;
                    }
                }
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn write_page(
        &self,
        page: u64,
        offset: usize,
        len: usize,
        source: &mut Source<'_>,
    ) -> Result<usize> {
        if let Some(frame) = self.peek(page) {
            return source.read_frame(&frame, offset, len);
        }
        // The bytes go straight into the new frame, before anybody can see it.
        let mut outcome = Err(Errno::EFAULT.into());
        let fresh = frame::alloc_filled(|frame| {
            frame.fill_zero(0, offset);
            outcome = source.read_frame(frame, offset, len);
            offset + *outcome.as_ref().unwrap_or(&0)
        })?;
        let copied = outcome?;
        let fresh = fresh.into_shared();
        let there = self.insert(page, fresh.clone(), false).map_err(Errno::from)?;
        if there != fresh {
            // Another writer made the page meanwhile: add our bytes to it.
            there.copy_range(offset, &fresh, offset, copied);
        }
        Ok(copied)
    }

    /// Reads bytes for the kernel itself; returns how many there were.
    pub fn read_bytes(&self, pos: u64, to: &mut [u8]) -> usize {
        self.read(pos, &mut Sink::kernel(to)).unwrap_or(0)
    }

    /// Writes bytes of the kernel itself.
    ///
    /// # Errors
    /// `ENOSPC`, `ENOMEM` when they do not all fit.
    pub fn write_bytes(&self, pos: u64, from: &[u8]) -> Result<()> {
        let mut source = Source::kernel(from);
        let mut done = 0;
        while done < from.len() {
            done += self.write(pos + done as u64, &mut source)?;
        }
        Ok(())
    }
}
