//! Names that look like a name that was not found.

/// Longer names are not compared: the table of distances grows with the square.
const COMPARED_CHARS: usize = 64;
/// More suggestions than this help nobody.
const SUGGESTIONS: usize = 3;

/// Returns the known names closest to `wanted`, closest first, at most three.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|name| Some((closeness(wanted, name)?, name)))
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter()
        .take(SUGGESTIONS)
        .map(|(_, name)| name)
        .collect()
}

/// Returns a rank for a name that is close enough to be meant, smaller for closer ones.
fn closeness(wanted: &str, name: &str) -> Option<usize> {
    let (a, b) = (wanted.to_ascii_lowercase(), name.to_ascii_lowercase());
    let distance = edits(&a, &b);
    // A third of the letters may be wrong; two letters of a short name already make another word.
    let tolerated = a.chars().count().min(b.chars().count()).max(3) / 3;
    let contained = a.chars().count() >= 3 && b.contains(&a);
    (distance <= tolerated || contained).then_some(distance)
}

/// Returns how many letters must be inserted, removed, replaced or swapped with their neighbor.
fn edits(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(COMPARED_CHARS).collect();
    let b: Vec<char> = b.chars().take(COMPARED_CHARS).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = above[j] + usize::from(x != y);
            let mut best = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_names_come_first() {
        let known = ["recorded", "assumed", "world", "kubernetes"];
        assert_eq!(nearest("recordd", known), ["recorded"]);
        assert_eq!(nearest("wrold", known), ["world"]);
        assert_eq!(nearest("Assumed", known), ["assumed"]);
        assert!(nearest("zzz", known).is_empty());
    }

    #[test]
    fn a_part_of_a_name_is_close() {
        assert_eq!(
            nearest("science", ["open-science", "berlin"]),
            ["open-science"]
        );
    }

    #[test]
    fn distance_counts_swapped_neighbors_once() {
        assert_eq!(edits("ab", "ba"), 1);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
    }
}
