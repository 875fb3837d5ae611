//! The one thing read from ACPI byte code: the sleep types of soft-off.

/// Finds `Name(_S5_, Package(){a, b, ..})` in byte code and reads the first two numbers.
pub(crate) fn soft_off(code: &[u8]) -> Option<[u8; 2]> {
    code.windows(4).enumerate().filter(|(_, name)| name == b"_S5_").find_map(|(at, _)| {
        // NameOp before it, possibly with a root prefix in between.
        let before = &code[..at];
        if !before.ends_with(&[0x08]) && !before.ends_with(&[0x08, b'\\']) {
            return None;
        }
        let mut rest = code[at + 4..].strip_prefix(&[0x12])?;
        // PkgLength: the top two bits of the first byte say how many bytes follow. Then the count.
        let extra = usize::from(*rest.first()? >> 6);
        rest = rest.get(1 + extra + 1..)?;
        let (first, rest) = number(rest)?;
        let second = number(rest).map_or(0, |(second, _)| second);
        Some([first, second])
    })
}

/// A small AML integer.
fn number(code: &[u8]) -> Option<(u8, &[u8])> {
    match code {
        [value @ (0 | 1), rest @ ..] => Some((*value, rest)),
        [0x0a, value, rest @ ..] => Some((*value, rest)),
        // Word and double word: little endian, the low byte is all that fits a sleep type.
        [0x0b, value, _, rest @ ..] => Some((*value, rest)),
        [0x0c, value, _, _, _, rest @ ..] => Some((*value, rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::soft_off;

    #[test]
    fn finds_the_package_and_nothing_else() {
        // As QEMU's pc has it: a two-byte count, byte constants.
        let plain = b"..\x08_S5_\x12\x06\x04\x00\x00\x00\x00";
        assert_eq!(soft_off(plain), Some([0, 0]));
        let bytes = b"\x08\\_S5_\x12\x08\x04\x0a\x05\x0a\x07\x00\x00";
        assert_eq!(soft_off(bytes), Some([5, 7]));
        let long = b"\x08_S5_\x12\x4a\x00\x04\x01\x0b\x03\x00";
        assert_eq!(soft_off(long), Some([1, 3]));
        // A mere mention is no definition, and an end in the middle is no crash.
        assert_eq!(soft_off(b"x_S5_\x12\x06\x04\x00\x00"), None);
        for end in 0..plain.len() - 4 {
            assert_eq!(soft_off(&plain[..end]), None);
        }
    }
}
