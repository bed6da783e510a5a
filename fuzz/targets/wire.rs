#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| farpane::fuzzing::wire(bytes));
