//! `cargo xtask tidy`: the rules that no compiler checks.
//!
//! The layers are what keeps the kernel readable, so the direction of every
//! `use` is checked here, and with it what STYLE asks of each file.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::exec;
use crate::paths;

/// Which crates a crate of ours may depend on; `boot -> core -> {machine, abi}`.
const CRATES: &[(&str, &[&str])] = &[
    ("abi", &[]),
    ("kernel/machine", &[]),
    ("kernel/core", &["abi", "machine"]),
    ("kernel/boot", &["abi", "machine", "oxbow-core"]),
    ("tools/xtask", &[]),
];

/// The names under which our crates are depended upon.
const OUR_CRATES: &[&str] =
    &["abi", "machine", "oxbow-core", "oxbow-abi", "oxbow-machine", "oxbow"];

/// The layers of kernel/core: a module uses those to its left only. Modules
/// that are not named here lie below all of them, and use none of them.
const LAYERS: &[&str] = &["sched", "mm", "fs", "task", "procfs", "syscall", "init"];

const MAX_LINES: usize = 500;

/// How far above an `unsafe` its SAFETY comment may begin.
const SAFETY_DISTANCE: usize = 12;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    file: String,
    line: usize,
    what: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// Checks every file that git knows or would take, returns what is wrong.
pub fn check() -> Result<Vec<Finding>> {
    let root = paths::root();
    let mut git = Command::new("git");
    git.current_dir(&root).args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let listed = exec::output(&mut git).context("tidy asks git for the list of files")?;
    let mut findings = Vec::new();
    for name in listed.lines().filter(|name| is_text(name)) {
        // A deleted file is listed until its deletion is committed.
        let Ok(text) = fs::read_to_string(root.join(name)) else {
            continue;
        };
        check_file(name, &text, &mut findings);
    }
    for (dir, allowed) in CRATES {
        let name = format!("{dir}/Cargo.toml");
        let text =
            fs::read_to_string(root.join(&name)).with_context(|| format!("cannot read {name}"))?;
        check_manifest(&name, &text, allowed, &mut findings);
    }
    Ok(findings)
}

fn is_text(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    matches!(
        extension,
        Some("rs" | "c" | "h" | "s" | "S" | "ld" | "toml" | "md" | "sh" | "yml" | "config")
    ) || name.starts_with("ci/")
        || name.starts_with(".ci/")
}

/// Checks one file by the rules that its name calls for.
pub fn check_file(name: &str, text: &str, findings: &mut Vec<Finding>) {
    let mut find =
        |line: usize, what: String| findings.push(Finding { file: name.to_owned(), line, what });
    let is_code = [".rs", ".c", ".h", ".s", ".S"].iter().any(|end| name.ends_with(end));
    let lines: Vec<&str> = text.lines().collect();
    if is_code && lines.len() > MAX_LINES {
        find(
            lines.len(),
            format!(
                "{} lines; at {MAX_LINES} a file wants splitting along a noun or a verb",
                lines.len()
            ),
        );
    }
    if !text.is_empty() && !text.ends_with('\n') {
        find(lines.len(), "no newline at the end".to_owned());
    }
    for (number, line) in (1..).zip(&lines) {
        if line.ends_with([' ', '\t']) && !name.ends_with(".md") {
            find(number, "white space at the end of the line".to_owned());
        }
        if let Some(what) = bad_note(line).or_else(|| foreign_word(line)) {
            find(number, what);
        }
    }
    if name.ends_with(".rs") {
        check_unsafe(name, &lines, &mut find);
        check_layers(name, &lines, &mut find);
    }
}

