//! The sources, read as text: what a pure file may not name, and through which door each foreign crate comes in.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The folders of sources.
const SOURCES: [&str; 4] = ["shared/src", "client/src", "server/src", "xtask/src"];

/// How the first line of a pure file begins.
const PURE: &str = "//! Pure:";

/// A folder in which every file is pure, whether it says so or not.
const PURE_FOLDER: &str = "shared/src";

/// The beginnings of paths that no pure file names, with what they would bring in.
const IMPURE: &[(&str, &str)] = &[
    ("Instant::now", "a clock; `now` is an argument"),
    ("SystemTime", "a clock; `now` is an argument"),
    ("crate::clock", "a clock; `now` is an argument"),
    ("std::env", "the process's surroundings"),
    ("std::fs", "files"),
    ("std::net", "sockets"),
    ("std::os", "handles"),
    ("std::process", "processes"),
    ("std::thread", "threads, and their sleep"),
    ("tokio", "sockets, timers and tasks"),
    ("futures", "tasks, and channels between them"),
    ("rustix", "the kernel"),
    ("getrandom", "randomness"),
    ("crate::ids", "randomness"),
    ("std::cell", "state that is shared"),
    ("std::rc", "state that is shared"),
    ("std::sync", "state that is shared, and channels"),
    ("web_sys", "the browser"),
    ("js_sys", "the browser, its clock and its randomness"),
    ("wasm_bindgen", "the browser"),
    ("leptos", "signals"),
];

/// What begins like that and is a mere value.
const PURE_ALL_THE_SAME: &[(&str, &str)] = &[
    ("std::process::ExitStatus", "how a process ended is none"),
    (
        "std::os::unix::process::ExitStatusExt",
        "by which signal, likewise",
    ),
    ("std::net::IpAddr", "an address is no socket"),
    ("std::net::SocketAddr", "an address is no socket"),
    (
        "std::sync::Arc",
        "a value that nobody changes may be shared",
    ),
];

/// Foreign crates and the only files, or folders, that name them. Tests may, too.
const DOORS: &[(&str, &[&str])] = &[
    ("rtc", &["server/src/transport/webrtc"]),
    ("if_addrs", &["server/src/transport/listen.rs"]),
    ("smithay", &["server/src/display"]),
    ("chromiumoxide_cdp", &["server/src/browser"]),
    ("chromiumoxide_types", &["server/src/browser/cdp"]),
    ("openh264_sys2", &["server/src/video/h264.rs"]),
    ("opus", &["server/src/sound"]),
    ("pulseaudio", &["server/src/sound"]),
    ("fast_image_resize", &["server/src/picture/shrink.rs"]),
    ("yuv", &["server/src/picture/convert.rs"]),
    ("jpeg_encoder", &["server/src/picture/thumbnail.rs"]),
    ("data_url", &["server/src/browser/cdp"]),
    ("leptos_axum", &["server/src/web/mod.rs"]),
    ("tower_http", &["server/src/web/mod.rs"]),
    ("toml", &["server/src/config/settings.rs"]),
    ("postcard", &["shared/src/wire.rs"]),
    ("server_fn", &["shared/src/error.rs"]),
    ("cargo_metadata", &["xtask/src/workspace.rs"]),
    ("lightningcss", &["xtask/src/build/style.rs"]),
    ("wasm_bindgen_cli_support", &["xtask/src/build/page.rs"]),
];

