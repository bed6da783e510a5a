//! The operator's own program says whether a file may pass.

use std::fs::File;
use std::process::Stdio;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// For a file of any size; after it the file does not pass.
const TIMEOUT: Duration = Duration::from_secs(300);

/// What is read of the program's sentence, in bytes.
const MAX_SENTENCE: u64 = 500;

/// Of one session, at the same time: each is a process.
const MOST_AT_ONCE: usize = 2;

/// A program, and what it is called with. It reads the file from its standard input, and finds its name in `FILE_NAME`. When
/// it exits with 0 the file passes; else the first line that it has printed says why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanCommand {
    program: String,
    arguments: Vec<String>,
}

/// Runs that program on the files of one session, a few at a time.
#[derive(Clone, Debug)]
pub struct Scanner {
    command: ScanCommand,
    free: Arc<Semaphore>,
}

impl Scanner {
    /// Nothing runs yet.
    pub fn new(command: ScanCommand) -> Scanner {
        Scanner {
            command,
            free: Arc::new(Semaphore::new(MOST_AT_ONCE)),
        }
    }

    /// See [`ScanCommand::scan`]; waits for its turn.
    pub async fn scan(&self, file: File, name: &str) -> Result<(), String> {
        // It is never closed.
        let _turn = self.free.acquire().await;
        self.command.scan(file, name).await
    }
}

impl FromStr for ScanCommand {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<ScanCommand, &'static str> {
        let mut words = text.split_whitespace().map(str::to_owned);
        let program = words.next().ok_or("it names no program")?;
        Ok(ScanCommand {
            program,
            arguments: words.collect(),
        })
    }
}

impl ScanCommand {
    /// `Err` is a sentence for the person. A program that cannot be started, or takes too long, lets nothing pass.
    pub async fn scan(&self, file: File, name: &str) -> Result<(), String> {
        let started = Command::new(&self.program)
            .args(&self.arguments)
            .env("FILE_NAME", name)
            .stdin(Stdio::from(file))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let scanned = async {
            let mut child = started?;
            let mut said = Vec::new();
            if let Some(stdout) = child.stdout.take() {
                stdout.take(MAX_SENTENCE).read_to_end(&mut said).await?;
            }
            Ok::<_, std::io::Error>((child.wait().await?, said))
        };
        match timeout(TIMEOUT, scanned).await {
            Ok(Ok((status, _))) if status.success() => Ok(()),
            Ok(Ok((_, said))) => Err(sentence(&said)),
            Ok(Err(error)) => {
                tracing::error!(program = self.program, %error, "a file cannot be scanned");
                Err("It cannot be scanned at the moment.".to_owned())
            }
            Err(_) => Err("It could not be scanned in time.".to_owned()),
        }
    }
}

fn sentence(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let line = said.lines().next().unwrap_or_default();
    let line: String = line.chars().filter(|char| !char.is_control()).collect();
    match line.trim() {
        "" => "The server's scan refuses it.".to_owned(),
        line => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    async fn scanned(script: &str, content: &str) -> Result<(), String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        file.rewind().unwrap();
        let command = ScanCommand {
            program: "sh".to_owned(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
        };
        command.scan(file, "a \"b\".txt").await
    }

    #[tokio::test]
    async fn the_exit_code_decides_and_the_first_line_says_why() {
        let script =
            r#"grep -q virus && { echo "$FILE_NAME has a virus."; echo more; exit 1; } || exit 0"#;
        assert_eq!(scanned(script, "all is well").await, Ok(()));
        assert_eq!(
            scanned(script, "a virus").await,
            Err("a \"b\".txt has a virus.".to_owned())
        );
        let silent = scanned("exit 3", "").await;
        assert_eq!(silent, Err("The server's scan refuses it.".to_owned()));
        // One that talks without end is not listened to.
        let endless = scanned("yes & sleep 0.1; kill $!; exit 1", "").await;
        assert_eq!(endless, Err("y".to_owned()));
    }

    #[tokio::test]
    async fn however_many_files_come_few_are_scanned_at_once() {
        let counted = tempfile::tempdir().unwrap();
        // Fails where it sees more than two of its kind.
        let script = format!(
            "cd {} && touch $$ && test $(ls | wc -l) -le 2; seen=$?; rm $$; exit $seen",
            counted.path().display()
        );
        let scanner = Scanner::new(ScanCommand {
            program: "sh".to_owned(),
            arguments: vec!["-c".to_owned(), script],
        });
        let scans = (0..40).map(|_| scanner.scan(tempfile::tempfile().unwrap(), "a"));
        let scanned = futures::future::join_all(scans).await;
        assert_eq!(scanned, vec![Ok(()); 40]);
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_lets_nothing_pass() {
        let command: ScanCommand = "/nonexistent/scanner --quiet".parse().unwrap();
        let scanned = command.scan(tempfile::tempfile().unwrap(), "a").await;
        assert_eq!(
            scanned,
            Err("It cannot be scanned at the moment.".to_owned())
        );
        assert!("  ".parse::<ScanCommand>().is_err());
    }
}
