//! Refuses to build an encoder without its assembly: openh264 leaves it out in silence and is then three times slower.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=PATH");
    println!("cargo:rerun-if-env-changed=OPENH264_NO_ASM");

    // Other processors have assembly of their own, which needs no nasm.
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    if arch != "x86_64" {
        return;
    }
    if std::env::var_os("OPENH264_NO_ASM").is_some() {
        fail(
            "OPENH264_NO_ASM is set, which makes the video encoder three times slower. Run: unset OPENH264_NO_ASM && cargo clean -p openh264-sys2",
        );
    }
    if Command::new("nasm").arg("-v").output().is_err() {
        fail(
            "nasm is missing, and without it the video encoder is three times slower. Run: apt-get install nasm && cargo clean -p openh264-sys2",
        );
    }
}

fn fail(sentence: &str) -> ! {
    eprintln!("error: {sentence}");
    std::process::exit(1);
}
