//! Ids and tokens nobody can guess.

use std::fmt::Write;

/// 128 random bits: sessions and viewers stand in URLs.
pub fn random_id<Id: TryFrom<String>>() -> Id {
    match Id::try_from(random_hex::<16>()) {
        Ok(id) => id,
        Err(_) => unreachable!("every kind of id takes 32 hexadecimal digits"),
    }
}

/// 192 random bits, for those who know it to come in.
pub fn random_token() -> String {
    random_hex::<24>()
}

fn random_hex<const BYTES: usize>() -> String {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)
        .expect("Linux has getrandom since 3.17, and it does not fail once the system runs");
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String does not fail");
        text
    })
}
