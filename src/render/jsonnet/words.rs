//! The words for each error of the lexer, the parser, the analysis and the
//! evaluation.

use std::collections::BTreeSet;

use rsjsonnet_lang::ast::{BinaryOp, UnaryOp};
use rsjsonnet_lang::lexer::LexError;
use rsjsonnet_lang::parser::{ActualToken, ExpectedToken};
use rsjsonnet_lang::program::{AnalyzeError, EvalErrorKind, EvalErrorValueType};
use rsjsonnet_lang::span::SpanId;
use rsjsonnet_lang::token::STokenKind;

use super::super::error::printable;

/// Alternatives that a syntax error names; an expression may begin in 25 ways.
const ALTERNATIVES: usize = 3;

/// What is most often forgotten, and is named first.
const LIKELY: [STokenKind; 8] = [
    STokenKind::Comma,
    STokenKind::Semicolon,
    STokenKind::RightBrace,
    STokenKind::RightBracket,
    STokenKind::RightParen,
    STokenKind::Colon,
    STokenKind::Eq,
    STokenKind::Then,
];

pub(super) fn lexical(error: &LexError) -> (SpanId, String) {
    match error {
        LexError::InvalidChar { span, chr } => {
            (*span, format!("the character `{chr}` has no meaning here"))
        }
        LexError::InvalidUtf8 { span, .. } => (*span, "this is not UTF-8 text".to_owned()),
        LexError::UnfinishedMultilineComment { span } => {
            (*span, "the comment has no closing `*/`".to_owned())
        }
        LexError::LeadingZeroInNumber { span } => {
            (*span, "a number must not begin with 0".to_owned())
        }
        LexError::MissingFracDigits { span } => (
            *span,
            "digits are missing after the decimal point".to_owned(),
        ),
        LexError::MissingExpDigits { span } => {
            (*span, "digits are missing in the exponent".to_owned())
        }
        LexError::MissingDigitAfterUnderscore { span } => {
            (*span, "a digit is missing after `_`".to_owned())
        }
        LexError::ExpOverflow { span } => (*span, "the exponent is too large".to_owned()),
        LexError::InvalidEscapeInString { span, chr } => {
            (*span, format!("`\\{chr}` is no escape sequence"))
        }
        LexError::IncompleteUnicodeEscape { span } => {
            (*span, "`\\u` needs four hexadecimal digits".to_owned())
        }
        LexError::InvalidUtf16EscapeSequence { span, .. } => {
            (*span, "the escape sequence is no character".to_owned())
        }
        LexError::UnfinishedString { span } => {
            (*span, "the string has no closing quote".to_owned())
        }
        LexError::MissingLineBreakAfterTextBlockStart { span } => {
            (*span, "a line break is missing after `|||`".to_owned())
        }
        LexError::MissingWhitespaceTextBlockStart { span } => (
            *span,
            "the first line of the text block is not indented".to_owned(),
        ),
        LexError::InvalidTextBlockTermination { span } => {
            (*span, "the text block has no closing `|||`".to_owned())
        }
    }
}

pub(super) fn unexpected(expected: &BTreeSet<ExpectedToken>, instead: &ActualToken) -> String {
    let found = match instead {
        ActualToken::EndOfFile => "the end of the file".to_owned(),
        ActualToken::Simple(kind) => format!("`{}`", token_text(*kind)),
        ActualToken::OtherOp(text) | ActualToken::Ident(text) => {
            format!("`{}`", printable(text, 80))
        }
        ActualToken::Number => "a number".to_owned(),
        ActualToken::String => "a string".to_owned(),
        ActualToken::TextBlock => "a text block".to_owned(),
    };
    let mut expected: Vec<&ExpectedToken> = expected.iter().collect();
    expected.sort_by_key(|token| {
        LIKELY
            .iter()
            .position(|likely| **token == ExpectedToken::Simple(*likely))
            .unwrap_or(LIKELY.len())
    });
    let mut wanted: Vec<String> = expected
        .into_iter()
        .map(|token| match token {
            ExpectedToken::EndOfFile => "the end of the file".to_owned(),
            ExpectedToken::Simple(kind) => format!("`{}`", token_text(*kind)),
            ExpectedToken::Ident => "a name".to_owned(),
            ExpectedToken::Number => "a number".to_owned(),
            ExpectedToken::String => "a string".to_owned(),
            ExpectedToken::TextBlock => "a text block".to_owned(),
            ExpectedToken::Expr => "an expression".to_owned(),
            ExpectedToken::BinaryOp => "an operator".to_owned(),
        })
        .collect();
    if wanted.len() > ALTERNATIVES {
        wanted.truncate(ALTERNATIVES);
        wanted.push("something else".to_owned());
    }
    if wanted.is_empty() {
        return format!("{found} has no meaning here");
    }
    format!("found {found} where {} is expected", wanted.join(" or "))
}

