//! Output of many processes on one screen.

use std::{
    fmt,
    io::{ErrorKind, IsTerminal, Write, stdout},
    process::exit,
    sync::Arc,
};

use tillstream_servers::child::OnLine;

use crate::Role;

/// Prints a line of an operator's command.
macro_rules! out {
    ($($text:tt)*) => { $crate::console::print(format_args!($($text)*)) };
}
pub(crate) use out;

/// Prints a line. When nobody reads on, as after `| head`, that is the end, and no failure.
pub(crate) fn print(line: fmt::Arguments<'_>) {
    match writeln!(stdout().lock(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit(0),
        Err(error) => tracing::warn!(%error, "standard output does not take what is printed"),
        Ok(()) => {}
    }
}

/// Where the lines of a stack go: its own, under the name `pos`, and those of its children.
#[derive(Clone)]
pub struct Output(OnLine);

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Output")
    }
}

impl Output {
    /// Calls `line` with the name of the process and each line. What is to be copied as it stands has no name.
    #[must_use]
    pub fn to(line: impl Fn(&str, &str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(line))
    }

    /// Nowhere.
    #[must_use]
    pub fn quiet() -> Self {
        Self::to(|_, _| {})
    }

    /// To standard output, names aligned, in colour on a terminal.
    #[must_use]
    pub fn screen() -> Self {
        let colour = stdout().is_terminal();
        Self::to(move |name, line| {
            let text = if name.is_empty() {
                format!("{line}\n")
            } else if colour {
                format!("\u{1b}[{}m{name:<15} |\u{1b}[0m {line}\n", colour_of(name))
            } else {
                format!("{name:<15} | {line}\n")
            };
            // Written at once, so that lines are not torn. With nobody to read it the system runs on.
            if stdout().lock().write_all(text.as_bytes()).is_err() {
                tracing::trace!("standard output is closed");
            }
        })
    }

    /// Writes a line of `pos` itself.
    pub(crate) fn say(&self, line: &str) {
        (self.0)("pos", line);
    }

    /// Writes a line without a name in front, so that it can be copied as it stands.
    pub(crate) fn plain(&self, line: &str) {
        (self.0)("", line);
    }

    pub(crate) fn lines(&self) -> &OnLine {
        &self.0
    }
}

/// ANSI colours that are told apart on dark and on light ground.
fn colour_of(name: &str) -> u8 {
    const COLOURS: [u8; 6] = [34, 35, 32, 33, 36, 31];
    Role::ALL.iter().position(|role| role.name() == name).map_or(1, |index| COLOURS[index % COLOURS.len()])
}
