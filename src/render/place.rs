//! Where in a YAML or JSON text a part of its value stands.

use serde_saphyr::granit_parser::{Event, Parser, Span, StrInput};

use crate::config::PathStep;

/// Returns line and column, both from 1, of the part that `path` leads to; of
/// its key when it is the entry of a mapping.
///
/// A part that came through an alias or a merge is placed where these stand.
/// None when the text does not parse: then that is the error to report.
pub fn place_of(text: &str, path: &[PathStep]) -> Option<(usize, usize)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser::new_from_str(text);
    loop {
        let (event, span) = parser.next_event()?.ok()?;
        if event.is_node() {
            let found = seek(&mut parser, &event, span, span, path)?;
            return Some((found.start.line(), found.start.col() + 1));
        }
    }
}

/// Follows `path` into the node that `event` begins; `shown` is its place.
fn seek<'t>(
    parser: &mut Parser<'t, StrInput<'t>>,
    event: &Event<'t>,
    span: Span,
    shown: Span,
    path: &[PathStep],
) -> Option<Span> {
    match (event, path) {
        (Event::MappingStart(..), [PathStep::Key(key), rest @ ..]) => loop {
            let (name, name_span) = parser.next_event()?.ok()?;
            if matches!(name, Event::MappingEnd) {
                return Some(shown);
            }
            let meant = matches!(&name, Event::Scalar(text, ..) if text == key.as_str());
            skip(parser, &name)?;
            let (value, value_span) = parser.next_event()?.ok()?;
            if meant {
                return seek(parser, &value, value_span, name_span, rest);
            }
            skip(parser, &value)?;
        },
        (Event::SequenceStart(..), [PathStep::Item(index), rest @ ..]) => {
            let mut at = 0;
            loop {
                let (item, item_span) = parser.next_event()?.ok()?;
                if matches!(item, Event::SequenceEnd) {
                    return Some(shown);
                }
                if at == *index {
                    return seek(parser, &item, item_span, item_span, rest);
                }
                skip(parser, &item)?;
                at += 1;
            }
        }
        (_, []) => Some(shown),
        (_, [_, ..]) => Some(span),
    }
}

/// Passes over the rest of the node that `event` began.
fn skip<'t>(parser: &mut Parser<'t, StrInput<'t>>, event: &Event<'t>) -> Option<()> {
    let mut depth = depth_change(event);
    while depth > 0 {
        let (event, _) = parser.next_event()?.ok()?;
        depth += depth_change(&event);
    }
    Some(())
}

const fn depth_change(event: &Event<'_>) -> i32 {
    if matches!(event, Event::SequenceStart(..) | Event::MappingStart(..)) {
        1
    } else if matches!(event, Event::SequenceEnd | Event::MappingEnd) {
        -1
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, path: &[PathStep]) -> Option<(usize, usize)> {
        place_of(text, path)
    }

    fn key(name: &str) -> PathStep {
        PathStep::Key(name.to_owned())
    }

    #[test]
    fn places_are_those_an_editor_shows() {
        let text = "# a fleet\nkind: Fleet\nclusters:\n  - name: a\n    live: {recorded: x}\n  - name: b\n    live:\n      recordd: y\n";
        let second = [key("clusters"), PathStep::Item(1)];
        assert_eq!(at(text, &[key("kind")]), Some((2, 1)));
        assert_eq!(at(text, &second), Some((6, 5)));
        let inner = [
            key("clusters"),
            PathStep::Item(1),
            key("live"),
            key("recordd"),
        ];
        assert_eq!(at(text, &inner), Some((8, 7)));
        let flow = [
            key("clusters"),
            PathStep::Item(0),
            key("live"),
            key("recorded"),
        ];
        assert_eq!(at(text, &flow), Some((5, 12)));
    }

    #[test]
    fn json_is_yaml() {
        let text = "{\n  \"a\": [1, {\"b\": 2}]\n}\n";
        let path = [key("a"), PathStep::Item(1), key("b")];
        assert_eq!(at(text, &path), Some((2, 13)));
    }

    #[test]
    fn a_key_that_is_missing_is_placed_at_its_mapping() {
        assert_eq!(at("a:\n  b: 1\n", &[key("a"), key("c")]), Some((1, 1)));
        assert_eq!(at("a: [", &[key("a"), PathStep::Item(3)]), None);
    }
}
