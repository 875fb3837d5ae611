//! The real-time clock of the PC, read once at boot.

use x86_64::instructions::port::Port;

use crate::pure::calendar::days_since_1970;

const SECONDS: u8 = 0;
const MINUTES: u8 = 2;
const HOURS: u8 = 4;
const DAY: u8 = 7;
const MONTH: u8 = 8;
const YEAR: u8 = 9;
const STATUS_A: u8 = 0x0a;
const STATUS_B: u8 = 0x0b;
const CENTURY: u8 = 0x32;
const UPDATING: u8 = 0x80;
const BINARY: u8 = 1 << 2;
const HOURS_24: u8 = 1 << 1;

fn read(register: u8) -> u8 {
    // SAFETY: 1. the index and data ports of the clock; NMIs are not used through bit 7.
    unsafe {
        Port::<u8>::new(0x70).write(register);
        Port::<u8>::new(0x71).read()
    }
}

fn snapshot() -> [u8; 7] {
    [SECONDS, MINUTES, HOURS, DAY, MONTH, YEAR, CENTURY].map(read)
}

/// Seconds since 1970 by the clock, 0 if there is none.
pub(super) fn seconds() -> i64 {
    // Two equal readings outside of an update are one that is not torn.
    let mut last = snapshot();
    for _ in 0..100_000 {
        let now = snapshot();
        if read(STATUS_A) & UPDATING == 0 && now == last {
            break;
        }
        last = now;
    }
    let status = read(STATUS_B);
    let binary = status & BINARY != 0;
    let number = |value: u8| {
        let value = if binary { value } else { (value >> 4) * 10 + (value & 15) };
        i64::from(value)
    };
    let [seconds, minutes, hours, day, month, year, century] = last;
    let mut hour = number(hours & 0x7f);
    if status & HOURS_24 == 0 {
        hour = hour % 12 + if hours & 0x80 != 0 { 12 } else { 0 };
    }
    let century = match number(century) {
        century @ 19..=29 => century,
        _ => 20,
    };
    let (month, day) = (number(month), number(day));
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return 0;
    }
    let days = days_since_1970(century * 100 + number(year), month, day);
    ((days * 24 + hour) * 60 + number(minutes)) * 60 + number(seconds)
}
