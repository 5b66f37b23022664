//! Strict YAML: the one door to `serde-saphyr` and the event parser inside it.
//!
//! Values are built from parser events rather than through serde, because only
//! events tell a quoted scalar from a plain one, show tags, and carry the
//! position of every key. Against the YAML that other tools take, this reader
//! refuses duplicate keys, keys that are not text, tags, scalars that YAML 1.1
//! and 1.2 read differently, numbers beyond 64 bits, and alias bombs. Anchors,
//! aliases and merge keys work, also several `<<` in one mapping.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};
use serde_saphyr::granit_parser::{
    ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput, Tag, options,
};

use super::error::{Place, RenderError, RenderErrorKind, printable};
use super::excerpt::excerpt;
use super::scalar::{Plain, plain};

/// The reader's name and version as plans record them; a test compares them
/// with `Cargo.lock`.
pub(super) const NAME: &str = "serde-saphyr";
pub(super) const VERSION: &str = "2.0.0";

/// Nesting that a config may have. eksctl's deepest field is 8 levels down,
/// Kubernetes objects reach 20; the limit keeps recursion off the stack's end.
const DEPTH: usize = 100;
/// Bytes of values that one text may expand to, aliases counted each time.
/// A config of 100 kB has about 1 MB of values; a bomb has gigabytes.
const WEIGHT: usize = 64 << 20;
/// What a value costs besides its text: its place in a list or a map.
const NODE_WEIGHT: usize = 64;
/// A merge list longer than this is a mistake, and comparing merges is
/// quadratic in it.
const MERGES: usize = 64;

const QUOTE_KEY: &str = "put the key in quotes";

/// One document of a YAML stream.
pub(super) struct YamlDocument {
    pub(super) value: Value,
    /// Plain numbers whose spelling is lost in the value, such as `1.30`, by
    /// JSON pointer.
    pub(super) spelled: BTreeMap<String, String>,
}

/// Parses a YAML stream; empty documents are dropped, so that a file with
/// comments only gives none. `name` is the file's name in messages.
///
/// # Errors
/// See the kinds from [`RenderErrorKind::YamlSyntax`] on; each has a line, a
/// column and an excerpt.
pub fn parse_yaml(text: &str, name: &str) -> Result<Vec<Value>, RenderError> {
    let documents = read_yaml(text, name)?;
    Ok(documents.into_iter().map(|d| d.value).collect())
}

/// As [`parse_yaml`], with the spelling of numbers.
pub(super) fn read_yaml(text: &str, name: &str) -> Result<Vec<YamlDocument>, RenderError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut composer = Composer {
        parser: Parser::new_from_str_with_options(text, parser_options()),
        text,
        name,
        anchors: HashMap::new(),
        weight: 0,
        path: Vec::new(),
        spelled: BTreeMap::new(),
    };
    let mut documents = Vec::new();
    while let Some((event, span)) = composer.next()? {
        if event.is_node() {
            let value = composer.node(event, span, 0)?;
            let spelled = std::mem::take(&mut composer.spelled);
            if !value.is_null() {
                documents.push(YamlDocument { value, spelled });
            }
        }
    }
    Ok(documents)
}

fn parser_options() -> Options {
    options! {
        emit_comments: false,
        // Beyond our own limit, so that deep nesting is reported in one way.
        flow_nesting_limit: DEPTH + 2,
        block_nesting_limit: DEPTH + 2,
    }
}

struct Anchored {
    value: Value,
    weight: usize,
}

/// A step from the document's root to the current value.
enum Step {
    Key(String),
    Item(usize),
}

struct Composer<'t> {
    parser: Parser<'t, StrInput<'t>>,
    text: &'t str,
    name: &'t str,
    anchors: HashMap<usize, Anchored>,
    /// Bytes of values so far, see [`WEIGHT`].
    weight: usize,
    path: Vec<Step>,
    spelled: BTreeMap<String, String>,
}

