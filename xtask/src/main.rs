//! `cargo xtask …`: from a clean clone to a Farpane that runs, is tested and is measured.

// What was typed, then where we are.
mod task;
mod workspace;
// Whatever is missing on this machine → installed, or one sentence that says how.
mod setup;
// Sources → `target/site` and `target/release/farpane`.
mod build;
// What is done with the built product.
mod bench;
mod check;
mod fuzz;
mod product;
// How a command is run, a step is told and a test is counted.
mod environment;
mod namespace;
mod shell;
mod steps;
mod tally;

use std::env;
use std::process::ExitCode;

use bench::Bench;
use setup::Purpose;
use shell::Result;
use steps::Steps;
use task::Task;
use workspace::Workspace;

fn main() -> ExitCode {
    let task = match task::read(env::args().skip(1)) {
        Ok(task) => task,
        Err(sentence) => {
            eprintln!("{sentence}\n\n{}", task::USAGE);
            return ExitCode::from(2);
        }
    };
    match perform(task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nerror: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<()> {
    match task {
        Task::Help => {
            println!("{}", task::USAGE);
            Ok(())
        }
        Task::Build => {
            let workspace = Workspace::find(false)?;
            setup::prepare(&workspace, Purpose::Build)?;
            build::all(&workspace)
        }
        Task::Run(args) => {
            let workspace = Workspace::find(false)?;
            setup::prepare(&workspace, Purpose::run(&args))?;
            build::all(&workspace)?;
            product::serve(&workspace, &args)
        }
        Task::Bench(args) => {
            let bench = Bench::read(&args);
            bench.check()?;
            let workspace = Workspace::find(false)?;
            if bench.wants_build() {
                setup::prepare(&workspace, Purpose::Bench)?;
                build::all(&workspace)?;
            }
            bench.run(&workspace)
        }
        Task::BenchRelay(args) => bench::relay(&args),
        Task::BenchJanitor(args) => bench::janitor(&args),
        Task::Test(args) => {
            let workspace = Workspace::find(false)?;
            Steps::all(|steps| {
                steps.step("Set up", || setup::prepare(&workspace, Purpose::Test))?;
                check::tests(&workspace, steps, &args)
            })
        }
        Task::Fuzz(args) => {
            let workspace = Workspace::find(false)?;
            setup::prepare(&workspace, Purpose::Build)?;
            fuzz::fuzz(&workspace, &args)
        }
        Task::Ci => {
            let workspace = Workspace::find(true)?;
            Steps::all(|steps| {
                steps.step("Set up", || setup::prepare(&workspace, Purpose::Ci))?;
                check::format_and_lints(&workspace, steps)?;
                check::documentation(&workspace, steps)?;
                check::dependencies(&workspace, steps)?;
                check::tests(&workspace, steps, &[])
            })
        }
    }
}