#[test]
fn a_pure_file_has_no_socket_clock_randomness_or_handle() {
    let sources = Sources::read();
    let mut found = Vec::new();
    for (file, source) in &sources.files {
        if !source.is_pure && !Path::new(file).starts_with(PURE_FOLDER) {
            continue;
        }
        for path in &source.paths {
            let begins = |(start, _): &&(&str, &str)| names(path, start);
            if PURE_ALL_THE_SAME.iter().any(|one| begins(&one)) {
                continue;
            }
            if let Some((_, what)) = IMPURE.iter().find(begins) {
                found.push(format!("{file} names {path}: {what}"));
            }
        }
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    // Nobody is found guilty where nobody was asked.
    let pure = sources.files.values().filter(|source| source.is_pure);
    assert!(pure.count() > 40);
}

#[test]
fn each_foreign_crate_has_one_door() {
    let sources = Sources::read();
    let mut found = Vec::new();
    for (krate, doors) in DOORS {
        let mut unused: BTreeSet<_> = doors.iter().collect();
        for (file, source) in &sources.files {
            if !source.paths.iter().any(|path| names(path, krate)) {
                continue;
            }
            match doors.iter().find(|door| Path::new(file).starts_with(door)) {
                Some(door) => _ = unused.remove(door),
                None => found.push(format!("{file} names {krate}, whose door is {doors:?}")),
            }
        }
        found.extend(
            unused
                .iter()
                .map(|door| format!("{door} does not name {krate}, whose door it is")),
        );
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// Whether this path is `what` or leads into it: `std::fs::read` is in `std::fs`, and `rtc::sdp` in `rtc`. What is no module
/// is found wherever it is: `std::time::Instant::now` and `Instant::now` both are `Instant::now`.
fn names(path: &str, what: &str) -> bool {
    if what.starts_with(char::is_uppercase) {
        return format!("::{path}::").contains(&format!("::{what}::"));
    }
    match path.strip_prefix(what) {
        // A crate is followed by something of it; a lone word is a name like any other.
        Some(rest) => rest.starts_with("::") || rest.is_empty() && what.contains("::"),
        None => false,
    }
}

/// What of all sources is compiled into the product.
struct Sources {
    /// By their path from the checkout.
    files: BTreeMap<String, Source>,
}

struct Source {
    /// It says so.
    is_pure: bool,
    paths: BTreeSet<String>,
}

impl Sources {
    fn read() -> Sources {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("the server is a folder of the checkout");
        let mut files = BTreeMap::new();
        let mut tests = Vec::new();
        for file in SOURCES
            .iter()
            .flat_map(|folder| rust_files(&root.join(folder)))
        {
            let text = fs::read_to_string(&file).expect("its folder has just named it");
            let tokens: TokenStream = text.parse().expect("it is compiled too");
            let mut walk = Walk::default();
            walk.stream(tokens, "");
            tests.extend(walk.test_modules.iter().map(|name| submodule(&file, name)));
            let source = Source {
                is_pure: text.starts_with(PURE),
                paths: walk.paths,
            };
            let place = file.strip_prefix(root).expect("it was found there");
            files.insert(place.to_string_lossy().into_owned(), source);
        }
        for module in tests {
            let module = module.strip_prefix(root).expect("it is beside its parent");
            files.retain(|file, _| {
                Path::new(file) != module.with_extension("rs")
                    && !Path::new(file).starts_with(module)
            });
        }
        Sources { files }
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("a folder of sources").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Where `mod name;` in this file leads, without its extension.
fn submodule(file: &Path, name: &str) -> PathBuf {
    let is_folders_own = ["mod", "lib", "main"]
        .map(Some)
        .contains(&file.file_stem().and_then(|stem| stem.to_str()));
    match is_folders_own {
        true => file.with_file_name(name),
        false => file.with_extension("").join(name),
    }
}

/// Goes through a file's tokens: comments and the contents of strings are none.
#[derive(Default)]
struct Walk {
    /// Every path that is named, groups taken apart: `use std::{fs, net::IpAddr}` is `std::fs` and `std::net::IpAddr`.
    paths: BTreeSet<String>,
    /// Names of modules in files of their own that only tests have.
    test_modules: Vec<String>,
}

impl Walk {
    /// `before` is what stands before the braces of a `use`, with its last `::`.
    fn stream(&mut self, stream: TokenStream, before: &str) {
        let mut path = before.to_owned();
        let mut tokens = stream.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(word) => {
                    let is_used = path == "use";
                    if !path.ends_with("::") && path != before {
                        self.paths
                            .insert(std::mem::replace(&mut path, before.to_owned()));
                    }
                    path.push_str(&word.to_string());
                    if is_used {
                        // `use rtc as other` names it as well.
                        self.paths.insert(format!("{path}::self"));
                    }
                }
                TokenTree::Punct(colon)
                    if colon.as_char() == ':'
                        && matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == ':') =>
                {
                    tokens.next();
                    path.push_str("::");
                }
                TokenTree::Group(group)
                    if group.delimiter() == Delimiter::Brace && path.ends_with("::") =>
                {
                    self.stream(group.stream(), &path);
                    path = before.to_owned();
                }
                other => {
                    self.paths
                        .insert(std::mem::replace(&mut path, before.to_owned()));
                    match (other, tokens.peek()) {
                        (TokenTree::Punct(hash), Some(TokenTree::Group(attribute)))
                            if hash.as_char() == '#' && is_for_tests(&attribute.stream()) =>
                        {
                            tokens.next();
                            self.skip_item(&mut tokens);
                        }
                        (TokenTree::Group(group), _) => self.stream(group.stream(), ""),
                        _ => {}
                    }
                }
            }
        }
        self.paths.insert(path);
    }

    /// To the end of what an attribute stands before.
    fn skip_item(&mut self, tokens: &mut impl Iterator<Item = TokenTree>) {
        let mut words = Vec::new();
        for token in tokens {
            match token {
                TokenTree::Ident(word) => words.push(word.to_string()),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return,
                TokenTree::Punct(end) if end.as_char() == ';' => {
                    let is_module = words.iter().any(|word| word == "mod");
                    self.test_modules.extend(words.pop().filter(|_| is_module));
                    return;
                }
                _ => {}
            }
        }
    }
}

/// `cfg(test)`, or one that is never true outside tests and fuzzing.
fn is_for_tests(attribute: &TokenStream) -> bool {
    let text = attribute.to_string();
    text.starts_with("cfg") && text.contains("test") && !text.contains("not")
}

#[test]
fn every_way_to_name_a_path_is_seen() {
    let code = r#"
        use std::{fs::{self, File}, time::Instant};
        use rtc as webrtc;
        #[cfg(test)]
        mod tests;
        #[cfg(test)]
        fn only_for_tests() -> std::net::TcpStream { todo!() }
        /// `std::env` in words
        fn f<T: tokio::Read>() { let smithay = Instant::now(); web_sys::window("std::thread") }
    "#;
    let mut walk = Walk::default();
    walk.stream(code.parse().unwrap(), "");
    let seen = |what: &str| walk.paths.iter().any(|path| names(path, what));
    for start in [
        "std::fs",
        "std::time",
        "rtc",
        "tokio",
        "Instant::now",
        "web_sys",
    ] {
        assert!(seen(start), "{start} in {:?}", walk.paths);
    }
    for start in ["std::net", "std::env", "std::thread", "smithay"] {
        assert!(!seen(start), "{start} in {:?}", walk.paths);
    }
    assert_eq!(walk.test_modules, ["tests"]);
}

/// What people read first. A path there begins with one of these folders.
const PAGES: [&str; 5] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "fuzz/README.md",
    "docs",
];
const FOLDERS: [&str; 7] = [
    "client/", "docs/", "end2end/", "fuzz/", "server/", "shared/", "xtask/",
];

#[test]
fn every_path_in_the_documents_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut pages = Vec::new();
    for page in PAGES {
        markdown_files(&root.join(page), &mut pages);
    }
    let mut looked_at = 0;
    for page in pages {
        let text = fs::read_to_string(&page).expect("a page can be read");
        // Paths of the repository stand between backquotes.
        for quoted in text.split('`').skip(1).step_by(2) {
            let is_path = FOLDERS.iter().any(|folder| quoted.starts_with(folder));
            if is_path
                && !quoted.contains(|letter: char| letter.is_whitespace() || "*{…".contains(letter))
                && !["TARGET", "artifacts"]
                    .iter()
                    .any(|made| quoted.contains(made))
            {
                looked_at += 1;
                assert!(root.join(quoted).exists(), "{}: {quoted}", page.display());
            }
        }
    }
    assert!(looked_at > 50, "only {looked_at} paths were found");
}

fn markdown_files(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder can be read") {
            markdown_files(&entry.expect("an entry can be read").path(), found);
        }
    } else if path.extension().is_some_and(|extension| extension == "md") {
        found.push(path.to_owned());
    }
}
