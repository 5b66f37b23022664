//! Jsonnet: the one door to `rsjsonnet-lang`.
//!
//! The evaluator sees files inside of the root and nothing else: no
//! environment, no clock, no native functions. Each file gets a fresh program,
//! so that the result does not depend on what was rendered before it.

mod explain;
mod template;
mod words;

pub(super) use template::is_placeholder;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use rsjsonnet_lang::arena::Arena;
use rsjsonnet_lang::interner::InternedStr;
use rsjsonnet_lang::program::{
    Callbacks, EvalStackTraceItem, ImportError, NativeError, Program, Thunk, Value,
};
use rsjsonnet_lang::span::{SourceId, SpanContext, SpanId};

use super::Import;
use super::error::{Place, RenderError, RenderErrorKind, not_utf8, printable};
use super::excerpt::excerpt;
use super::frame::{Evaluated, Job, Output};
use super::limits::Limits;
use super::sources::{Content, Found, Refusal, Shelf, Site, find_import, normal, slashed};

/// The evaluator's name and version as plans record them; a test compares them
/// with `Cargo.lock`.
pub(super) const NAME: &str = "rsjsonnet-lang";
pub(super) const VERSION: &str = "0.5.1";

/// Lines of `std.trace` that are kept, and characters of each: what a person
/// reads. A loop that traces must not fill the memory.
const NOTES: usize = 100;
const NOTE_CHARS: usize = 500;

/// Evaluates one file to the text of a JSON value, or of a string.
pub(super) fn evaluate(
    job: &Job,
    limits: &Limits,
    shelf: &mut Shelf,
) -> Result<(Evaluated, String), RenderError> {
    let arena = Arena::new();
    let mut program = Program::new(&arena);
    let frames = usize::try_from(limits.stack_frames).unwrap_or(usize::MAX);
    program.set_max_stack(frames);
    let mut loader = Loader {
        job,
        limits,
        shelf,
        root: PathBuf::from(&job.root),
        sources: Vec::new(),
        ids: HashMap::new(),
        thunks: HashMap::new(),
        imports: Vec::new(),
        import_bytes: 0,
        notes: Vec::new(),
        failure: None,
    };
    let (output, text) = loader
        .run(&mut program)
        .map_err(|error| error.entry(&job.display))?;
    let evaluated = Evaluated {
        output,
        imports: loader.imports(),
        notes: loader.notes,
    };
    Ok((evaluated, text))
}

/// A file that takes part in the evaluation.
struct Source {
    display: String,
    spelled: PathBuf,
    content: Arc<Content>,
}

/// Loads files for one evaluation and remembers what it loaded.
struct Loader<'p, 'j> {
    job: &'j Job,
    limits: &'j Limits,
    shelf: &'j mut Shelf,
    root: PathBuf,
    sources: Vec<Source>,
    ids: HashMap<SourceId, usize>,
    /// Evaluated at most once per path, which also ends import cycles.
    thunks: HashMap<PathBuf, Thunk<'p>>,
    /// The entry file first, then in the order of reading.
    imports: Vec<Import>,
    import_bytes: u64,
    notes: Vec<String>,
    /// Why the evaluator was told that an import failed.
    failure: Option<RenderError>,
}