/// A note to do something later needs a reason why not now.
fn bad_note(line: &str) -> Option<String> {
    // Put together at run time, or this file would break its own rule.
    let todo = ["TO", "DO"].concat();
    for word in [["FIX", "ME"].concat(), ["XX", "X"].concat()] {
        if has_word(line, &word) {
            return Some(format!("{word}: say `{todo}: why it is not done yet`, or do it"));
        }
    }
    let (_, after) = line.split_once(&todo).filter(|_| has_word(line, &todo))?;
    let reason = after.trim_start_matches(':').split_whitespace().count();
    // TAP knows the word too, as a directive.
    let is_tap = line.contains(&["# ", &todo].concat());
    (reason < 3 && !is_tap && !line.contains('"')).then(|| format!("a {todo} without a reason"))
}

/// Words that belong to somebody's machine or to somebody's day.
fn foreign_word(line: &str) -> Option<String> {
    let places = [["/wo", "rk/"], ["/fa", "rm/"], ["/tmp/hel", "pers"], ["/home/run", "ner"]];
    let place = places.iter().map(|parts| parts.concat()).find(|place| line.contains(place));
    place.map(|place| format!("{place} is a path of one machine"))
}

/// Whether `word` stands in the line as a word of its own.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        !is_part(line[..at].chars().next_back()) && !is_part(line[at + word.len()..].chars().next())
    })
}

/// The line without its comment and without what stands in string literals.
fn code_of(line: &str) -> String {
    let mut code = String::new();
    let mut in_string = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match (in_string, character) {
            (true, '\\') => {
                characters.next();
            }
            (_, '"') => in_string = !in_string,
            (false, '/') if characters.peek() == Some(&'/') => break,
            (false, other) => code.push(other),
            (true, _) => {}
        }
    }
    code
}

fn check_unsafe(name: &str, lines: &[&str], find: &mut impl FnMut(usize, String)) {
    let may_be_unsafe = !["abi/src/", "kernel/core/src/"].iter().any(|dir| name.starts_with(dir));
    for crate_root in ["abi/src/lib.rs", "kernel/core/src/lib.rs"] {
        if name == crate_root && !lines.iter().any(|line| line.contains("#![forbid(unsafe_code)]"))
        {
            find(1, "this crate must say #![forbid(unsafe_code)]".to_owned());
        }
    }
    for (index, line) in lines.iter().enumerate() {
        let code = code_of(line);
        if !has_word(&code, "unsafe") {
            continue;
        }
        if !may_be_unsafe {
            find(index + 1, "unsafe code belongs into kernel/machine".to_owned());
        }
        let needs_argument = code.contains("unsafe {") || code.contains("unsafe impl");
        let around = &lines[index.saturating_sub(SAFETY_DISTANCE)..(index + 2).min(lines.len())];
        if needs_argument && !around.iter().any(|line| line.contains("SAFETY")) {
            find(index + 1, "unsafe without a SAFETY comment".to_owned());
        }
    }
}

/// The module of kernel/core that a file belongs to.
fn core_module(name: &str) -> Option<&str> {
    let inner = name.strip_prefix("kernel/core/src/")?;
    inner.split(['/', '.']).next().filter(|module| *module != "lib")
}

fn rank(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| *layer == module)
}

fn check_layers(name: &str, lines: &[&str], find: &mut impl FnMut(usize, String)) {
    let Some(module) = core_module(name) else {
        return;
    };
    let own = rank(module);
    // Tests at the end of a file may reach anywhere.
    let is_test = |line: &&&str| line.trim() == "#[cfg(test)]";
    let end = lines.iter().position(|line| is_test(&line)).unwrap_or(lines.len());
    for (number, line) in (1..).zip(&lines[..end]) {
        for used in crate_paths(&code_of(line)) {
            let too_high = rank(&used).is_some_and(|used| own.is_none_or(|own| used > own));
            if too_high {
                find(
                    number,
                    format!(
                        "`{module}` uses `{used}`, which lies above it: {}",
                        LAYERS.join(" <- ")
                    ),
                );
            }
        }
    }
}

/// The top modules that `crate::` paths in a line name, braces included.
fn crate_paths(code: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for (at, matched) in code.match_indices("crate::") {
        let rest = &code[at + matched.len()..];
        let word = |text: &str| {
            text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
        };
        match rest.strip_prefix('{') {
            None => modules.push(word(rest)),
            Some(group) => modules.extend(top_level_parts(group).iter().map(|part| word(part))),
        }
    }
    modules
}

