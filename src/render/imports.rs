//! Which files a jsonnet file may read, told from its words and without evaluating it.
//!
//! Imports in jsonnet are literal, so that the words tell all of them; those behind a condition that
//! is never true are told as well. What is told here holds everything that a rendering reads.

use super::SourceFormat;
use super::sources::{Folders, find_import, find_path, normal};
use crate::files;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The limit of the renderer for all files of one cluster; a file alone is never larger.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// An import as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Written {
    /// True for `import`: the file is jsonnet itself, and may import.
    code: bool,
    path: String,
}

/// One file as it was reached.
#[derive(Debug)]
struct Reached {
    /// Where its name stands and where a link there leads.
    paths: Vec<PathBuf>,
    /// True when there is such a file inside of the root.
    found: bool,
    /// The files that it imports, as reached from it.
    imports: Vec<(PathBuf, bool)>,
}

/// What the files of many clusters may read; each file is read once.
#[derive(Debug, Default)]
pub struct ImportScan {
    folders: Folders,
    reached: HashMap<(PathBuf, PathBuf, bool), Rc<Reached>>,
    words: HashMap<PathBuf, Rc<[Written]>>,
}

/// The files behind one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Every path that has a say: names of files and of links, and where links lead. Absolute.
    pub paths: BTreeSet<PathBuf>,
    /// Those that are files now: canonical.
    pub files: BTreeSet<PathBuf>,
}

impl ImportScan {
    /// Adds to `reads` the file at `path` and all that it may import inside of the canonical `root`.
    ///
    /// A file that is missing or outside counts by its name: it may appear.
    pub fn add(&mut self, path: &Path, root: &Path, reads: &mut Reads) {
        let code = SourceFormat::of(path) == Some(SourceFormat::Jsonnet);
        let mut seen = BTreeSet::new();
        let mut pending = vec![(path.to_path_buf(), code)];
        while let Some((spelled, code)) = pending.pop() {
            if !seen.insert((spelled.clone(), code)) {
                continue;
            }
            let reached = self.reach(spelled, root, code);
            reads.paths.extend(reached.paths.iter().cloned());
            if reached.found {
                reads.files.extend(reached.paths.last().cloned());
            }
            pending.extend(reached.imports.iter().cloned());
        }
    }

    fn reach(&mut self, spelled: PathBuf, root: &Path, code: bool) -> Rc<Reached> {
        let key = (spelled, root.to_path_buf(), code);
        if let Some(known) = self.reached.get(&key) {
            return Rc::clone(known);
        }
        let made = Rc::new(self.look(&key.0, root, code));
        self.reached.insert(key, Rc::clone(&made));
        made
    }

    fn look(&mut self, spelled: &Path, root: &Path, code: bool) -> Reached {
        let mut paths = vec![normal(spelled)];
        let Ok(found) = find_path(spelled.to_path_buf(), root, &mut self.folders) else {
            return Reached {
                paths,
                found: false,
                imports: Vec::new(),
            };
        };
        paths.extend(found.link.map(|link| root.join(link)));
        paths.push(found.canonical.clone());
        let mut imports = Vec::new();
        if code {
            for written in self.words_of(&found.canonical).iter() {
                let spelled = files::parent_of(&found.spelled).join(&written.path);
                // What may not be read counts by its name too, though the rendering refuses it.
                let allowed = find_import(&found.spelled, &written.path, root, &mut self.folders);
                let code = written.code && allowed.is_ok();
                imports.push((spelled, code));
            }
        }
        Reached {
            paths,
            found: true,
            imports,
        }
    }

    fn words_of(&mut self, canonical: &Path) -> Rc<[Written]> {
        if let Some(known) = self.words.get(canonical) {
            return Rc::clone(known);
        }
        let bytes = files::read_bounded(canonical, FILE_BYTES_MAX).unwrap_or_default();
        let words: Rc<[Written]> = imports_in(&bytes).into();
        self.words
            .insert(canonical.to_path_buf(), Rc::clone(&words));
        words
    }
}

