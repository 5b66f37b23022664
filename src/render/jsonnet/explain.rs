//! The evaluator's errors with their places and a short trace.

use rsjsonnet_lang::parser::ParseError;
use rsjsonnet_lang::program::{EvalError, EvalErrorKind, EvalStackTraceItem, LoadError, Program};
use rsjsonnet_lang::span::SpanId;

use super::super::error::{Place, RenderError, RenderErrorKind, printable};
use super::Loader;
use super::template::is_template;
use super::words::{
    access, analysis, call, lexical, operation, outcome, remedy, spans_of, unexpected,
};

/// Frames of the evaluator's stack that are shown; more is noise.
const FRAMES: usize = 6;

impl<'p> Loader<'p, '_> {
    /// `file:line:column` of a span outside of the standard library.
    pub(super) fn place_text(&self, program: &Program<'p>, span: SpanId) -> Option<String> {
        let (source, start, end) = self.locate(program, span)?;
        let place = Place::of_bytes(source.content.text(), start, end);
        Some(format!(
            "{}:{}:{}",
            source.display, place.line, place.column
        ))
    }

    /// A file that does not parse, or names what it does not define.
    pub(super) fn load_error(&self, program: &Program<'p>, error: &LoadError) -> RenderError {
        let (span, message) = match error {
            LoadError::Lex(error) => lexical(error),
            LoadError::Parse(ParseError::Expected {
                span,
                expected,
                instead,
            }) => (*span, unexpected(expected, instead)),
            LoadError::Analyze(error) => analysis(error),
        };
        let parsed = matches!(error, LoadError::Analyze(_));
        let found = self.locate(program, span);
        let is_entry = found.is_some_and(|(source, ..)| source.display == self.job.display);
        let is_jinja =
            found.is_some_and(|(source, start, _)| is_template(source.content.text(), start));
        if !parsed && is_jinja && is_entry {
            let message = "the file is a jinja template, not a config";
            return self
                .error_at(program, span, RenderErrorKind::JinjaTemplate, message)
                .hint("leave it out of the fleet, or render the template first");
        }
        self.error_at(program, span, RenderErrorKind::JsonnetSyntax, &message)
    }

    /// An evaluation that failed.
    pub(super) fn eval_error(&mut self, program: &Program<'p>, error: &EvalError) -> RenderError {
        let trace = self.trace_text(program, &error.stack_trace);
        if let Some(failure) = self.failure.take() {
            return failure.trace(trace);
        }
        let kind = if matches!(error.kind, EvalErrorKind::StackOverflow) {
            RenderErrorKind::StackLimit
        } else {
            RenderErrorKind::JsonnetEvaluation
        };
        let message = self.eval_message(&error.kind);
        // The innermost place outside of the standard library.
        let span = spans_of(&error.kind)
            .into_iter()
            .chain(error.stack_trace.iter().rev().filter_map(span_of_frame))
            .find(|span| self.locate(program, *span).is_some());
        let located = match span {
            Some(span) => self.error_at(program, span, kind, &message),
            None => self.whole(kind, &message),
        };
        let located = located.trace(trace);
        match remedy(&error.kind) {
            Some(remedy) => located.hint(remedy),
            None => located,
        }
    }

    fn eval_message(&self, kind: &EvalErrorKind) -> String {
        if matches!(kind, EvalErrorKind::StackOverflow) {
            return format!(
                "the evaluation recurses deeper than {} frames",
                self.limits.stack_frames
            );
        }
        access(kind)
            .or_else(|| call(kind))
            .or_else(|| operation(kind))
            .unwrap_or_else(|| outcome(kind))
    }

    fn trace_text(&self, program: &Program<'p>, stack: &[EvalStackTraceItem]) -> Vec<String> {
        let mut frames: Vec<String> = Vec::new();
        let mut more = 0_usize;
        for item in stack.iter().rev() {
            let Some(frame) = self.frame_text(program, item) else {
                continue;
            };
            // Recursion repeats one frame; once is enough to see it.
            if frames.contains(&frame) {
                continue;
            }
            if frames.len() == FRAMES {
                more += 1;
            } else {
                frames.push(frame);
            }
            // A long stack is not walked to its end only to count it.
            if more == 100 {
                break;
            }
        }
        if more > 0 {
            frames.push("… outer frames left out".to_owned());
        }
        frames
    }

    fn frame_text(&self, program: &Program<'p>, item: &EvalStackTraceItem) -> Option<String> {
        let name = |text: &str| printable(text, 80);
        let what = match item {
            EvalStackTraceItem::Expr { .. }
            | EvalStackTraceItem::CompareArrayItem { .. }
            | EvalStackTraceItem::CompareObjectField { .. } => return None,
            EvalStackTraceItem::Call { name: Some(n), .. } => {
                format!("in the call of `{}`", name(n))
            }
            EvalStackTraceItem::Call { name: None, .. } => "in a call".to_owned(),
            EvalStackTraceItem::Variable { name: n, .. } => format!("in `{}`", name(n)),
            EvalStackTraceItem::ArrayItem { index, .. } => format!("in item {index}"),
            EvalStackTraceItem::ObjectField { name: n, .. } => {
                format!("in the field `{}`", name(n))
            }
            EvalStackTraceItem::ManifestArrayItem { index } => {
                return Some(format!("in item {index} of the output"));
            }
            EvalStackTraceItem::ManifestObjectField { name: n } => {
                return Some(format!("in the field `{}` of the output", name(n)));
            }
            EvalStackTraceItem::Import { .. } => "imported".to_owned(),
        };
        let place = span_of_frame(item).and_then(|span| self.place_text(program, span));
        Some(match place {
            Some(place) => format!("{what} at {place}"),
            None => what,
        })
    }
}

/// The place of a frame, where it has one.
pub(super) fn span_of_frame(item: &EvalStackTraceItem) -> Option<SpanId> {
    match item {
        EvalStackTraceItem::Expr { span }
        | EvalStackTraceItem::Variable { span, .. }
        | EvalStackTraceItem::Import { span } => Some(*span),
        EvalStackTraceItem::Call { span, .. }
        | EvalStackTraceItem::ArrayItem { span, .. }
        | EvalStackTraceItem::ObjectField { span, .. } => *span,
        EvalStackTraceItem::CompareArrayItem { .. }
        | EvalStackTraceItem::CompareObjectField { .. }
        | EvalStackTraceItem::ManifestArrayItem { .. }
        | EvalStackTraceItem::ManifestObjectField { .. } => None,
    }
}
