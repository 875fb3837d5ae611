//! The system-call table against its document.
//!
//! `SYSCALLS.md` is written from the table, so it cannot say anything else. After a change of the table:
//! `OXBOW_BLESS=1 cargo test -p oxbow-core --test syscall_table`.

use std::fmt::Write;

use abi::Sysno;
use oxbow_core::syscall::table::{Status, TABLE};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/SYSCALLS.md");

fn document() -> String {
    let mut text = String::from(
        "# System calls\n\n\
         Written from `src/syscall/table.rs` by the test `syscall_table`; do not edit.\n\
         What is not here answers `ENOSYS`.\n\n\
         | number | call | missing |\n|---|---|---|\n",
    );
    for row in TABLE {
        let missing = match row.status {
            Status::Full => "",
            Status::Partial(what) => what,
        };
        let parameters = row.parameters.join(", ");
        writeln!(text, "| {} | `{}({parameters})` | {missing} |", row.number, row.name).unwrap();
    }
    let absent = Sysno::ALL.iter().filter(|nr| !TABLE.iter().any(|row| row.name == nr.name()));
    let names: Vec<_> = absent.map(|nr| nr.name()).collect();
    writeln!(text, "\n{} calls are there, {} are absent:", TABLE.len(), names.len()).unwrap();
    writeln!(text, "{}.", names.join(", ")).unwrap();
    text
}

#[test]
fn the_table_is_sorted_and_names_each_call_once() {
    assert!(TABLE.is_sorted_by(|a, b| a.number < b.number));
}

#[test]
fn no_call_takes_more_than_six_arguments() {
    assert!(TABLE.iter().all(|row| row.parameters.len() <= 6));
}

#[test]
fn the_document_says_what_the_table_says() {
    let expected = document();
    if std::env::var_os("OXBOW_BLESS").is_some() {
        std::fs::write(DOCUMENT, &expected).unwrap();
    }
    let found = std::fs::read_to_string(DOCUMENT).unwrap_or_default();
    assert!(found == expected, "SYSCALLS.md is out of date: see the head of this file");
}