/// The entries of one mapping while it is read.
#[derive(Default)]
struct Entries {
    own: Map<String, Value>,
    lines: HashMap<String, usize>,
    /// One per `<<`, with the place of its value.
    merges: Vec<(Map<String, Value>, Span)>,
}

impl<'t> Composer<'t> {
    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, RenderError> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok(pair)) => Ok(Some(pair)),
            Some(Err(cause)) => Err(self.scan_error(&cause)),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the enum is open, and only four of its variants are nodes"
    )]
    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Value, RenderError> {
        if depth > DEPTH {
            let message = format!("the nesting is deeper than {DEPTH} levels");
            return Err(self.error(RenderErrorKind::TooDeep, &span, &message));
        }
        let before = self.weight;
        self.charge(NODE_WEIGHT, &span)?;
        let (value, anchor) = match event {
            Event::Alias(id) => return self.alias(id, &span),
            Event::Scalar(text, style, anchor, tag) => {
                self.charge(text.len(), &span)?;
                (self.scalar(text, style, tag.as_deref(), &span)?, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", &span)?;
                (self.sequence(depth)?, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", &span)?;
                (self.mapping(depth)?, anchor)
            }
            // Not nodes; the parser sends none of these in a node's place.
            _ => {
                let message = "a value is missing here";
                return Err(self.error(RenderErrorKind::YamlSyntax, &span, message));
            }
        };
        if anchor != 0 {
            let weight = self.weight - before;
            // The copy that is kept counts as well.
            self.charge(weight, &span)?;
            let value = value.clone();
            self.anchors.insert(anchor, Anchored { value, weight });
        }
        Ok(value)
    }

    fn charge(&mut self, weight: usize, span: &Span) -> Result<(), RenderError> {
        self.weight = self.weight.saturating_add(weight);
        if self.weight > WEIGHT {
            let message = format!(
                "the content expands to more than {} MiB of values",
                WEIGHT >> 20
            );
            return Err(self.error(RenderErrorKind::TooLarge, span, &message));
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, span: &Span) -> Result<Value, RenderError> {
        let Some(anchored) = self.anchors.get(&id) else {
            let message = "the alias stands inside of the value it refers to";
            return Err(self.error(RenderErrorKind::YamlSyntax, span, message));
        };
        let weight = anchored.weight;
        let limit = WEIGHT.saturating_sub(self.weight);
        // Checked before the copy is made.
        if weight > limit {
            return self.charge(weight, span).map(|()| Value::Null);
        }
        let value = anchored.value.clone();
        self.charge(weight, span)?;
        Ok(value)
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, RenderError> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            self.path.push(Step::Item(items.len()));
            items.push(self.node(event, span, depth + 1)?);
            self.path.pop();
        }
        Ok(Value::Array(items))
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, RenderError> {
        let mut entries = Entries::default();
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let is_merge = matches!(
                &event,
                Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<"
            );
            if is_merge {
                self.merge(&mut entries, &span, depth)?;
                continue;
            }
            let key = self.key(event, &span)?;
            if let Some(first) = entries.lines.get(&key) {
                let message = format!("the key `{key}` is given twice, first on line {first}");
                return Err(self.error(RenderErrorKind::DuplicateKey, &span, &message));
            }
            entries.lines.insert(key.clone(), span.start.line());
            self.path.push(Step::Key(key));
            let value = match self.next()? {
                Some((event, span)) => self.node(event, span, depth + 1)?,
                None => Value::Null,
            };
            if let Some(Step::Key(key)) = self.path.pop() {
                entries.own.insert(key, value);
            }
        }
        self.finish(entries)
    }

    fn key(&mut self, event: Event<'t>, span: &Span) -> Result<String, RenderError> {
        let value = if matches!(event, Event::SequenceStart(..)) {
            Value::Array(Vec::new())
        } else if matches!(event, Event::MappingStart(..)) {
            Value::Object(Map::new())
        } else {
            self.node(event, *span, 0).map_err(|error| {
                if error.kind == RenderErrorKind::AmbiguousScalar {
                    error.hint(QUOTE_KEY)
                } else {
                    error
                }
            })?
        };
        let what = match value {
            Value::String(key) => return Ok(key),
            Value::Null => "null".to_owned(),
            Value::Bool(value) => format!("the boolean `{value}`"),
            Value::Number(value) => format!("the number `{value}`"),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "a mapping".to_owned(),
        };
        let message = format!("a key must be text, and this one is {what}");
        Err(self
            .error(RenderErrorKind::NonTextKey, span, &message)
            .hint(QUOTE_KEY))
    }

    /// Reads the value of a `<<` key: a mapping, or a list of mappings of which
    /// earlier ones win.
    fn merge(
        &mut self,
        entries: &mut Entries,
        key: &Span,
        depth: usize,
    ) -> Result<(), RenderError> {
        let Some((event, span)) = self.next()? else {
            return Ok(());
        };
        let value = self.node(event, span, depth + 1)?;
        let merged = match value {
            Value::Object(map) => map,
            Value::Array(items) => {
                let mut merged = Map::new();
                for item in items {
                    let Value::Object(map) = item else {
                        return Err(self.bad_merge(&span));
                    };
                    for (key, value) in map {
                        merged.entry(key).or_insert(value);
                    }
                }
                merged
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(self.bad_merge(&span));
            }
        };
        if entries.merges.len() == MERGES {
            let message = format!("one mapping has more than {MERGES} `<<`");
            return Err(self.error(RenderErrorKind::BadMerge, key, &message));
        }
        entries.merges.push((merged, span));
        Ok(())
    }

    fn bad_merge(&self, span: &Span) -> RenderError {
        let message = "`<<` takes a mapping, an alias of one, or a list of these";
        self.error(RenderErrorKind::BadMerge, span, message)
    }

    /// Joins a mapping's own entries, which win, with what it merges. Parsers
    /// disagree on which of several `<<` wins, so these must agree.
    fn finish(&self, entries: Entries) -> Result<Value, RenderError> {
        let Entries {
            mut own, merges, ..
        } = entries;
        let mut merged: Map<String, Value> = Map::new();
        for (map, span) in merges {
            for (key, value) in map {
                if own.contains_key(&key) {
                    continue;
                }
                if merged.get(&key).is_some_and(|known| *known != value) {
                    let message = format!("two `<<` of this mapping give `{key}` different values");
                    return Err(self.error(RenderErrorKind::BadMerge, &span, &message).hint(
                        &format!("state `{}` in the mapping itself", printable(&key, 80)),
                    ));
                }
                merged.insert(key, value);
            }
        }
        own.append(&mut merged);
        Ok(Value::Object(own))
    }

    fn scalar(
        &mut self,
        text: Cow<'t, str>,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: &Span,
    ) -> Result<Value, RenderError> {
        let wanted = match tag {
            None => None,
            Some(tag) => match tag.core_suffix() {
                Some("str") => return Ok(Value::String(text.into_owned())),
                Some(core @ ("null" | "bool" | "int" | "float")) => Some(core),
                Some(_) | None => return Err(self.bad_tag(tag, span)),
            },
        };
        let quoted = !matches!(style, ScalarStyle::Plain);
        if quoted && wanted.is_none() {
            return Ok(Value::String(text.into_owned()));
        }
        let value = match plain(&text) {
            Plain::Null => Value::Null,
            Plain::Bool(value) => Value::Bool(value),
            Plain::Number(number) => {
                if *text != number.to_string() {
                    self.spelled.insert(pointer(&self.path), text.to_string());
                }
                Value::Number(number)
            }
            Plain::Text => Value::String(text.into_owned()),
            Plain::Ambiguous(why) => {
                let message = format!("`{text}` is {why}");
                return Err(self
                    .error(RenderErrorKind::AmbiguousScalar, span, &message)
                    .hint(&remedy(&text)));
            }
            Plain::Unusable(why) => {
                let message = format!("`{text}` is {why}");
                return Err(self
                    .error(RenderErrorKind::UnusableNumber, span, &message)
                    .hint("put it in quotes if it is text"));
            }
        };
        match (wanted, tag) {
            (Some(wanted), Some(tag)) if !agrees(wanted, &value) => Err(self.bad_tag(tag, span)),
            (Some(_) | None, Some(_) | None) => Ok(value),
        }
    }

    fn check_tag(&self, tag: Option<&Tag>, core: &str, span: &Span) -> Result<(), RenderError> {
        match tag {
            Some(tag) if tag.core_suffix() != Some(core) => Err(self.bad_tag(tag, span)),
            Some(_) | None => Ok(()),
        }
    }

    fn bad_tag(&self, tag: &Tag, span: &Span) -> RenderError {
        let message = format!("the tag `{}` has no meaning here", tag.original());
        self.error(RenderErrorKind::UnsupportedTag, span, &message)
            .hint("remove the tag and write the value out")
    }

    fn error(&self, kind: RenderErrorKind, span: &Span, message: &str) -> RenderError {
        let line = span.start.line();
        let width = if span.end.line() == line {
            span.end.col().saturating_sub(span.start.col())
        } else {
            1
        };
        self.located(kind, Place::new(line, span.start.col() + 1, width), message)
    }

    fn scan_error(&self, cause: &ScanError) -> RenderError {
        let kind = if matches!(cause.kind(), ErrorKind::RecursionLimitExceeded) {
            RenderErrorKind::TooDeep
        } else {
            RenderErrorKind::YamlSyntax
        };
        let mark = cause.marker();
        let place = Place::new(mark.line(), mark.col() + 1, 1);
        self.located(kind, place, &cause.kind().to_string())
    }

    fn located(&self, kind: RenderErrorKind, place: Place, message: &str) -> RenderError {
        let shown = excerpt(self.name, self.text.as_bytes(), place);
        RenderError::new(kind, self.name, message).at(place, shown)
    }
}

fn remedy(text: &str) -> String {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
            format!("write `true`, or `\"{text}\"` for text")
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            format!("write `false`, or `\"{text}\"` for text")
        }
        _ => format!("write `\"{text}\"` for text, or the number in plain decimal digits"),
    }
}