impl<'p> Loader<'p, '_> {
    fn run(&mut self, program: &mut Program<'p>) -> Result<(Output, String), RenderError> {
        self.add_ext_vars(program);
        let path = PathBuf::from(&self.job.path);
        let found = Site::locate(
            &path,
            &self.root,
            &self.job.display,
            &mut self.shelf.folders,
        )?;
        let content = self
            .read(&found)
            .map_err(|cause| self.of_load_failure(cause))?;
        let display = self.job.display.clone();
        let thunk = self.load(program, &found, content, display)?;
        let value = self.value(program, &thunk)?;
        if let Some(text) = value.to_string() {
            return self.bounded(Output::Text, text);
        }
        let text = program
            .manifest_json(&value, false)
            .map_err(|error| self.eval_error(program, &error))?;
        self.bounded(Output::Json, text)
    }

    /// Evaluates the entry file, and calls it when it is a function.
    fn value(
        &mut self,
        program: &mut Program<'p>,
        thunk: &Thunk<'p>,
    ) -> Result<Value<'p>, RenderError> {
        let value = match program.eval_value(thunk, self) {
            Ok(value) => value,
            Err(error) => return Err(self.eval_error(program, &error)),
        };
        if !value.is_function() {
            if let Some(name) = self.job.tlas.keys().next() {
                let message = format!(
                    "the top-level argument `{name}` is given, and the file is no function"
                );
                return Err(self.whole(RenderErrorKind::UnusedArguments, &message));
            }
            return Ok(value);
        }
        let named: Vec<(InternedStr<'p>, Thunk<'p>)> = self
            .job
            .tlas
            .iter()
            .map(|(name, text)| {
                let value = program.value_to_thunk(&Value::string(text));
                (program.intern_str(name), value)
            })
            .collect();
        program
            .eval_call(thunk, &[], &named, self)
            .map_err(|error| self.eval_error(program, &error))
    }

    fn add_ext_vars(&self, program: &mut Program<'p>) {
        for (name, text) in &self.job.ext_vars {
            let value = program.value_to_thunk(&Value::string(text));
            let name = program.intern_str(name);
            program.add_ext_var(name, &value);
        }
    }

    fn bounded(&self, output: Output, text: String) -> Result<(Output, String), RenderError> {
        let limit = self.limits.output_bytes;
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > limit {
            let message = format!(
                "the output has {} bytes, and the limit is {limit}",
                text.len()
            );
            return Err(self.whole(RenderErrorKind::OutputLimit, &message));
        }
        Ok((output, text))
    }

    fn whole(&self, kind: RenderErrorKind, message: &str) -> RenderError {
        RenderError::new(kind, &self.job.display, message)
    }

    fn imports(&mut self) -> Vec<Import> {
        let mut imports = std::mem::take(&mut self.imports);
        if let Some((_, rest)) = imports.split_first_mut() {
            rest.sort();
        }
        imports
    }

    fn of_load_failure(&self, failure: LoadFailure) -> RenderError {
        match failure {
            LoadFailure::File(cause) => RenderError::file(&self.job.display, &cause),
            LoadFailure::Limit(message) => self.whole(RenderErrorKind::ImportLimit, &message),
        }
    }

    /// Reads a found file and records it.
    fn read(&mut self, found: &Found) -> Result<Arc<Content>, LoadFailure> {
        let content = self
            .shelf
            .read(&found.canonical, self.limits.source_bytes)
            .map_err(LoadFailure::File)?;
        let import = Import {
            path: found.inner.clone(),
            link: found.link.clone(),
            digest: content.digest.clone(),
        };
        if self.imports.contains(&import) {
            return Ok(content);
        }
        let count = u32::try_from(self.imports.len()).unwrap_or(u32::MAX);
        if count > self.limits.imports {
            let limit = self.limits.imports;
            return Err(LoadFailure::Limit(format!(
                "it is one of more than {limit} imported files"
            )));
        }
        let size = u64::try_from(content.bytes.len()).unwrap_or(u64::MAX);
        self.import_bytes = self.import_bytes.saturating_add(size);
        if self.import_bytes > self.limits.import_bytes {
            let limit = self.limits.import_bytes;
            return Err(LoadFailure::Limit(format!(
                "the imported files have more than {limit} bytes together"
            )));
        }
        self.imports.push(import);
        Ok(content)
    }

    /// Parses a file into a thunk.
    fn load(
        &mut self,
        program: &mut Program<'p>,
        found: &Found,
        content: Arc<Content>,
        display: String,
    ) -> Result<Thunk<'p>, RenderError> {
        if std::str::from_utf8(content.text()).is_err() {
            return Err(not_utf8(&display, content.text()));
        }
        let (context, id) = program
            .span_manager_mut()
            .insert_source_context(content.text().len());
        self.ids.insert(id, self.sources.len());
        self.sources.push(Source {
            display,
            spelled: found.spelled.clone(),
            content: Arc::clone(&content),
        });
        // `std.thisFile` is relative to the root, so that no output depends on
        // where the checkout is.
        program
            .load_source(context, content.text(), true, &found.inner)
            .map_err(|error| self.load_error(program, &error))
    }

    /// Finds and reads an import, or records why not.
    fn import_content(
        &mut self,
        program: &Program<'p>,
        from: SpanId,
        path: &str,
    ) -> Result<(Found, Arc<Content>, String), ImportError> {
        let Some((importer, ..)) = self.locate(program, from) else {
            return Err(ImportError);
        };
        let spelled = importer.spelled.clone();
        let folder = PathBuf::from(&importer.display);
        let display = slashed(&normal(
            &folder
                .parent()
                .map_or_else(PathBuf::new, PathBuf::from)
                .join(path),
        ));
        let root = self.root.clone();
        let outcome = find_import(&spelled, path, &root, &mut self.shelf.folders)
            .map_err(|refusal| self.import_refused(program, from, path, &refusal))
            .and_then(|found| match self.read(&found) {
                Ok(content) => Ok((found, content, display)),
                Err(LoadFailure::File(cause)) => {
                    let refusal = Refusal::Unreadable(cause);
                    Err(self.import_refused(program, from, path, &refusal))
                }
                Err(LoadFailure::Limit(message)) => {
                    let message = format!("importing `{path}` failed: {message}");
                    Err(self.error_at(program, from, RenderErrorKind::ImportLimit, &message))
                }
            });
        outcome.map_err(|error| {
            self.failure = Some(error);
            ImportError
        })
    }

    fn import_refused(
        &self,
        program: &Program<'p>,
        from: SpanId,
        path: &str,
        refusal: &Refusal,
    ) -> RenderError {
        let path = printable(path, 200);
        match refusal {
            Refusal::Forbidden(ban) => {
                let message = format!("the import `{path}` {}", ban.why);
                self.error_at(program, from, RenderErrorKind::ImportRefused, &message)
                    .hint(ban.remedy)
            }
            Refusal::Unreadable(cause) => {
                let message = format!("importing `{path}` failed: {}", cause.kind);
                self.error_at(program, from, RenderErrorKind::ImportUnreadable, &message)
            }
        }
    }

    /// The source and byte range of a span; `None` inside of the standard library.
    fn locate(&self, program: &Program<'p>, span: SpanId) -> Option<(&Source, usize, usize)> {
        let (context, start, end) = program.span_manager().get_span(span);
        let SpanContext::Source(id) = program.span_manager().get_context(context);
        let source = self.sources.get(*self.ids.get(id)?)?;
        Some((source, start, end))
    }

    fn error_at(
        &self,
        program: &Program<'p>,
        span: SpanId,
        kind: RenderErrorKind,
        message: &str,
    ) -> RenderError {
        match self.locate(program, span) {
            Some((source, start, end)) => {
                let bytes = source.content.text();
                let place = Place::of_bytes(bytes, start, end);
                let shown = excerpt(&source.display, bytes, place);
                RenderError::new(kind, &source.display, message).at(place, shown)
            }
            None => self.whole(kind, message),
        }
    }
}

