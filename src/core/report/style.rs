//! Colors of the terminal; the only place that writes escape sequences.

/// How a report looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Columns of the terminal; less than [`Look::WIDTH_MIN`] counts as that.
    pub width: usize,
    /// Whether color may help. No text means less without it.
    pub color: bool,
    /// Whether characters beyond ASCII may be used.
    pub unicode: bool,
}

impl Look {
    /// Narrower reports would break every id.
    pub const WIDTH_MIN: usize = 60;
    /// Wider lines of prose are hard to read; tables may be wider.
    pub const PROSE_MAX: usize = 110;

    /// Returns a look without color or characters beyond ASCII, `width` columns wide.
    pub const fn plain(width: usize) -> Self {
        Self {
            width,
            color: false,
            unicode: false,
        }
    }

    /// Returns the columns that may be used.
    pub(super) fn columns(self) -> usize {
        self.width.max(Self::WIDTH_MIN)
    }

    /// Returns the columns that prose may use.
    pub(super) fn prose(self) -> usize {
        self.columns().min(Self::PROSE_MAX)
    }

    /// Returns `unicode` where it may be used, else `ascii`.
    pub(super) const fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }

    /// Returns `text` in `ink`, where color may help.
    pub(super) fn paint(self, ink: Ink, text: &str) -> String {
        let code = ink.code();
        if !self.color || code.is_empty() || text.trim().is_empty() {
            return text.to_owned();
        }
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// What a color says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ink {
    /// Nothing.
    #[default]
    Plain,
    /// A heading or a name.
    Strong,
    /// Less important than its surroundings.
    Faint,
    /// No way back, mandatory, removed.
    Bad,
    /// Blocked, preview, warning.
    Caution,
    /// Going up, added.
    Good,
    /// A place.
    Place,
    /// Removed, and the very part that changed.
    BadMark,
    /// Added, and the very part that changed.
    GoodMark,
}

impl Ink {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "1",
            Self::Faint => "2",
            Self::Bad => "31",
            Self::Caution => "33",
            Self::Good => "32",
            Self::Place => "36",
            Self::BadMark => "31;7",
            Self::GoodMark => "32;7",
        }
    }
}
