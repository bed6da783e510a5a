//! A command → done, or one sentence that says what failed. Every other file starts its programs through here.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::tally::Tally;

pub type Result<T> = std::result::Result<T, Failure>;

/// One sentence for the person at the keyboard: what failed and, where there is one, the command that fixes it.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure(pub String);

impl Failure {
    pub fn new(sentence: impl Into<String>) -> Self {
        Failure(sentence.into())
    }

    /// For `map_err`: what was being done, then the cause.
    pub fn of<E: fmt::Display>(what: impl fmt::Display) -> impl FnOnce(E) -> Failure {
        move |cause| Failure(format!("{what}: {cause}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says in one line what is being done. On stderr, where cargo tells its progress too, so that the order is right.
pub fn say(what: impl fmt::Display) {
    eprintln!("==> {what}");
}

/// Runs it with our own stdin, stdout and stderr.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .map_err(Failure::of(format!("Cannot start `{}`", line(command))))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure(format!("`{}` failed ({status}).", line(command))))
    }
}

/// Runs it, shows what it prints and counts the tests in it.
pub fn run_tests(command: &mut Command, tally: &mut Tally) -> Result<()> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(Failure::of(format!("Cannot start `{}`", line(command))))?;
    let stdout = child.stdout.take().expect("its stdout was just piped");
    let mut reader = BufReader::new(stdout);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let read = reader
            .read_until(b'\n', &mut bytes)
            .map_err(Failure::of("Cannot read the test's output"))?;
        if read == 0 {
            break;
        }
        // Whoever reads our stdout may be gone; the tests and their result still count.
        let _ = std::io::stdout().write_all(&bytes);
        tally.read_line(&String::from_utf8_lossy(&bytes));
    }
    let status = child
        .wait()
        .map_err(Failure::of(format!("Lost `{}`", line(command))))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure(format!("`{}` failed ({status}).", line(command))))
    }
}

/// Its stdout, trimmed; its stderr is ours.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(Failure::of(format!("Cannot start `{}`", line(command))))?;
    if !output.status.success() {
        return Err(Failure(format!(
            "`{}` failed ({}).",
            line(command),
            output.status
        )));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether it can be started and succeeds; nothing is printed.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Where a program of this name is, as the shell would find it.
pub fn which(name: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let executable = |path: &Path| {
        path.metadata()
            .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| executable(path))
}

/// The command as one would type it, near enough to be read.
fn line(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    if let Some(name) = Path::new(&line).file_name() {
        line = name.to_string_lossy().into_owned();
    }
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_named_as_it_would_be_typed() {
        let failure = run(Command::new("/bin/false").arg("-x")).unwrap_err();
        assert!(failure.0.starts_with("`false -x` failed"), "{failure}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let failure = output(&mut Command::new("no-such-program")).unwrap_err();
        assert!(failure.0.contains("`no-such-program`"), "{failure}");
    }

    #[test]
    fn only_executables_are_found() {
        assert!(which("sh").is_some());
        assert!(which("no-such-program").is_none());
    }
}
