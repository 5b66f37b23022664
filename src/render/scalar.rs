//! What a plain (unquoted) YAML scalar means.
//!
//! YAML 1.2's core schema decides, with one exception: a scalar that eksctl and
//! kubectl read differently is refused. Both go through `sigs.k8s.io/yaml`
//! (goyaml v2, YAML 1.1), where `yes`, `on` and `n` are booleans, `0755` is
//! octal and `1_000` is a thousand. A plan made from one reading and executed
//! by a tool with the other would be a lie, and quoting the scalar ends the
//! difference.

use serde_json::Number;

/// The meaning of a plain scalar.
#[derive(Debug, PartialEq)]
pub(super) enum Plain {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number in 64 bits.
    Number(Number),
    /// Anything else.
    Text,
    /// YAML 1.1 and 1.2 disagree; the text says how.
    Ambiguous(&'static str),
    /// A number that JSON cannot carry; the text says why.
    Unusable(&'static str),
}

const BOOLEAN: &str = "a boolean in YAML 1.1, which eksctl and kubectl read, and text in YAML 1.2";
const OCTAL: &str =
    "octal in YAML 1.1, which eksctl and kubectl read, and decimal with its zeros lost in YAML 1.2";
const GROUPED: &str = "a number in YAML 1.1, which eksctl and kubectl read, and text in YAML 1.2";
const BEYOND: &str = "outside of the 64 bits that a number has";
const NOT_FINITE: &str = "no number that JSON can carry";

/// Returns what the plain scalar `text` means.
pub(super) fn plain(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
        "true" | "True" | "TRUE" => Plain::Bool(true),
        "false" | "False" | "FALSE" => Plain::Bool(false),
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "n" | "N" | "no" | "No" | "NO"
        | "off" | "Off" | "OFF" => Plain::Ambiguous(BOOLEAN),
        _ if matches!(
            text.as_bytes().first(),
            Some(b'0'..=b'9' | b'+' | b'-' | b'.')
        ) =>
        {
            number(text)
        }
        _ => Plain::Text,
    }
}

fn number(text: &str) -> Plain {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(
        unsigned,
        ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN"
    ) {
        return Plain::Unusable(NOT_FINITE);
    }
    if is_digits(unsigned, 10) {
        // The sign does not make `007` any clearer.
        return if unsigned.len() > 1 && unsigned.starts_with('0') {
            Plain::Ambiguous(OCTAL)
        } else {
            whole(text)
        };
    }
    if let Some((base, digits, lower)) = prefixed(unsigned)
        && is_digits(digits, base)
    {
        let core = lower && base != 2 && unsigned.len() == text.len();
        return if core {
            u64::from_str_radix(digits, base)
                .map_or(Plain::Unusable(BEYOND), |n| Plain::Number(n.into()))
        } else {
            Plain::Ambiguous(GROUPED)
        };
    }
    if is_float(unsigned) {
        return match text.parse::<f64>().ok().and_then(Number::from_f64) {
            Some(number) => Plain::Number(number),
            None => Plain::Unusable(BEYOND),
        };
    }
    if text.contains('_') && !matches!(number(&text.replace('_', "")), Plain::Text) {
        return Plain::Ambiguous(GROUPED);
    }
    Plain::Text
}

fn whole(text: &str) -> Plain {
    let text = text.strip_prefix('+').unwrap_or(text);
    if let Ok(n) = text.parse::<u64>() {
        Plain::Number(n.into())
    } else if let Ok(n) = text.parse::<i64>() {
        Plain::Number(n.into())
    } else {
        Plain::Unusable(BEYOND)
    }
}

fn prefixed(text: &str) -> Option<(u32, &str, bool)> {
    let digits = text.get(2..)?;
    match text.get(..2)? {
        "0x" => Some((16, digits, true)),
        "0X" => Some((16, digits, false)),
        "0o" => Some((8, digits, true)),
        "0O" => Some((8, digits, false)),
        "0b" => Some((2, digits, true)),
        "0B" => Some((2, digits, false)),
        _ => None,
    }
}

fn is_digits(text: &str, base: u32) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_digit(base))
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, the same in
/// the core schema and in goyaml.
fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let exponent_holds = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        is_digits(e, 10)
    });
    let mantissa_holds = match mantissa.split_once('.') {
        Some(("", fraction)) => is_digits(fraction, 10),
        Some((whole, fraction)) => {
            is_digits(whole, 10) && (fraction.is_empty() || is_digits(fraction, 10))
        }
        None => is_digits(mantissa, 10),
    };
    exponent_holds && mantissa_holds
}