pub(super) fn analysis(error: &AnalyzeError) -> (SpanId, String) {
    match error {
        AnalyzeError::UnknownVariable { span, name } => {
            (*span, format!("the variable `{name}` is not defined"))
        }
        AnalyzeError::SelfOutsideObject { self_span } => {
            (*self_span, "`self` stands outside of an object".to_owned())
        }
        AnalyzeError::SuperOutsideObject { super_span } => (
            *super_span,
            "`super` stands outside of an object".to_owned(),
        ),
        AnalyzeError::DollarOutsideObject { dollar_span } => {
            (*dollar_span, "`$` stands outside of an object".to_owned())
        }
        AnalyzeError::RepeatedLocalName {
            repeated_span,
            name,
            ..
        } => (
            *repeated_span,
            format!("the variable `{name}` is defined twice"),
        ),
        AnalyzeError::RepeatedFieldName {
            repeated_span,
            name,
            ..
        } => (*repeated_span, format!("the field `{name}` is given twice")),
        AnalyzeError::RepeatedParamName {
            repeated_span,
            name,
            ..
        } => (
            *repeated_span,
            format!("the parameter `{name}` is declared twice"),
        ),
        AnalyzeError::PositionalArgAfterNamed { arg_span } => (
            *arg_span,
            "a positional argument follows a named one".to_owned(),
        ),
        AnalyzeError::TextBlockAsImportPath { span } => {
            (*span, "an import path must not be a text block".to_owned())
        }
        AnalyzeError::ComputedImportPath { span } => {
            (*span, "an import path must be a plain string".to_owned())
        }
    }
}

