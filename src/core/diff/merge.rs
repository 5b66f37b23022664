//! Three-way merge of texts by lines: what a template changed goes into a file that people edited.

use super::text::{kept, lines};

/// What a merge gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// `ours` with every change from `base` to `theirs` that touches nothing that `ours` changed.
    pub text: String,
    /// `base` with the same changes: what the next merge begins with, so that a collision stays one
    /// until somebody settles it.
    pub base: String,
    /// Where both changed the same lines, and differently; `text` has those of `ours`.
    pub collisions: Vec<Collision>,
}

/// Lines that both sides changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision {
    /// The first line in `ours`, from 1.
    pub line: usize,
    /// What the lines were.
    pub base: String,
    /// What the file has.
    pub ours: String,
    /// What the other side wants.
    pub theirs: String,
}

/// Merges the changes from `base` to `theirs` into `ours`.
///
/// Changes that touch each other without an unchanged line between them collide, as in diff3.
pub fn merge(base: &str, ours: &str, theirs: &str) -> Merged {
    let (base, ours, theirs) = (lines(base), lines(ours), lines(theirs));
    let (in_ours, in_theirs) = (kept(&base, &ours), kept(&base, &theirs));
    let mut merged = Merged {
        text: String::new(),
        base: String::new(),
        collisions: Vec::new(),
    };
    let (mut b, mut o, mut t) = (0, 0, 0);
    while b < base.len() || o < ours.len() || t < theirs.len() {
        // The next line that all three have.
        let common = (b..base.len()).find_map(|at| {
            let place = in_ours.get(at).copied().flatten()?;
            Some((at, place, in_theirs.get(at).copied().flatten()?))
        });
        let (next_b, next_o, next_t) = common.unwrap_or((base.len(), ours.len(), theirs.len()));
        merged.chunk(
            &base[b..next_b],
            &ours[o..next_o],
            &theirs[t..next_t],
            o.saturating_add(1),
        );
        (b, o, t) = (next_b, next_o, next_t);
        if common.is_some() {
            merged.text.push_str(base[b]);
            merged.base.push_str(base[b]);
            (b, o, t) = (b + 1, o + 1, t + 1);
        }
    }
    merged
}

impl Merged {
    /// Takes in lines of which no one is in all three.
    fn chunk(&mut self, base: &[&str], ours: &[&str], theirs: &[&str], line: usize) {
        let (mine, settled) = if ours == base {
            (theirs, theirs)
        } else if theirs == base || theirs == ours {
            (ours, theirs)
        } else {
            self.collisions.push(Collision {
                line,
                base: base.concat(),
                ours: ours.concat(),
                theirs: theirs.concat(),
            });
            (ours, base)
        };
        self.text.push_str(&mine.concat());
        self.base.push_str(&settled.concat());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_both_sides_are_merged() {
        let rows = [
            ("nothing changed", "a\nb\n", "a\nb\n", "a\nb\n", "a\nb\n"),
            (
                "theirs only",
                "a\nb\nc\n",
                "a\nb\nc\n",
                "a\nB\nc\n",
                "a\nB\nc\n",
            ),
            (
                "ours only",
                "a\nb\nc\n",
                "a\nB\nc\n",
                "a\nb\nc\n",
                "a\nB\nc\n",
            ),
            (
                "apart",
                "a\nb\nc\nd\n",
                "A\nb\nc\nd\n",
                "a\nb\nc\nD\n",
                "A\nb\nc\nD\n",
            ),
            ("the same in both", "a\nb\n", "a\nB\n", "a\nB\n", "a\nB\n"),
            (
                "they add, we drop",
                "a\nb\nc\nd\n",
                "b\nc\nd\n",
                "a\nb\nc\nd\ne\n",
                "b\nc\nd\ne\n",
            ),
            ("all is dropped", "a\n", "a\n", "", ""),
            (
                "no line feed at the end",
                "a\nb\nc",
                "a\nb\nc",
                "A\nb\nc",
                "A\nb\nc",
            ),
        ];
        for (what, base, ours, theirs, expected) in rows {
            let merged = merge(base, ours, theirs);
            assert_eq!(merged.text, expected, "{what}");
            assert_eq!(merged.base, theirs, "{what}");
            assert!(merged.collisions.is_empty(), "{what}");
        }
    }

    #[test]
    fn a_collision_keeps_ours_and_comes_back_until_it_is_settled() {
        let (base, ours, theirs) = ("a\nb\nc\nd\n", "a\nmine\nc\nd\n", "a\ntheirs\nc\nD\n");
        let merged = merge(base, ours, theirs);
        assert_eq!(merged.text, "a\nmine\nc\nD\n");
        assert_eq!(merged.base, "a\nb\nc\nD\n");
        let expected = Collision {
            line: 2,
            base: "b\n".to_owned(),
            ours: "mine\n".to_owned(),
            theirs: "theirs\n".to_owned(),
        };
        assert_eq!(merged.collisions, std::slice::from_ref(&expected));
        let again = merge(&merged.base, &merged.text, theirs);
        assert_eq!(again.collisions, [expected]);
        let settled = merge(&merged.base, "a\ntheirs\nc\nD\n", theirs);
        assert_eq!(settled.collisions, []);
        assert_eq!(settled.base, theirs);
    }

    #[test]
    fn lines_added_at_one_place_collide() {
        let merged = merge("a\nb\n", "a\nx\nb\n", "a\ny\nb\n");
        assert_eq!(merged.collisions.len(), 1);
        assert_eq!(merged.text, "a\nx\nb\n");
    }
}
