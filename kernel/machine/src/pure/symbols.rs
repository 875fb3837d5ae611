//! The kernel's symbol table, which `xtask build` puts at the end of the image.
//!
//! Magic u64, length u64, count u32, offset of the strings u32, then `count` pairs of (address minus
//! KERNEL_BASE, offset into the strings), sorted by address, then the strings, NUL-terminated.

fn word(table: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(table.get(at..at + 4)?.try_into().ok()?))
}

/// The function that holds the byte at `offset` from KERNEL_BASE, and how far inside that is.
pub(crate) fn find(table: &[u8], offset: u64) -> Option<(&str, u64)> {
    const ENTRIES: usize = 24;
    let wanted = u32::try_from(offset).ok()?;
    let count = word(table, 16)? as usize;
    let strings = table.get(word(table, 20)? as usize..)?;
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if word(table, ENTRIES + middle * 8)? <= wanted { low = middle + 1 } else { high = middle }
    }
    let entry = ENTRIES + low.checked_sub(1)? * 8;
    let name = strings.get(word(table, entry + 4)? as usize..)?;
    let name = core::ffi::CStr::from_bytes_until_nul(name).ok()?.to_str().ok()?;
    Some((name, u64::from(wanted - word(table, entry)?)))
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn finds_the_function_around_an_address() {
        let mut table = vec![0; 16];
        let strings: u32 = 24 + 2 * 8;
        for number in [2u32, strings, 0x1000, 0, 0x1040, 4] {
            table.extend(number.to_le_bytes());
        }
        table.extend(b"one\0two\0");
        assert_eq!(find(&table, 0xfff), None);
        assert_eq!(find(&table, 0x1000), Some(("one", 0)));
        assert_eq!(find(&table, 0x103f), Some(("one", 0x3f)));
        assert_eq!(find(&table, 0x2000), Some(("two", 0xfc0)));
        for end in 0..table.len() - 1 {
            assert_eq!(find(&table[..end], 0x2000), None);
        }
    }
}
