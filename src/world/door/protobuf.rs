//! The little of Kubernetes' protobuf that kubectl 1.32 and later sends: reviews and plain creations by its typed clients.
//!
//! Field numbers are those of `generated.proto` in k8s.io/api and k8s.io/apimachinery.

use super::list::base64_padded;
use serde_json::{Map, Value, json};

/// Every message begins with these bytes (apimachinery, `serializer/protobuf`).
const MAGIC: &[u8] = b"k8s\0";
/// Messages lie in messages; what is deeper than this is no object.
const DEPTH_MAX: u32 = 16;

/// What a field holds.
#[derive(Clone, Copy)]
enum Holds {
    Text,
    Number,
    Flag,
    /// A map of strings.
    Map,
    /// A map of bytes, base64 in JSON.
    Bytes,
    Texts,
    Of(&'static [Field]),
}

type Field = (u64, &'static str, Holds);

const META: &[Field] = &[
    (1, "name", Holds::Text),
    (2, "generateName", Holds::Text),
    (3, "namespace", Holds::Text),
    (5, "uid", Holds::Text),
    (6, "resourceVersion", Holds::Text),
    (11, "labels", Holds::Map),
    (12, "annotations", Holds::Map),
    (14, "finalizers", Holds::Texts),
];
const RESOURCE: &[Field] = &[
    (1, "namespace", Holds::Text),
    (2, "verb", Holds::Text),
    (3, "group", Holds::Text),
    (4, "version", Holds::Text),
    (5, "resource", Holds::Text),
    (6, "subresource", Holds::Text),
    (7, "name", Holds::Text),
];
const PATH: &[Field] = &[(1, "path", Holds::Text), (2, "verb", Holds::Text)];
const ACCESS: &[Field] = &[
    (1, "resourceAttributes", Holds::Of(RESOURCE)),
    (2, "nonResourceAttributes", Holds::Of(PATH)),
];
const PRECONDITIONS: &[Field] = &[(1, "uid", Holds::Text), (2, "resourceVersion", Holds::Text)];
const DELETE_OPTIONS: &[Field] = &[
    (1, "gracePeriodSeconds", Holds::Number),
    (2, "preconditions", Holds::Of(PRECONDITIONS)),
    (4, "propagationPolicy", Holds::Text),
    (5, "dryRun", Holds::Texts),
];

/// Kind → its fields.
const KINDS: [(&str, &[Field]); 8] = [
    ("Namespace", &[(1, "metadata", Holds::Of(META))]),
    (
        "ConfigMap",
        &[
            (1, "metadata", Holds::Of(META)),
            (2, "data", Holds::Map),
            (3, "binaryData", Holds::Bytes),
            (4, "immutable", Holds::Flag),
        ],
    ),
    (
        "Secret",
        &[
            (1, "metadata", Holds::Of(META)),
            (2, "data", Holds::Bytes),
            (3, "type", Holds::Text),
            (4, "stringData", Holds::Map),
        ],
    ),
    ("ServiceAccount", &[(1, "metadata", Holds::Of(META))]),
    (
        "SelfSubjectAccessReview",
        &[
            (1, "metadata", Holds::Of(META)),
            (2, "spec", Holds::Of(ACCESS)),
        ],
    ),
    (
        "SelfSubjectRulesReview",
        &[
            (1, "metadata", Holds::Of(META)),
            (2, "spec", Holds::Of(&[(1, "namespace", Holds::Text)])),
        ],
    ),
    ("SelfSubjectReview", &[(1, "metadata", Holds::Of(META))]),
    (
        "Eviction",
        &[
            (1, "metadata", Holds::Of(META)),
            (2, "deleteOptions", Holds::Of(DELETE_OPTIONS)),
        ],
    ),
];

/// Reads DeleteOptions.
pub(crate) fn delete_options(body: &[u8]) -> Option<Value> {
    let (_, raw) = envelope(body)?;
    message(raw, DELETE_OPTIONS, 0)
}

/// Reads an object of one of the few kinds; nothing when it is another kind or no protobuf.
pub(crate) fn object(body: &[u8], kind: &str) -> Option<Value> {
    let (said, raw) = envelope(body)?;
    if said != kind {
        return None;
    }
    let (_, fields) = KINDS.iter().find(|(name, _)| *name == kind)?;
    let mut object = message(raw, fields, 0)?;
    object["kind"] = json!(kind);
    Some(object)
}

/// `runtime.Unknown`: the type, and the object's bytes.
fn envelope(body: &[u8]) -> Option<(String, &[u8])> {
    let mut rest = body.strip_prefix(MAGIC)?;
    let (mut kind, mut raw) = (String::new(), None);
    while !rest.is_empty() {
        let (number, wire) = next(&mut rest)?;
        match (number, wire) {
            (1, Wire::Bytes(bytes)) => {
                let types: &[Field] = &[(1, "apiVersion", Holds::Text), (2, "kind", Holds::Text)];
                let meta = message(bytes, types, 0)?;
                meta["kind"].as_str()?.clone_into(&mut kind);
            }
            (2, Wire::Bytes(bytes)) => raw = Some(bytes),
            (_, Wire::Bytes(_) | Wire::Varint(_)) => {}
        }
    }
    Some((kind, raw?))
}

enum Wire<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, more) = rest.split_first()?;
        *rest = more;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn next<'a>(rest: &mut &'a [u8]) -> Option<(u64, Wire<'a>)> {
    let tag = varint(rest)?;
    let wire = match tag & 7 {
        0 => Wire::Varint(varint(rest)?),
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            let (bytes, more) = rest.split_at_checked(length)?;
            *rest = more;
            Wire::Bytes(bytes)
        }
        _ => return None,
    };
    Some((tag >> 3, wire))
}

