//! Quantities of resources, exactly: `250m`, `1.5`, `2e3`, `512Mi` (Kubernetes, `resource.Quantity`).

use super::object::{Wrong, list, map, shown, text};
use serde_json::Value;

/// A thousand millionths: the smallest unit that a quantity has; smaller ones are rounded up.
const NANO: u128 = 1_000_000_000;
/// More digits than any machine needs to count its bytes in nanobytes.
const DIGITS_MAX: usize = 27;
/// `1e40` of anything is no request.
const EXPONENT_MAX: i32 = 40;
const MEBI: u128 = 1 << 20;

const DECIMAL: [(&str, i32); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];
const BINARY: [(&str, u32); 6] = [
    ("Ki", 10),
    ("Mi", 20),
    ("Gi", 30),
    ("Ti", 40),
    ("Pi", 50),
    ("Ei", 60),
];

/// Reads a quantity in billionths; none for what is no quantity, negative or too large to count.
pub(super) fn nanos(text: &str) -> Option<u128> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = [whole, part].concat();
    if digits.is_empty() || part.contains('.') {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    if significant.len() > DIGITS_MAX {
        return None;
    }
    let mantissa: u128 = match significant {
        "" => return known_suffix(suffix).then_some(0),
        digits => digits.parse().ok()?,
    };
    let behind = i32::try_from(part.len()).ok()?;
    if let Some((_, power)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        let large = mantissa.checked_mul(1 << power)?.checked_mul(NANO)?;
        return shifted(large, -behind);
    }
    shifted(mantissa, decimal(suffix)? + 9 - behind)
}

fn known_suffix(suffix: &str) -> bool {
    decimal(suffix).is_some() || BINARY.iter().any(|(name, _)| *name == suffix)
}

/// The power of ten of a suffix or of an exponent.
fn decimal(suffix: &str) -> Option<i32> {
    if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Some(*power);
    }
    let digits = suffix.strip_prefix(['e', 'E'])?;
    let power: i32 = digits.parse().ok()?;
    (-EXPONENT_MAX..=EXPONENT_MAX)
        .contains(&power)
        .then_some(power)
}

/// Multiplies by a power of ten; what is less than one is rounded up.
fn shifted(number: u128, power: i32) -> Option<u128> {
    let factor = 10_u128.checked_pow(power.unsigned_abs());
    if power >= 0 {
        return number.checked_mul(factor?);
    }
    // A divisor that is too large to count leaves the smallest unit.
    Some(factor.map_or(1, |factor| number.div_ceil(factor)))
}

/// Returns the CPU that a pod requests, in millicores, rounded up.
pub(super) fn cpu_millis(spec: &Value) -> Result<u32, Wrong> {
    unit(requested(spec, "cpu")?, NANO / 1_000, "CPU")
}

/// Returns the memory that a pod requests, in MiB, rounded up.
pub(super) fn memory_mib(spec: &Value) -> Result<u32, Wrong> {
    unit(requested(spec, "memory")?, NANO * MEBI, "memory")
}

fn unit(nanos: u128, unit: u128, what: &str) -> Result<u32, Wrong> {
    u32::try_from(nanos.div_ceil(unit))
        .map_err(|_| format!("it requests more {what} than can be counted"))
}

/// What the scheduler reserves (kubernetes/component-helpers, `resource.PodRequests`): the containers and the
/// sidecars together, or an init container with the sidecars before it where that is more; the pod's own request
/// instead of both; the overhead of its runtime in any case.
fn requested(spec: &Value, resource: &str) -> Result<u128, Wrong> {
    let mut running = 0_u128;
    for container in list(spec, "/containers")? {
        running = sum(running, request(container, resource)?)?;
    }
    let (mut sidecars, mut peak) = (0_u128, 0_u128);
    for container in list(spec, "/initContainers")? {
        let own = request(container, resource)?;
        if text(container, "/restartPolicy")? == Some("Always") {
            sidecars = sum(sidecars, own)?;
            peak = peak.max(sidecars);
        } else {
            peak = peak.max(sum(sidecars, own)?);
        }
    }
    let mut total = sum(running, sidecars)?.max(peak);
    if let Some(whole) = quantity(spec, "/resources/requests", resource)? {
        total = whole;
    }
    match quantity(spec, "/overhead", resource)? {
        Some(overhead) => sum(total, overhead),
        None => Ok(total),
    }
}

fn request(container: &Value, resource: &str) -> Result<u128, Wrong> {
    Ok(quantity(container, "/resources/requests", resource)?.unwrap_or(0))
}

fn quantity(value: &Value, pointer: &str, resource: &str) -> Result<Option<u128>, Wrong> {
    let Some(found) = map(value, pointer)?.and_then(|map| map.get(resource)) else {
        return Ok(None);
    };
    let told = match found {
        Value::Null => return Ok(None),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            return Err(format!("its {resource} request is no quantity"));
        }
    };
    match nanos(&told) {
        Some(nanos) => Ok(Some(nanos)),
        None => Err(format!(
            "its {resource} request `{}` is no quantity that can be counted",
            shown(&told)
        )),
    }
}

fn sum(one: u128, other: u128) -> Result<u128, Wrong> {
    one.checked_add(other)
        .ok_or_else(|| "its requests add up to more than can be counted".to_owned())
}
