//! Starting the program under test in a folder of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Set: this test program plays the binary.
pub const PLAY: &str = "SEEDBED_TEST_PLAYS_BINARY";

/// Its value when the binary shall know the toy flow instead of the double.
pub const TOYS: &str = "toys";

/// A test: its name and what it does.
pub type Test = (&'static str, fn());

/// A folder with scenario files, and the program run in it.
pub struct Bench {
    folder: PathBuf,
}

/// What the program said.
#[derive(Debug)]
pub struct Said {
    pub out: String,
    pub err: String,
    pub code: Option<i32>,
}

impl Bench {
    /// An empty folder; `name` is unique among the tests.
    pub fn new(name: &str) -> Bench {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
        // It is there only if this test ran before.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("scenarios/double")).expect("the target folder is writable");
        Bench { folder }
    }

    /// Adds `scenarios/double/<name>.toml` with a valid head and the rest given.
    pub fn scenario(self, name: &str, rest: &str) -> Bench {
        let head = "seedbed = 1\ngoal = \"A test.\"\nflow = \"double\"\nvariant = \"1.0\"\n";
        self.file(&format!("scenarios/double/{name}.toml"), &format!("{head}{rest}"))
    }

    /// Adds a file.
    pub fn file(self, path: &str, text: &str) -> Bench {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the target folder is writable");
        fs::write(path, text).expect("the target folder is writable");
        self
    }

    /// The program, ready to be started in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
        command.args(arguments).current_dir(&self.folder).env(PLAY, "1").stdin(Stdio::null());
        command
    }

    /// A path in the folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Runs the program with the toy flow to its end.
    pub fn run_toys(&self, arguments: &[&str]) -> Said {
        let mut command = self.command(arguments);
        command.env(PLAY, TOYS);
        Said::of(command.output().expect("the program starts"))
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Said {
        Said::of(self.command(arguments).output().expect("the program starts"))
    }

    /// Runs a line as it stands, in a shell.
    pub fn paste(&self, line: &str) -> Said {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(&self.folder).env(PLAY, "1");
        Said::of(shell.output().expect("there is a shell"))
    }
}

impl Said {
    pub fn of(output: Output) -> Said {
        Said {
            out: String::from_utf8(output.stdout).expect("output is text"),
            err: String::from_utf8(output.stderr).expect("output is text"),
            code: output.status.code(),
        }
    }

    /// Output with the program's path as a person sees it.
    pub fn shown(&self) -> String {
        let program = std::env::current_exe().expect("this program has a path");
        let out = self.out.replace(&*program.to_string_lossy(), "seedbed");
        // The host is part of JSON lines, and both are tested.
        out.replace("\"host\":\"none\"", "\"host\":\"madsim\"")
    }

    /// The same without digests, which change whenever the engine does.
    pub fn shown_without_digests(&self) -> String {
        let mut shown = String::new();
        for (at, part) in self.shown().split("d1:").enumerate() {
            if at > 0 {
                shown.push_str("d1:…");
            }
            let digest = if at > 0 { 32 } else { 0 };
            shown.push_str(&part[digest..]);
        }
        shown
    }

    /// The rest of the one line that starts like this.
    pub fn line(&self, start: &str) -> &str {
        let mut lines = self.out.lines().filter_map(|line| line.strip_prefix(start));
        let line = lines.next().unwrap_or_else(|| panic!("no line starts with {start:?} in:\n{}", self.out));
        assert_eq!(lines.next(), None, "two lines start with {start:?}");
        line
    }

    /// Checks the exit code.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Said {
        assert_eq!(self.code, Some(code), "out:\n{}\nerr:\n{}", self.out, self.err);
        self
    }
}

/// Compares with a file in the repository's `snapshots` folder.
pub fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
