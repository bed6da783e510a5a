//! Pure: what is on this machine → what is missing, and the commands that bring it.

use super::Purpose;

/// How to see that a need is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// One of these programs is in `PATH`.
    Program(&'static [&'static str]),
    /// `pkg-config` knows this library.
    Library(&'static str),
    File(&'static str),
    /// One of these Debian packages is installed; taken as met where there is no dpkg to ask.
    Package(&'static [&'static str]),
}

/// One thing that Farpane cannot do without, or looks wrong without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    pub probe: Probe,
    /// The Debian package that brings it.
    pub package: &'static str,
    pub purpose: &'static str,
}

const fn need(probe: Probe, package: &'static str, purpose: &'static str) -> Need {
    Need {
        probe,
        package,
        purpose,
    }
}

const BUILD: [Need; 7] = [
    need(Probe::Program(&["cc"]), "gcc", "compiles C"),
    need(
        Probe::Program(&["c++"]),
        "g++",
        "compiles the H.264 encoder",
    ),
    need(
        Probe::Program(&["pkg-config"]),
        "pkg-config",
        "finds C libraries",
    ),
    need(
        Probe::Library("xkbcommon"),
        "libxkbcommon-dev",
        "keyboard layouts, to build",
    ),
    need(
        Probe::File("/usr/share/X11/xkb/rules/evdev"),
        "xkb-data",
        "keyboard layouts, to run",
    ),
    need(
        Probe::Program(&["cmake"]),
        "cmake",
        "builds the encoder of sound",
    ),
    need(
        Probe::Program(&["nasm"]),
        "nasm",
        "the encoder is three times slower without",
    ),
];

const CHROME: Need = need(
    Probe::Program(&[
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ]),
    "chromium",
    "the browser that is shown",
);

/// Pages look poor without; small ones.
const FONTS: [Need; 3] = [
    need(
        Probe::Package(&["fonts-liberation", "fonts-liberation2"]),
        "fonts-liberation",
        "the letters of most pages",
    ),
    need(
        Probe::Package(&["fonts-noto-color-emoji"]),
        "fonts-noto-color-emoji",
        "emoji",
    ),
    need(
        Probe::Package(&[
            "fonts-wqy-microhei",
            "fonts-wqy-zenhei",
            "fonts-noto-cjk",
            "fonts-droid-fallback",
        ]),
        "fonts-wqy-microhei",
        "Chinese, Japanese and Korean letters",
    ),
];

/// A relay of the tests' own, on a free port for as long as a test runs.
const RELAY: Need = need(
    Probe::Program(&["turnserver"]),
    "coturn",
    "a TURN server, to test relayed connections",
);

/// A viewer's browser that is no Chrome.
const FIREFOX: [Need; 2] = [
    need(
        Probe::Program(&["firefox-esr"]),
        "firefox-esr",
        "another browser, to view with",
    ),
    // Firefox only recommends it, and each release of Debian has another one: this name means its own.
    need(
        Probe::Package(&[
            "libavcodec59",
            "libavcodec60",
            "libavcodec61",
            "libavcodec62",
            "libavcodec-extra",
        ]),
        "libavcodec-extra",
        "decodes H.264 for Firefox",
    ),
];

/// For the tests that cut wires between network namespaces. Not by `PATH`: a plain user's lacks what only root can use
/// on the machine itself.
const WIRES: [Need; 3] = [
    need(
        Probe::File("/usr/bin/unshare"),
        "util-linux",
        "namespaces, to test with",
    ),
    need(Probe::Program(&["ip"]), "iproute2", "wires between them"),
    need(
        Probe::File("/usr/sbin/nft"),
        "nftables",
        "cuts and filters the wires",
    ),
];

/// What this purpose needs on a processor of this architecture (`std::env::consts::ARCH`).
pub fn needs(purpose: Purpose, arch: &str) -> Vec<Need> {
    let mut needs: Vec<Need> = BUILD
        .into_iter()
        // The encoder has hand-written assembly in nasm's language for x86 alone.
        .filter(|need| need.package != "nasm" || arch == "x86_64")
        .collect();
    match purpose {
        Purpose::Build => {}
        Purpose::Run { own_chrome: true } => needs.extend(FONTS),
        Purpose::Run { own_chrome: false } | Purpose::Bench | Purpose::Test | Purpose::Ci => {
            needs.push(CHROME);
            needs.extend(FONTS);
        }
    }
    if matches!(purpose, Purpose::Test | Purpose::Ci) {
        needs.push(RELAY);
        needs.extend(FIREFOX);
        needs.extend(WIRES);
    }
    needs
}

/// What can install on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Installer {
    pub apt_get: bool,
    pub root: bool,
    pub sudo: bool,
    pub systemd: bool,
}

