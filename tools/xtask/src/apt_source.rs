//! Fetching a Debian source package without touching the machine's own apt
//! configuration: source entries are seldom turned on, and turning them on
//! needs root. So apt gets a state directory of its own, with the machine's
//! own archives in it, as source entries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::exec;

/// Downloads and unpacks the source of `package` below `dir`, returns its root.
pub fn fetch(package: &str, dir: &Path) -> Result<PathBuf> {
    let apt = PrivateApt::new(dir, package)?;
    exec::run_logged(apt.get().arg("update"), "apt-source-update")
        .context("the lists of source packages could not be fetched; check the network, then run the command again")?;
    let mut command = apt.get();
    command.current_dir(dir).args(["--only-source", "source", package]);
    exec::run_logged(&mut command, "apt-source")
        .with_context(|| format!("the source package {package} could not be fetched"))?;
    let prefix = format!("{package}-");
    let unpacked =
        fs::read_dir(dir)?.filter_map(|entry| entry.ok().map(|entry| entry.path())).find(|path| {
            path.is_dir()
                && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
        });
    unpacked.with_context(|| format!("apt-get source left no directory {prefix}*"))
}

/// An apt with its own lists and cache, and the machine's own keys.
struct PrivateApt {
    options: Vec<String>,
}

impl PrivateApt {
    fn new(dir: &Path, package: &str) -> Result<Self> {
        let state = dir.join("apt");
        for part in ["parts", "lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(state.join(part))?;
        }
        let sources = machine_sources()?;
        let offering = archives_offering(package);
        let mut chosen: Vec<&Source> =
            sources.iter().filter(|source| offering.contains(&source.uri)).collect();
        if chosen.is_empty() {
            chosen = sources.iter().collect();
        }
        if chosen.is_empty() {
            bail!("/etc/apt names no archive, so the source of {package} cannot be fetched");
        }
        let text: Vec<String> = chosen.iter().map(|source| source.as_deb_src()).collect();
        fs::write(state.join("parts/oxbow.sources"), text.join("\n"))?;
        fs::write(state.join("empty.list"), "")?;
        let set = |name: &str, path: &str| format!("{name}={}", state.join(path).display());
        let options = vec![
            set("Dir::Etc::SourceList", "empty.list"),
            set("Dir::Etc::SourceParts", "parts"),
            set("Dir::State::Lists", "lists"),
            set("Dir::Cache", "cache"),
            // apt would become another user, who may not read this directory.
            format!("APT::Sandbox::User={}", user_name()),
        ];
        Ok(Self { options })
    }

    fn get(&self) -> Command {
        let mut command = Command::new("apt-get");
        command.args(self.options.iter().flat_map(|option| ["-o", option]));
        command
    }
}

fn user_name() -> String {
    std::env::var("USER")
        .ok()
        .filter(|_| !rustix::process::geteuid().is_root())
        .unwrap_or_else(|| "root".to_owned())
}

/// One archive of the machine's apt configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    uri: String,
    suites: String,
    components: String,
    /// Further fields in deb822 form, such as `Signed-By`.
    options: Vec<String>,
}

impl Source {
    fn as_deb_src(&self) -> String {
        let mut lines = vec![
            "Types: deb-src".to_owned(),
            format!("URIs: {}", self.uri),
            format!("Suites: {}", self.suites),
        ];
        if !self.components.is_empty() {
            lines.push(format!("Components: {}", self.components));
        }
        lines.extend(self.options.iter().cloned());
        lines.join("\n") + "\n"
    }
}

/// The URIs from which apt knows the binary package.
fn archives_offering(package: &str) -> Vec<String> {
    let listed =
        exec::output(Command::new("apt-cache").args(["madison", package])).unwrap_or_default();
    // "  busybox | 1:1.35.0-4 | URI bookworm/main amd64 Packages"
    listed
        .lines()
        .filter_map(|line| line.rsplit('|').next()?.split_whitespace().next().map(str::to_owned))
        .collect()
}

fn machine_sources() -> Result<Vec<Source>> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(entries.filter_map(|entry| entry.ok().map(|entry| entry.path())));
    }
    files.sort();
    let mut sources = Vec::new();
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("list") => sources.extend(text.lines().filter_map(parse_list_line)),
            Some("sources") => sources.extend(parse_deb822(&text)),
            _ => {}
        }
    }
    Ok(sources)
}

/// `deb [signed-by=KEY arch=amd64] URI SUITE COMPONENT...`
fn parse_list_line(line: &str) -> Option<Source> {
    let rest = line.trim().strip_prefix("deb")?;
    let rest = rest.strip_prefix(char::is_whitespace)?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => ("", rest),
    };
    let rest = rest.split('#').next()?;
    let mut words = rest.split_whitespace();
    let signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
    Some(Source {
        uri: words.next()?.trim_end_matches('/').to_owned(),
        suites: words.next()?.to_owned(),
        components: words.collect::<Vec<_>>().join(" "),
        options: signed_by.map(|key| format!("Signed-By: {key}")).into_iter().collect(),
    })
}

/// Stanzas of `Name: value`, with continuation lines that begin with a space.
fn parse_deb822(text: &str) -> Vec<Source> {
    let uncommented: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let stanzas = uncommented.split(|line| line.trim().is_empty());
    stanzas.flat_map(parse_stanza).collect()
}

fn parse_stanza(lines: &[&str]) -> Vec<Source> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let field =
        |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let words = |name: &str| field(name).unwrap_or_default().split_whitespace().collect::<Vec<_>>();
    if !words("types").contains(&"deb")
        || field("enabled").is_some_and(|value| value.eq_ignore_ascii_case("no"))
    {
        return Vec::new();
    }
    let one = |uri: &&str| Source {
        uri: uri.trim_end_matches('/').to_owned(),
        suites: words("suites").join(" "),
        components: words("components").join(" "),
        options: field("signed-by").map(|key| format!("Signed-By: {key}")).into_iter().collect(),
    };
    words("uris").iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::{parse_deb822, parse_list_line};

    #[test]
    fn both_forms_of_a_source_mean_the_same() {
        let list = parse_list_line(
            "deb [arch=amd64 signed-by=/k.gpg] http://a.example/debian/ stable main contrib # x",
        );
        let stanza = "# comment\n\nTypes: deb deb-src\n# inside\nURIs: http://a.example/debian\nSuites: stable\nComponents: main\n contrib\nSigned-By: /k.gpg\n";
        assert_eq!(parse_deb822(stanza), list.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn source_entries_and_disabled_stanzas_are_left_out() {
        assert_eq!(parse_list_line("deb-src http://a.example/debian stable main"), None);
        assert_eq!(parse_list_line("# deb http://a.example/debian stable main"), None);
        assert!(
            parse_deb822("Enabled: no\nTypes: deb\nURIs: http://a.example\nSuites: s\n").is_empty()
        );
    }

    #[test]
    fn a_key_inside_the_file_is_kept() {
        let text =
            "Types: deb\nURIs: http://a.example\nSuites: s\nSigned-By:\n -----BEGIN\n .\n abc\n";
        let sources = parse_deb822(text);
        assert_eq!(sources[0].options, ["Signed-By: \n -----BEGIN\n .\n abc"]);
    }
}
