//! Pure: the words after `cargo xtask` → the task they ask for.

/// What `cargo xtask --help` prints.
pub const USAGE: &str = "\
Usage: cargo xtask <task> [-- arguments]

  run [-- farpane's arguments]      Set up, build and start Farpane; prints the URL to open
  test [-- Playwright's arguments]  Set up, build and run every test (needs Node 20 or newer)
  bench [-- its arguments]          Measure latency, frame rate, bitrate, CPU and memory through a real browser
  bench --links [-- its arguments]  The same on links made for it: narrow, lossy, changing, cut (needs root)
  build                             Set up and build, without starting anything
  fuzz [target] [seconds]           Feed one decoder of foreign bytes, or each, with what breaks decoders
  ci                                What must pass before a change goes in: format, clippy, docs, dependencies, tests

`cargo xtask run -- --help` explains Farpane's own options.
`cargo bench -p server` measures picture and encoder alone.";

/// What this program can be asked to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Task {
    Help,
    Build,
    Run(Vec<String>),
    Test(Vec<String>),
    Bench(Vec<String>),
    /// For `bench --links` itself: what carries its packets.
    BenchRelay(Vec<String>),
    /// For `bench --links` itself: what removes its links.
    BenchJanitor(Vec<String>),
    Fuzz(Vec<String>),
    Ci,
}

/// Reads the words after `cargo xtask`; an error is a sentence for the person who typed them.
pub fn read(words: impl IntoIterator<Item = String>) -> Result<Task, String> {
    let mut words = words.into_iter();
    let Some(name) = words.next() else {
        return Ok(Task::Help);
    };
    let mut args: Vec<String> = words.collect();
    if args.first().is_some_and(|first| first == "--") {
        args.remove(0);
    }
    let without_arguments = |task| match args.first() {
        None => Ok(task),
        Some(extra) => Err(format!("`{name}` takes no arguments, but got `{extra}`.")),
    };
    match name.as_str() {
        "run" => Ok(Task::Run(args)),
        "test" => Ok(Task::Test(args)),
        "bench" => Ok(Task::Bench(args)),
        "bench-relay" => Ok(Task::BenchRelay(args)),
        "bench-janitor" => Ok(Task::BenchJanitor(args)),
        "fuzz" => Ok(Task::Fuzz(args)),
        "build" => without_arguments(Task::Build),
        "ci" => without_arguments(Task::Ci),
        "help" | "--help" | "-h" => Ok(Task::Help),
        other => Err(format!("There is no task `{other}`.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Task, String> {
        super::read(words.iter().map(|&word| word.to_owned()))
    }

    #[test]
    fn nothing_typed_explains_the_tasks() {
        for words in [&[][..], &["--help"], &["-h"], &["help"]] {
            assert_eq!(read(words), Ok(Task::Help), "{words:?}");
        }
    }

    #[test]
    fn arguments_go_to_the_product_with_or_without_the_dashes() {
        let args = vec!["--listen".to_owned(), "127.0.0.1:0".to_owned()];
        assert_eq!(
            read(&["run", "--", "--listen", "127.0.0.1:0"]),
            Ok(Task::Run(args.clone()))
        );
        assert_eq!(
            read(&["run", "--listen", "127.0.0.1:0"]),
            Ok(Task::Run(args))
        );
    }

    #[test]
    fn only_the_first_pair_of_dashes_is_ours() {
        assert_eq!(
            read(&["test", "--", "--", "x"]),
            Ok(Task::Test(vec!["--".to_owned(), "x".to_owned()]))
        );
    }

    #[test]
    fn a_wrong_word_is_named() {
        assert!(read(&["rnu"]).is_err_and(|sentence| sentence.contains("`rnu`")));
        assert!(read(&["ci", "x"]).is_err_and(|sentence| sentence.contains("`x`")));
    }
}
