//! Fuzz targets → each run for some seconds; see `fuzz/README.md`.

use std::fs;

use crate::setup::tools;
use crate::shell::{Failure, Result, run, say};
use crate::workspace::Workspace;

/// Long enough to see that all of them still run.
const SECONDS: &str = "10";

/// `args`: a target, or all of them without one; for how many seconds each.
pub fn fuzz(workspace: &Workspace, args: &[String]) -> Result<()> {
    let (seconds, asked): (Vec<_>, Vec<_>) = args
        .iter()
        .map(String::as_str)
        .partition(|arg| arg.parse::<u32>().is_ok());
    let all = targets(workspace)?;
    if let Some(unknown) = asked
        .iter()
        .find(|name| !all.iter().any(|one| one == *name))
    {
        return Err(Failure(format!(
            "There is no fuzz target `{unknown}`, but {}.",
            all.join(", ")
        )));
    }
    tools::FUZZ.install(workspace)?;
    let seconds = seconds.first().copied().unwrap_or(SECONDS);
    for target in all
        .iter()
        .filter(|name| asked.is_empty() || asked.contains(&name.as_str()))
    {
        say(format_args!("Fuzzing {target} for {seconds} seconds"));
        // What is learned goes to the first folder, so that the seeds stay few.
        let learned = workspace.target.join("fuzz-corpus").join(target);
        fs::create_dir_all(&learned).map_err(Failure::of("Cannot make a folder for the corpus"))?;
        run(workspace
            .command(tools::FUZZ.program(workspace))
            // The decoders have no `unsafe`, and without a sanitizer any compiler will do.
            .args(["run", "--sanitizer=none", "--target-dir"])
            .arg(workspace.target.join("fuzz"))
            .arg(target)
            .arg(learned)
            .arg(workspace.root.join("fuzz/corpus").join(target))
            .args(["--", "-timeout=10", "-print_final_stats=1"])
            .arg(format!("-max_total_time={seconds}")))?;
    }
    Ok(())
}

fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let files = fs::read_dir(workspace.root.join("fuzz/targets"))
        .map_err(Failure::of("Cannot list `fuzz/targets`"))?;
    let mut names: Vec<_> = files
        .flatten()
        .filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}
