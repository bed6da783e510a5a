//! Pure: lines printed by test runners → how many tests passed and failed.

use std::fmt;

/// The sum over all runners so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Tally {
    /// Adds what this line says, if it is one of a runner's closing lines:
    /// libtest's `test result: ok. 3 passed; 0 failed; 0 ignored; …` and Playwright's `  3 passed (1.2m)`, `  1 failed`.
    pub fn read_line(&mut self, line: &str) {
        let line = line.trim();
        if let Some(result) = line.strip_prefix("test result: ") {
            let counts = result.split_once(". ").map_or(result, |(_, counts)| counts);
            for count in counts.split(';') {
                self.add(count.trim());
            }
        } else {
            let count = line.split_once(" (").map_or(line, |(count, _)| count);
            self.add(count);
        }
    }

    fn add(&mut self, count: &str) {
        let Some((number, what)) = count.split_once(' ') else {
            return;
        };
        let Ok(number) = number.parse::<u32>() else {
            return;
        };
        match what {
            "passed" => self.passed += number,
            // "flaky" passed at a second try: here that is a failure.
            "failed" | "flaky" | "interrupted" => self.failed += number,
            "ignored" | "skipped" | "did not run" => self.skipped += number,
            _ => {}
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(output: &str) -> String {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.read_line(line));
        tally.to_string()
    }

    #[test]
    fn both_runners_are_summed() {
        let output = "\
running 3 tests
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0.01s
  ✓  1 browse.spec.ts:3:1 › clicks turn the page green (1.2s)
  12 passed (1.4m)
";
        assert_eq!(tally(output), "19 passed, 0 failed");
    }

    #[test]
    fn failures_and_what_was_left_out_are_told() {
        let output = "\
test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s
  1 failed
    browse.spec.ts:3:1 › clicks turn the page green
  1 flaky
  4 did not run
  2 passed (10.0s)
";
        assert_eq!(tally(output), "5 passed, 4 failed, 5 skipped");
    }

    #[test]
    fn ordinary_lines_count_nothing() {
        assert_eq!(
            tally("7 failed attempts\nit passed\n12 apples"),
            "0 passed, 0 failed"
        );
    }
}