/// The commands that bring what is missing, each as its words; or a sentence that names the packages.
pub fn commands(missing: &[Need], installer: Installer) -> Result<Vec<Vec<String>>, String> {
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let list = missing
        .iter()
        .map(|need| format!("{} ({})", need.package, need.purpose))
        .collect::<Vec<_>>()
        .join(", ");
    let packages: Vec<String> = missing.iter().map(|need| need.package.to_owned()).collect();
    if !installer.apt_get {
        return Err(format!(
            "This machine lacks {list}, and has no apt-get: install them with its own package manager."
        ));
    }
    if !installer.root && !installer.sudo {
        return Err(format!(
            "This machine lacks {list}: as root, run `apt-get install {}`.",
            packages.join(" ")
        ));
    }
    let as_root = |words: &[&str]| -> Vec<String> {
        let sudo: &[&str] = if installer.root { &[] } else { &["sudo"] };
        let words = sudo.iter().chain(words);
        words.map(|&word| word.to_owned()).collect()
    };
    let apt_get = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
    let mut commands = vec![as_root(&[&apt_get[..], &["update"]].concat())];
    if installer.systemd && missing.contains(&RELAY) {
        // The package would start it as a service, open to the network. Nothing but the tests needs it.
        commands.push(as_root(&["systemctl", "mask", "coturn.service"]));
    }
    let options = ["install", "--yes", "--no-install-recommends"];
    let mut install = as_root(&[&apt_get[..], &options].concat());
    install.extend(packages);
    commands.push(install);
    Ok(commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Installer = Installer {
        apt_get: true,
        root: true,
        sudo: false,
        systemd: false,
    };
    const RUN: Purpose = Purpose::Run { own_chrome: false };

    fn packages(purpose: Purpose, arch: &str) -> Vec<&'static str> {
        needs(purpose, arch)
            .iter()
            .map(|need| need.package)
            .collect()
    }

    #[test]
    fn a_complete_machine_runs_no_command() {
        assert_eq!(commands(&[], ROOT), Ok(Vec::new()));
    }

    #[test]
    fn only_what_is_missing_is_installed() {
        let nasm = BUILD[6];
        let commands = commands(&[nasm], ROOT).unwrap();
        assert_eq!(
            commands
                .iter()
                .map(|words| words.join(" "))
                .collect::<Vec<_>>(),
            [
                "env DEBIAN_FRONTEND=noninteractive apt-get update",
                "env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends nasm",
            ]
        );
    }

    #[test]
    fn a_user_installs_through_sudo() {
        let installer = Installer {
            root: false,
            sudo: true,
            ..ROOT
        };
        for words in commands(&[CHROME], installer).unwrap() {
            assert_eq!(words[0], "sudo");
        }
    }

    #[test]
    fn without_rights_or_apt_a_sentence_names_the_packages() {
        let no_rights = Installer {
            root: false,
            ..ROOT
        };
        let no_apt = Installer {
            apt_get: false,
            ..ROOT
        };
        for installer in [no_rights, no_apt] {
            let sentence = commands(&[CHROME, BUILD[6]], installer).unwrap_err();
            assert!(sentence.contains("chromium (the browser that is shown), nasm"));
        }
    }

    #[test]
    fn chrome_is_installed_to_run_unless_the_person_has_their_own() {
        assert!(packages(RUN, "x86_64").contains(&"chromium"));
        assert!(packages(Purpose::Test, "x86_64").contains(&"chromium"));
        assert!(!packages(Purpose::Run { own_chrome: true }, "x86_64").contains(&"chromium"));
        assert!(!packages(Purpose::Build, "x86_64").contains(&"chromium"));
    }

    #[test]
    fn the_tests_relay_never_runs_as_a_service() {
        assert!(packages(Purpose::Test, "x86_64").contains(&"coturn"));
        assert!(!packages(RUN, "x86_64").contains(&"coturn"));
        let installer = Installer {
            systemd: true,
            ..ROOT
        };
        let commands = commands(&[RELAY], installer).unwrap();
        assert_eq!(commands[1].join(" "), "systemctl mask coturn.service");
        assert_eq!(commands[2].last().unwrap(), "coturn");
    }

    #[test]
    fn firefox_and_its_decoder_are_for_the_tests_alone() {
        for package in ["firefox-esr", "libavcodec-extra"] {
            assert!(packages(Purpose::Test, "x86_64").contains(&package));
            assert!(!packages(RUN, "x86_64").contains(&package));
            assert!(!packages(Purpose::Bench, "x86_64").contains(&package));
        }
    }

    #[test]
    fn wires_are_for_the_tests_alone() {
        assert!(packages(Purpose::Test, "x86_64").contains(&"nftables"));
        assert!(!packages(RUN, "x86_64").contains(&"nftables"));
    }

    #[test]
    fn nasm_is_for_x86_alone() {
        assert!(packages(RUN, "x86_64").contains(&"nasm"));
        assert!(!packages(RUN, "aarch64").contains(&"nasm"));
    }
}