/// The places that an error names itself.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other errors have no place of their own, and a new one has its stack"
)]
pub(super) fn spans_of(kind: &EvalErrorKind) -> Option<SpanId> {
    match kind {
        EvalErrorKind::InvalidIndexedType { span, .. }
        | EvalErrorKind::InvalidSlicedType { span, .. }
        | EvalErrorKind::SliceIndexOrStepIsNotNumber { span, .. }
        | EvalErrorKind::StringIndexIsNotNumber { span, .. }
        | EvalErrorKind::ArrayIndexIsNotNumber { span, .. }
        | EvalErrorKind::NumericIndexIsNotValid { span, .. }
        | EvalErrorKind::NumericIndexOutOfRange { span, .. }
        | EvalErrorKind::ObjectIndexIsNotString { span, .. }
        | EvalErrorKind::RepeatedFieldName { span, .. }
        | EvalErrorKind::FieldNameIsNotString { span, .. }
        | EvalErrorKind::UnknownObjectField { span, .. }
        | EvalErrorKind::FieldOfNonObject { span }
        | EvalErrorKind::SuperWithoutSuperObject { span }
        | EvalErrorKind::ForSpecValueIsNotArray { span, .. }
        | EvalErrorKind::CondIsNotBool { span, .. }
        | EvalErrorKind::InvalidUnaryOpType { span, .. }
        | EvalErrorKind::AssertFailed { span, .. }
        | EvalErrorKind::ExplicitError { span, .. }
        | EvalErrorKind::ImportFailed { span, .. } => Some(*span),
        EvalErrorKind::CalleeIsNotFunction { span, .. }
        | EvalErrorKind::TooManyCallArgs { span, .. }
        | EvalErrorKind::UnknownCallParam { span, .. }
        | EvalErrorKind::RepeatedCallParam { span, .. }
        | EvalErrorKind::CallParamNotBound { span, .. }
        | EvalErrorKind::InvalidBinaryOpTypes { span, .. }
        | EvalErrorKind::NumberNotBitwiseSafe { span }
        | EvalErrorKind::NumberOverflow { span }
        | EvalErrorKind::NumberNan { span }
        | EvalErrorKind::DivByZero { span }
        | EvalErrorKind::ShiftByNegative { span }
        | EvalErrorKind::Other { span, .. } => *span,
        _ => None,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "one of four groups; the last one takes the rest"
)]
pub(super) fn access(kind: &EvalErrorKind) -> Option<String> {
    Some(match kind {
        EvalErrorKind::InvalidIndexedType { got_type, .. } => {
            format!("{} cannot be indexed", type_text(*got_type))
        }
        EvalErrorKind::InvalidSlicedType { got_type, .. } => {
            format!("{} cannot be sliced", type_text(*got_type))
        }
        EvalErrorKind::SliceIndexOrStepIsNotNumber { got_type, .. } => {
            format!(
                "a slice is bounded by numbers, not by {}",
                type_text(*got_type)
            )
        }
        EvalErrorKind::StringIndexIsNotNumber { got_type, .. } => {
            format!(
                "a string is indexed by a number, not by {}",
                type_text(*got_type)
            )
        }
        EvalErrorKind::ArrayIndexIsNotNumber { got_type, .. } => {
            format!(
                "an array is indexed by a number, not by {}",
                type_text(*got_type)
            )
        }
        EvalErrorKind::NumericIndexIsNotValid { index, .. } => {
            format!("{index} is no index")
        }
        EvalErrorKind::NumericIndexOutOfRange { index, length, .. } => {
            format!("the index {index} is out of range: there are {length} items")
        }
        EvalErrorKind::ObjectIndexIsNotString { got_type, .. } => {
            format!(
                "an object is indexed by a string, not by {}",
                type_text(*got_type)
            )
        }
        EvalErrorKind::RepeatedFieldName { name, .. } => {
            format!("the field `{name}` is given twice")
        }
        EvalErrorKind::FieldNameIsNotString { got_type, .. } => {
            format!(
                "a field's name must be a string, not {}",
                type_text(*got_type)
            )
        }
        EvalErrorKind::UnknownObjectField { field_name, .. } => {
            format!("the object has no field `{field_name}`")
        }
        EvalErrorKind::FieldOfNonObject { .. } => {
            "a field of something that is no object".to_owned()
        }
        EvalErrorKind::SuperWithoutSuperObject { .. } => {
            "`super` is used and nothing is extended".to_owned()
        }
        _ => return None,
    })
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "one of four groups; the last one takes the rest"
)]
pub(super) fn call(kind: &EvalErrorKind) -> Option<String> {
    Some(match kind {
        EvalErrorKind::CalleeIsNotFunction { got_type, .. } => {
            format!("{} cannot be called", type_text(*got_type))
        }
        EvalErrorKind::TooManyCallArgs { num_params, .. } => {
            format!("too many arguments: the function takes {num_params}")
        }
        EvalErrorKind::UnknownCallParam { param_name, .. } => {
            format!("the function has no parameter `{param_name}`")
        }
        EvalErrorKind::RepeatedCallParam { param_name, .. } => {
            format!("the argument `{param_name}` is given twice")
        }
        EvalErrorKind::CallParamNotBound { param_name, .. } => {
            format!("the argument `{param_name}` is missing")
        }
        EvalErrorKind::NativeCallFailed => "native functions are not available".to_owned(),
        EvalErrorKind::InvalidStdFuncArgType {
            func_name,
            arg_index,
            expected_types,
            got_type,
        } => {
            let expected: Vec<&str> = expected_types.iter().map(|t| type_text(*t)).collect();
            format!(
                "argument {} of `std.{func_name}` must be {}, not {}",
                arg_index + 1,
                expected.join(" or "),
                type_text(*got_type)
            )
        }
        EvalErrorKind::UnknownExtVar { name } => {
            format!("the external variable `{name}` is not set")
        }
        _ => return None,
    })
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "one of four groups; the last one takes the rest"
)]
pub(super) fn operation(kind: &EvalErrorKind) -> Option<String> {
    Some(match kind {
        EvalErrorKind::InvalidUnaryOpType { op, rhs_type, .. } => {
            let op = match op {
                UnaryOp::Minus => "-",
                UnaryOp::Plus => "+",
                UnaryOp::BitwiseNot => "~",
                UnaryOp::LogicNot => "!",
            };
            format!("`{op}` cannot be applied to {}", type_text(*rhs_type))
        }
        EvalErrorKind::InvalidBinaryOpTypes {
            op,
            lhs_type,
            rhs_type,
            ..
        } => format!(
            "`{}` cannot be applied to {} and {}",
            operator_text(*op),
            type_text(*lhs_type),
            type_text(*rhs_type)
        ),
        EvalErrorKind::ForSpecValueIsNotArray { got_type, .. } => {
            format!(
                "`for` runs over an array, not over {}",
                type_text(*got_type)
            )
        }
        EvalErrorKind::CondIsNotBool { got_type, .. } => {
            format!(
                "a condition must be a boolean, not {}",
                type_text(*got_type)
            )
        }
        EvalErrorKind::NumberNotBitwiseSafe { .. } => {
            "the number is too large for a bitwise operation".to_owned()
        }
        EvalErrorKind::NumberOverflow { .. } => "the number is too large".to_owned(),
        EvalErrorKind::NumberNan { .. } => "the result is not a number".to_owned(),
        EvalErrorKind::DivByZero { .. } => "division by zero".to_owned(),
        EvalErrorKind::ShiftByNegative { .. } => "a shift by a negative number".to_owned(),
        EvalErrorKind::CompareNullInequality => "null has no order".to_owned(),
        EvalErrorKind::CompareBooleanInequality => "booleans have no order".to_owned(),
        EvalErrorKind::CompareObjectInequality => "objects have no order".to_owned(),
        EvalErrorKind::CompareFunctions => "functions cannot be compared".to_owned(),
        EvalErrorKind::CompareDifferentTypesInequality { lhs_type, rhs_type } => format!(
            "{} and {} have no order",
            type_text(*lhs_type),
            type_text(*rhs_type)
        ),
        EvalErrorKind::PrimitiveEqualsNonPrimitive { got_type } => {
            format!("`std.primitiveEquals` is given {}", type_text(*got_type))
        }
        _ => return None,
    })
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all other errors have their words in the groups before"
)]
pub(super) fn outcome(kind: &EvalErrorKind) -> String {
    match kind {
        EvalErrorKind::InfiniteRecursion => "the value depends on itself".to_owned(),
        EvalErrorKind::AssertFailed { message, .. } => match message {
            Some(message) => format!("an assertion fails: {message}"),
            None => "an assertion fails".to_owned(),
        },
        EvalErrorKind::AssertEqualFailed { lhs, rhs } => {
            format!(
                "{} is not equal to {}",
                printable(lhs, 200),
                printable(rhs, 200)
            )
        }
        EvalErrorKind::ExplicitError { message, .. } => format!("the config says: {message}"),
        EvalErrorKind::ImportFailed { path, .. } => format!("importing `{path}` failed"),
        EvalErrorKind::ManifestFunction => {
            "a function is left in the output: call it, or hide the field with `::`".to_owned()
        }
        EvalErrorKind::Other { message, .. } => message.clone(),
        _ => "the evaluation failed".to_owned(),
    }
}