/// `a::{b, c}, d}` -> `a::{b, c}` and `d`.
fn top_level_parts(group: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0usize, 0);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..at]);
                return parts;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&group[start..]);
    parts
}

fn check_manifest(name: &str, text: &str, allowed: &[&str], findings: &mut Vec<Finding>) {
    let mut in_dependencies = false;
    for (line, content) in (1..).zip(text.lines()) {
        if content.starts_with('[') {
            in_dependencies =
                content.contains("dependencies") && !content.contains("dev-dependencies");
            continue;
        }
        let key: String =
            content.chars().take_while(|c| c.is_alphanumeric() || "-_".contains(*c)).collect();
        if in_dependencies && OUR_CRATES.contains(&key.as_str()) && !allowed.contains(&key.as_str())
        {
            let what =
                format!("this crate must not depend on {key}: boot -> core -> {{machine, abi}}");
            findings.push(Finding { file: name.to_owned(), line, what });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Finding, check_file, check_manifest};

    fn findings(name: &str, text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check_file(name, text, &mut findings);
        findings.into_iter().map(|Finding { line, what, .. }| format!("{line}: {what}")).collect()
    }

    #[test]
    fn a_lower_layer_must_not_use_a_higher_one() {
        let file = "kernel/core/src/mm/fault.rs";
        assert!(findings(file, "use crate::sched::Timer;\nuse crate::locks;\n").is_empty());
        assert!(findings(file, "// crate::task is above\nlet x = \"crate::task\";\n").is_empty());
        assert_eq!(findings(file, "use crate::{locks, task::{A, B}};\n").len(), 1);
        assert_eq!(findings(file, "fn f(t: &crate::syscall::Table) {}\n").len(), 1);
        assert_eq!(findings("kernel/core/src/locks.rs", "use crate::mm::X;\n").len(), 1);
        assert!(
            findings(file, "fn f() {}\n#[cfg(test)]\nmod tests { use crate::task::X; }\n")
                .is_empty()
        );
    }

    #[test]
    fn unsafe_code_has_its_place_and_its_argument() {
        let block = "unsafe { f() }\n";
        assert_eq!(findings("kernel/machine/src/a.rs", block).len(), 1);
        let argued = format!("// SAFETY: 1. f is fine.\n{block}");
        assert!(findings("kernel/machine/src/a.rs", &argued).is_empty());
        assert_eq!(findings("kernel/core/src/mm/a.rs", &argued).len(), 1);
    }

    #[test]
    fn notes_need_a_reason() {
        let note = |rest: &str| format!("// {}{rest}\n", ["TO", "DO"].concat());
        assert_eq!(findings("abi/src/a.rs", &note("")).len(), 1);
        assert!(findings("abi/src/a.rs", &note(": waits for the timer wheel")).is_empty());
        assert_eq!(findings("abi/src/a.rs", &format!("// {}\n", ["FIX", "ME"].concat())).len(), 1);
    }

    #[test]
    fn long_files_white_space_and_foreign_paths_are_found() {
        assert_eq!(findings("abi/src/a.rs", &"x();\n".repeat(501)).len(), 1);
        assert_eq!(findings("abi/src/a.rs", "x(); \n").len(), 1);
        assert_eq!(findings("README.md", &format!("see {}x\n", ["/wo", "rk/"].concat())).len(), 1);
        assert_eq!(findings("abi/src/a.rs", "x();").len(), 1);
    }

    #[test]
    fn manifests_keep_the_direction() {
        let mut findings = Vec::new();
        let text = "[dependencies]\nabi.workspace = true\nmachine.workspace = true\n[dev-dependencies]\noxbow-core = 1\n";
        check_manifest("x/Cargo.toml", text, &["abi"], &mut findings);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, 3);
    }
}