/// Empty texts are left out, as Go's JSON does.
fn message(mut rest: &[u8], fields: &[Field], depth: u32) -> Option<Value> {
    let mut object = Map::new();
    while !rest.is_empty() {
        let (number, wire) = next(&mut rest)?;
        let Some((_, name, holds)) = fields.iter().find(|(own, _, _)| *own == number) else {
            continue;
        };
        match (holds, wire) {
            (Holds::Text, Wire::Bytes(bytes)) => {
                let text = String::from_utf8(bytes.to_vec()).ok()?;
                if !text.is_empty() {
                    object.insert((*name).to_owned(), json!(text));
                }
            }
            (Holds::Number, Wire::Varint(value)) => {
                object.insert((*name).to_owned(), json!(value));
            }
            (Holds::Flag, Wire::Varint(value)) => {
                object.insert((*name).to_owned(), json!(value != 0));
            }
            (Holds::Texts, Wire::Bytes(bytes)) => {
                let text = String::from_utf8(bytes.to_vec()).ok()?;
                let list = object.entry(*name).or_insert_with(|| json!([]));
                list.as_array_mut()?.push(json!(text));
            }
            (Holds::Map | Holds::Bytes, Wire::Bytes(bytes)) => {
                let raw = matches!(holds, Holds::Bytes);
                let (key, value) = pair(bytes, raw)?;
                let map = object.entry(*name).or_insert_with(|| json!({}));
                map.as_object_mut()?.insert(key, json!(value));
            }
            (Holds::Of(fields), Wire::Bytes(bytes)) if depth < DEPTH_MAX => {
                object.insert((*name).to_owned(), message(bytes, fields, depth + 1)?);
            }
            (
                Holds::Text
                | Holds::Number
                | Holds::Flag
                | Holds::Map
                | Holds::Bytes
                | Holds::Texts
                | Holds::Of(_),
                Wire::Varint(_) | Wire::Bytes(_),
            ) => return None,
        }
    }
    Some(Value::Object(object))
}

fn pair(mut rest: &[u8], raw: bool) -> Option<(String, String)> {
    let (mut key, mut value) = (String::new(), String::new());
    while !rest.is_empty() {
        match next(&mut rest)? {
            (1, Wire::Bytes(bytes)) => key = String::from_utf8(bytes.to_vec()).ok()?,
            (2, Wire::Bytes(bytes)) if raw => value = base64_padded(bytes),
            (2, Wire::Bytes(bytes)) => value = String::from_utf8(bytes.to_vec()).ok()?,
            (_, Wire::Bytes(_) | Wire::Varint(_)) => return None,
        }
    }
    Some((key, value))
}
