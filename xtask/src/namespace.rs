//! A network namespace of its own for a program: as root, or as anybody whom the kernel gives a user namespace.

use std::process::Command;

use crate::shell::succeeds;

/// As root on the machine itself.
const AS_ROOT: &[&str] = &["--net", "--"];
/// Inside a user namespace the same user may make networks; programs that are started there keep that right.
const AS_ANYBODY: &[&str] = &["--user", "--map-current-user", "--keep-caps", "--net", "--"];

/// The words after `unshare` that give one, before the program's own; `None` where the kernel refuses both.
pub fn fresh() -> Option<&'static [&'static str]> {
    // Making a wire is what the tests do: a namespace without the right to that would be of no use.
    let can_wire = |words: &&&[&str]| {
        let mut command = Command::new("unshare");
        command.args(**words);
        succeeds(command.args(["ip", "link", "add", "type", "veth"]))
    };
    [AS_ROOT, AS_ANYBODY].iter().find(can_wire).copied()
}
