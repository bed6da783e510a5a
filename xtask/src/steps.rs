//! Steps of a test run, one after the other → what each took, and the first that failed.

use std::time::{Duration, Instant};

use crate::shell::{Result, say};
use crate::tally::Tally;

/// What has been done so far.
pub struct Steps {
    done: Vec<(&'static str, Duration)>,
    pub tally: Tally,
}

impl Steps {
    /// Runs `body`, which stops at its first failing step, then prints the summary. Its last line is the tests' sum.
    pub fn all(body: impl FnOnce(&mut Steps) -> Result<()>) -> Result<()> {
        let started = Instant::now();
        let mut steps = Steps {
            done: Vec::new(),
            tally: Tally::default(),
        };
        let result = body(&mut steps);
        println!();
        for (index, (name, took)) in steps.done.iter().enumerate() {
            let failed = result.is_err() && index + 1 == steps.done.len();
            let mark = if failed { "FAILED" } else { "ok" };
            println!("{mark:>6}  {:>7.1} s  {name}", took.as_secs_f64());
        }
        let total_secs = started.elapsed().as_secs();
        println!("\nAll in {} min {:02} s", total_secs / 60, total_secs % 60);
        match (&result, steps.done.last()) {
            (Err(_), Some((name, _))) => println!("{}; stopped at: {name}", steps.tally),
            _ => println!("{}", steps.tally),
        }
        result
    }

    pub fn step<T>(&mut self, name: &'static str, body: impl FnOnce() -> Result<T>) -> Result<T> {
        self.timed(name, |_| body())
    }

    /// A step that counts tests.
    pub fn tests(
        &mut self,
        name: &'static str,
        body: impl FnOnce(&mut Tally) -> Result<()>,
    ) -> Result<()> {
        self.timed(name, body)
    }

    fn timed<T>(
        &mut self,
        name: &'static str,
        body: impl FnOnce(&mut Tally) -> Result<T>,
    ) -> Result<T> {
        say(name);
        let started = Instant::now();
        let result = body(&mut self.tally);
        self.done.push((name, started.elapsed()));
        result
    }
}