/// Returns the imports that are written in a jsonnet text, in order.
fn imports_in(text: &[u8]) -> Vec<Written> {
    let mut words = Words { text, at: 0 };
    let mut found = Vec::new();
    let mut import: Option<bool> = None;
    while let Some(word) = words.next_word() {
        import = match (word, import) {
            (Word::Name(b"import"), _) => Some(true),
            (Word::Name(b"importstr" | b"importbin"), _) => Some(false),
            (Word::Text(path), Some(code)) => {
                found.push(Written { code, path });
                None
            }
            // `import ("x")` is refused today; it costs nothing to be ready for it.
            (Word::Sign(b'('), import) => import,
            (Word::Name(_) | Word::Text(_) | Word::Sign(_), _) => None,
        };
    }
    found
}

/// What jsonnet is made of, as far as imports go.
enum Word<'t> {
    Name(&'t [u8]),
    Text(String),
    Sign(u8),
}

struct Words<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Words<'t> {
    fn rest(&self) -> &'t [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn next_word(&mut self) -> Option<Word<'t>> {
        self.skip_blanks();
        let byte = self.peek()?;
        let start = self.at;
        if self.rest().starts_with(b"|||") {
            self.skip_block();
            return Some(Word::Sign(b'|'));
        }
        if is_name(byte) {
            while self.peek().is_some_and(is_name) {
                self.at += 1;
            }
            return Some(Word::Name(self.text.get(start..self.at)?));
        }
        self.at += 1;
        match byte {
            b'"' | b'\'' => Some(Word::Text(self.text_until(byte))),
            b'@' => match self.peek() {
                Some(quote @ (b'"' | b'\'')) => {
                    self.at += 1;
                    Some(Word::Text(self.verbatim_until(quote)))
                }
                Some(_) | None => Some(Word::Sign(byte)),
            },
            other => Some(Word::Sign(other)),
        }
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
            self.at += blank;
            let rest = &rest[blank..];
            if rest.starts_with(b"#") || rest.starts_with(b"//") {
                self.at += rest.iter().take_while(|b| **b != b'\n').count();
            } else if rest.starts_with(b"/*") {
                let end = rest.windows(2).skip(2).position(|two| two == b"*/");
                self.at += end.map_or(rest.len(), |end| end + 4);
            } else {
                return;
            }
        }
    }

    /// The rest of a string with escapes.
    fn text_until(&mut self, quote: u8) -> String {
        let mut bytes = Vec::new();
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.escaped(&mut bytes),
                byte if byte == quote => break,
                byte => bytes.push(byte),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn escaped(&mut self, bytes: &mut Vec<u8>) {
        let Some(byte) = self.peek() else { return };
        self.at += 1;
        match byte {
            b'b' => bytes.push(8),
            b'f' => bytes.push(12),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'u' => {
                let first = self.four_digits();
                let second = (0xd800..0xdc00).contains(&first) && self.rest().starts_with(b"\\u");
                let units = if second {
                    self.at += 2;
                    vec![first, self.four_digits()]
                } else {
                    vec![first]
                };
                bytes.extend(String::from_utf16_lossy(&units).into_bytes());
            }
            other => bytes.push(other),
        }
    }

    fn four_digits(&mut self) -> u16 {
        let digits = self.rest().get(..4).unwrap_or_default();
        self.at += digits.len();
        let text = std::str::from_utf8(digits).unwrap_or_default();
        u16::from_str_radix(text, 16).unwrap_or(0xfffd)
    }

    /// The rest of `@"…"`, in which a doubled quote stands for one.
    fn verbatim_until(&mut self, quote: u8) -> String {
        let mut bytes = Vec::new();
        while let Some(byte) = self.peek() {
            self.at += 1;
            if byte == quote {
                if self.peek() != Some(quote) {
                    break;
                }
                self.at += 1;
            }
            bytes.push(byte);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// `|||`, lines that begin as the first one does, and a line of blanks and `|||`.
    fn skip_block(&mut self) {
        let rest = self.rest();
        let mut at = rest.iter().take_while(|b| **b != b'\n').count() + 1;
        let line = |at: usize| rest.get(at..).filter(|line| !line.is_empty());
        let blanks = |line: &[u8]| {
            line.iter()
                .take_while(|b| matches!(b, b' ' | b'\t'))
                .count()
        };
        let empty = |line: &[u8]| line.starts_with(b"\n") || line.starts_with(b"\r\n");
        let mut prefix: Option<&[u8]> = None;
        while let Some(here) = line(at) {
            let own = &here[..blanks(here)];
            let inside = match prefix {
                Some(prefix) => here.starts_with(prefix) || empty(here),
                None => true,
            };
            if !inside {
                if here[own.len()..].starts_with(b"|||") {
                    at += own.len() + 3;
                }
                break;
            }
            if prefix.is_none() && !empty(here) {
                prefix = Some(own);
            }
            at += here.iter().take_while(|b| **b != b'\n').count() + 1;
        }
        self.at += at.min(rest.len());
    }
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(what: &str, text: &str, expected: &[&str]) {
        let found: Vec<String> = imports_in(text.as_bytes())
            .into_iter()
            .map(|written| {
                let kind = if written.code { "" } else { "text " };
                format!("{kind}{}", written.path)
            })
            .collect();
        assert_eq!(found, expected, "{what}: {text}");
    }

    #[test]
    fn imports_are_told_from_words() {
        check(
            "plain",
            "local a = import 'a.libsonnet'; a",
            &["a.libsonnet"],
        );
        check("double quotes, no blank", "import\"a\"", &["a"]);
        check(
            "text and bytes",
            "[importstr 'a', importbin \"b\"]",
            &["text a", "text b"],
        );
        check(
            "behind a condition that never holds",
            "if false then import 'a'",
            &["a"],
        );
        check(
            "with a comment between",
            "import /* \"no\" */ // 'no'\n # \"no\"\n 'a'",
            &["a"],
        );
        check("escapes", r#"import "a\/b\u0063\t.\"x""#, &["a/bc\t.\"x"]);
        check(
            "a pair of surrogates",
            r#"import "\ud83d\ude00""#,
            &["\u{1f600}"],
        );
        check("verbatim", r#"import @'a\b''c'"#, &["a\\b'c"]);
        check("in parentheses", "import ('a')", &["a"]);
        check("two of one line", "(import 'a') + import 'b'", &["a", "b"]);
        check("only the literal that follows", "import 'a' + 'b'", &["a"]);
    }

    #[test]
    fn words_that_look_like_imports_are_none() {
        check("in a line comment", "// import 'a'\n{}", &[]);
        check("in a hash comment", "# import 'a'", &[]);
        check("in a block comment", "/* import 'a' */ {}", &[]);
        check("in a string", "\"import 'a'\" + 'x'", &[]);
        check(
            "in a string with an escaped quote",
            r#""\"import 'a'" "#,
            &[],
        );
        check(
            "part of a name",
            "local imports = 'a', reimport = 'b'; 1",
            &[],
        );
        check("a name before", "my_import 'a'", &[]);
        check("in a text block", "|||\n  import 'a'\n||| + 'b'", &[]);
        check(
            "in a chomped text block with empty lines",
            "|||-\n\n  x\n\n   import 'a'\n  |||x\n||| ",
            &[],
        );
    }

    #[test]
    fn after_a_text_block_words_count_again() {
        check("block, then import", "|||\n  'x\n||| + import 'a'", &["a"]);
        check("tabs", "{a: |||\n\tx \"\n|||, b: import 'b'}", &["b"]);
        check(
            "windows line ends",
            "|||\r\n  x '\r\n\r\n|||\r\n+ import 'b'",
            &["b"],
        );
    }

    #[test]
    fn broken_texts_end() {
        for text in [
            "import '",
            "import \"\\",
            "import \"\\u12",
            "/* ",
            "|||",
            "|||\n",
            "|||\n  x",
            "@",
            "import @'",
            "\u{0}import",
        ] {
            let _whatever = imports_in(text.as_bytes());
        }
    }
}