/// What to do about an error that its words do not say.
pub(super) fn remedy(kind: &EvalErrorKind) -> Option<&'static str> {
    if matches!(kind, EvalErrorKind::UnknownExtVar { .. }) {
        Some("set it in `extVars` of the cluster")
    } else if matches!(kind, EvalErrorKind::CallParamNotBound { .. }) {
        Some("pass it in the call; for a file that is a function, in `tlas` of the cluster")
    } else if matches!(kind, EvalErrorKind::StackOverflow) {
        Some("look for a recursion without end")
    } else {
        None
    }
}

fn type_text(kind: EvalErrorValueType) -> &'static str {
    match kind {
        EvalErrorValueType::Null => "null",
        EvalErrorValueType::Bool => "a boolean",
        EvalErrorValueType::Number => "a number",
        EvalErrorValueType::String => "a string",
        EvalErrorValueType::Array => "an array",
        EvalErrorValueType::Object => "an object",
        EvalErrorValueType::Function => "a function",
    }
}

fn operator_text(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Rem => "%",
        BinaryOp::Shl => "<<",
        BinaryOp::Shr => ">>",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::In => "in",
        BinaryOp::BitwiseAnd => "&",
        BinaryOp::BitwiseOr => "|",
        BinaryOp::BitwiseXor => "^",
        BinaryOp::LogicAnd => "&&",
        BinaryOp::LogicOr => "||",
    }
}

