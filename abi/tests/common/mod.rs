//! Compares our types with linux-raw-sys, which is generated from the kernel's own headers.
#![allow(unused_macros, reason = "each test file uses the macros that it needs")]

/// Constants of a flags type, or of a module, against the same names over there.
macro_rules! same_values {
    ($ours:ty as flags, $theirs:path, $($name:ident)*) => {{
        use $theirs as theirs;
        $(assert_eq!(<$ours>::$name.bits() as i128, theirs::$name as i128, stringify!($name));)*
    }};
    ($ours:path, $theirs:path, $($name:ident)*) => {{
        use {$ours as ours, $theirs as theirs};
        $(assert_eq!(ours::$name as i128, theirs::$name as i128, stringify!($name));)*
    }};
}

/// Size and alignment of a type, and the offset of each field, against the original.
/// A field that has another name there is written `ours = theirs`.
macro_rules! same_layout {
    ($ours:ty, $theirs:ty, $($field:ident $(= $($their:ident).+)?)*) => {{
        assert_eq!(size_of::<$ours>(), size_of::<$theirs>(), "size of {}", stringify!($ours));
        assert_eq!(align_of::<$ours>(), align_of::<$theirs>(), "alignment of {}", stringify!($ours));
        $(same_layout!(@field $ours, $theirs, $field $(= $($their).+)?);)*
    }};
    (@field $ours:ty, $theirs:ty, $field:ident) => {
        same_layout!(@field $ours, $theirs, $field = $field)
    };
    (@field $ours:ty, $theirs:ty, $field:ident = $($their:ident).+) => {{
        let ours = core::mem::offset_of!($ours, $field);
        let theirs = core::mem::offset_of!($theirs, $($their).+);
        assert_eq!(ours, theirs, "offset of {} in {}", stringify!($field), stringify!($ours));
    }};
}
