//! Ids and tokens that cannot be guessed.

use std::fmt::Write;

/// 128 random bits, as 32 hexadecimal digits: ids of sessions and viewers stand in URLs.
pub fn random_id<Id: TryFrom<String>>() -> Id {
    match Id::try_from(random_hex::<16>()) {
        Ok(id) => id,
        Err(_) => unreachable!("every id type accepts 32 hexadecimal digits"),
    }
}

/// 192 random bits, as 48 hexadecimal digits: what nobody can guess.
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