fn token_text(kind: STokenKind) -> &'static str {
    TOKENS
        .iter()
        .find(|(known, _)| *known == kind)
        .map_or("a token", |(_, text)| text)
}

/// How each token is written.
const TOKENS: [(STokenKind, &str); 55] = [
    (STokenKind::Assert, "assert"),
    (STokenKind::Else, "else"),
    (STokenKind::Error, "error"),
    (STokenKind::False, "false"),
    (STokenKind::For, "for"),
    (STokenKind::Function, "function"),
    (STokenKind::If, "if"),
    (STokenKind::Import, "import"),
    (STokenKind::Importstr, "importstr"),
    (STokenKind::Importbin, "importbin"),
    (STokenKind::In, "in"),
    (STokenKind::Local, "local"),
    (STokenKind::Null, "null"),
    (STokenKind::Tailstrict, "tailstrict"),
    (STokenKind::Then, "then"),
    (STokenKind::Self_, "self"),
    (STokenKind::Super, "super"),
    (STokenKind::True, "true"),
    (STokenKind::Exclam, "!"),
    (STokenKind::ExclamEq, "!="),
    (STokenKind::Dollar, "$"),
    (STokenKind::Percent, "%"),
    (STokenKind::Amp, "&"),
    (STokenKind::AmpAmp, "&&"),
    (STokenKind::LeftParen, "("),
    (STokenKind::RightParen, ")"),
    (STokenKind::Asterisk, "*"),
    (STokenKind::Plus, "+"),
    (STokenKind::PlusColon, "+:"),
    (STokenKind::PlusColonColon, "+::"),
    (STokenKind::PlusColonColonColon, "+:::"),
    (STokenKind::Comma, ","),
    (STokenKind::Minus, "-"),
    (STokenKind::Dot, "."),
    (STokenKind::Slash, "/"),
    (STokenKind::Colon, ":"),
    (STokenKind::ColonColon, "::"),
    (STokenKind::ColonColonColon, ":::"),
    (STokenKind::Semicolon, ";"),
    (STokenKind::Lt, "<"),
    (STokenKind::LtLt, "<<"),
    (STokenKind::LtEq, "<="),
    (STokenKind::Eq, "="),
    (STokenKind::EqEq, "=="),
    (STokenKind::Gt, ">"),
    (STokenKind::GtEq, ">="),
    (STokenKind::GtGt, ">>"),
    (STokenKind::LeftBracket, "["),
    (STokenKind::RightBracket, "]"),
    (STokenKind::Hat, "^"),
    (STokenKind::LeftBrace, "{"),
    (STokenKind::Pipe, "|"),
    (STokenKind::PipePipe, "||"),
    (STokenKind::RightBrace, "}"),
    (STokenKind::Tilde, "~"),
];