/// Why a found file does not take part.
enum LoadFailure {
    File(crate::files::FileError),
    Limit(String),
}

impl<'p> Callbacks<'p> for Loader<'p, '_> {
    fn import(
        &mut self,
        program: &mut Program<'p>,
        from: SpanId,
        path: &str,
    ) -> Result<Thunk<'p>, ImportError> {
        let (found, content, display) = self.import_content(program, from, path)?;
        let key = normal(&found.spelled);
        if let Some(thunk) = self.thunks.get(&key) {
            return Ok(thunk.clone());
        }
        match self.load(program, &found, content, display) {
            Ok(thunk) => {
                self.thunks.insert(key, thunk.clone());
                Ok(thunk)
            }
            Err(error) => {
                self.failure = Some(error);
                Err(ImportError)
            }
        }
    }

    fn import_str(
        &mut self,
        program: &mut Program<'p>,
        from: SpanId,
        path: &str,
    ) -> Result<String, ImportError> {
        let (_, content, _) = self.import_content(program, from, path)?;
        String::from_utf8(content.bytes.clone()).map_err(|cause| {
            let offset = cause.utf8_error().valid_up_to();
            let path = printable(path, 200);
            let message = format!(
                "importing `{path}` failed: it is not UTF-8 text: the byte at offset {offset} is invalid"
            );
            self.failure =
                Some(self.error_at(program, from, RenderErrorKind::ImportUnreadable, &message));
            ImportError
        })
    }

    fn import_bin(
        &mut self,
        program: &mut Program<'p>,
        from: SpanId,
        path: &str,
    ) -> Result<Vec<u8>, ImportError> {
        let (_, content, _) = self.import_content(program, from, path)?;
        Ok(content.bytes.clone())
    }

    fn trace(&mut self, program: &mut Program<'p>, message: &str, stack: &[EvalStackTraceItem]) {
        if self.notes.len() < NOTES {
            let place = stack.iter().rev().find_map(explain::span_of_frame);
            let place = place.and_then(|span| self.place_text(program, span));
            let message = printable(message, NOTE_CHARS);
            self.notes.push(match place {
                Some(place) => format!("{place}: {message}"),
                None => message,
            });
        }
    }

    fn native_call(
        &mut self,
        _program: &mut Program<'p>,
        _name: InternedStr<'p>,
        _args: &[Value<'p>],
    ) -> Result<Value<'p>, NativeError> {
        // Unreachable, because no native function is registered.
        Err(NativeError)
    }
}