fn agrees(core: &str, value: &Value) -> bool {
    match value {
        Value::Null => core == "null",
        Value::Bool(_) => core == "bool",
        Value::Number(number) => core == if number.is_f64() { "float" } else { "int" },
        Value::String(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Writes a path as a JSON pointer (RFC 6901).
fn pointer(path: &[Step]) -> String {
    let mut out = String::new();
    for step in path {
        out.push('/');
        match step {
            Step::Key(key) => out.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Step::Item(index) => out.push_str(&index.to_string()),
        }
    }
    out
}

/// Writes a value as YAML in block style, ending in a newline.
///
/// Strings that YAML 1.1 or 1.2 would read as anything else are quoted
/// (`"1.30"`, `"on"`, `"0123"`, `"2024-01-01"`), and multi-line strings are
/// literal blocks, so that both eksctl's reader and ours get the value back.
pub fn to_yaml(value: &Value) -> String {
    let options = serde_saphyr::ser_options! {
        // Long single-line strings stay on their line: folded blocks are hard
        // to read and to edit, and a user copies commands from them.
        folded_wrap_chars: usize::MAX,
    };
    let mut text = match serde_saphyr::to_string_with_options(value, options) {
        Ok(text) => text,
        // The serializer fails on types that JSON values do not have. JSON is
        // YAML, so the value would still be written whole.
        Err(_) => value.to_string(),
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
