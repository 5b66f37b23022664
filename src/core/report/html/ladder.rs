//! The ladder as the coordinates of a drawing; the template turns them into SVG.

use crate::model::KubeMinor;
use crate::plan::wire::Plan;
use crate::report::ladder::{Ladder, LadderStart, Row, Stand, label, oldest_legal};
use serde::Serialize;

/// Pixels of one moment: wide enough for `#12–19`.
const MOMENT: usize = 84;
/// Pixels of one minor: room for the control plane's line and the groups under it.
const MINOR: usize = 44;
/// Pixels left of the first moment, for the minors.
const LEFT: usize = 56;
/// Pixels above the highest minor, for the moments' titles.
const TOP: usize = 30;
/// More rows than this no longer show anything at a glance; the steps list every group.
const ROWS_MAX: usize = 26;
/// Colors of the template's palette.
const COLORS: usize = 8;

/// Everything that the picture shows, in pixels from its top left corner.
#[derive(Serialize)]
pub(super) struct Drawing {
    width: usize,
    height: usize,
    minors: Vec<Rung>,
    moments: Vec<Title>,
    /// What kubelets may be under the control plane of each moment.
    legal: Vec<Band>,
    /// The way of the control plane, as an SVG path.
    stairs: String,
    treads: Vec<Tread>,
    groups: Vec<Way>,
    /// Groups that are not drawn because they are too many.
    hidden: usize,
}

#[derive(Serialize)]
struct Rung {
    y: usize,
    text: String,
}

#[derive(Serialize)]
struct Title {
    x: usize,
    text: String,
    later: bool,
}

#[derive(Serialize)]
struct Band {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

#[derive(Serialize)]
struct Tread {
    x: usize,
    y: usize,
    text: String,
}

#[derive(Serialize)]
struct Way {
    label: String,
    names: String,
    color: usize,
    /// The lines between its stands, as an SVG path.
    path: String,
    dots: Vec<Dot>,
}

#[derive(Serialize)]
struct Dot {
    x: usize,
    y: usize,
    /// True where the group is deleted.
    gone: bool,
    text: String,
}

/// Returns the drawing of a plan's ladder; none when no version moves.
pub(super) fn draw(plan: &Plan) -> Option<Drawing> {
    let ladder = Ladder::of(&LadderStart::of(plan), plan)?;
    let scale = Scale::of(&ladder)?;
    let planes: Vec<KubeMinor> = ladder.moments.iter().map(|m| m.control_plane).collect();
    let shown = ladder.rows.len().min(ROWS_MAX);
    let rows = &ladder.rows[..shown];
    Some(Drawing {
        width: LEFT + MOMENT * planes.len() + 12,
        height: TOP + MINOR * scale.minors.len() + 8,
        minors: scale
            .minors
            .iter()
            .map(|minor| Rung {
                y: scale.y(*minor),
                text: minor.to_string(),
            })
            .collect(),
        moments: ladder
            .moments
            .iter()
            .enumerate()
            .map(|(at, moment)| Title {
                x: middle(at),
                text: moment.title(),
                later: moment.later,
            })
            .collect(),
        legal: planes
            .iter()
            .enumerate()
            .map(|(at, plane)| scale.band(at, *plane))
            .collect(),
        stairs: scale.stairs(&planes),
        treads: planes
            .iter()
            .enumerate()
            .map(|(at, plane)| Tread {
                x: middle(at),
                y: scale.y(*plane),
                text: plane.to_string(),
            })
            .collect(),
        groups: rows
            .iter()
            .enumerate()
            .map(|(at, row)| scale.way(at, shown, row))
            .collect(),
        hidden: ladder.rows.len() - shown,
    })
}

const fn middle(moment: usize) -> usize {
    LEFT + MOMENT * moment + MOMENT / 2
}

/// The minors from the highest to the lowest that the picture shows.
struct Scale {
    minors: Vec<KubeMinor>,
}

impl Scale {
    fn of(ladder: &Ladder) -> Option<Self> {
        let planes = ladder.moments.iter().map(|moment| moment.control_plane);
        let stands = ladder.rows.iter().flat_map(|row| &row.stands);
        let groups = stands.filter_map(|stand| match stand {
            Stand::At(minor) => *minor,
            Stand::Absent | Stand::Gone => None,
        });
        let top = planes.clone().chain(groups.clone()).max()?;
        let low = planes
            .map(oldest_legal)
            .max()
            .into_iter()
            .chain(groups)
            .min()?;
        let mut minors = vec![top];
        while let Some(below) = minors.last().and_then(|minor| minor.previous())
            && below >= low
        {
            minors.push(below);
        }
        Some(Self { minors })
    }

    /// The line of a minor; those outside of the picture lie on its edge.
    fn y(&self, minor: KubeMinor) -> usize {
        let at = self.minors.iter().position(|one| *one == minor);
        TOP + MINOR * at.unwrap_or(self.minors.len().saturating_sub(1)) + MINOR / 4
    }

    fn band(&self, moment: usize, plane: KubeMinor) -> Band {
        let (top, low) = (
            self.y(plane),
            self.y(oldest_legal(plane).max(self.lowest(plane))),
        );
        Band {
            x: LEFT + MOMENT * moment,
            y: top,
            width: MOMENT,
            height: low - top + MINOR * 3 / 4,
        }
    }

    fn lowest(&self, or: KubeMinor) -> KubeMinor {
        self.minors.last().copied().unwrap_or(or)
    }

    fn stairs(&self, planes: &[KubeMinor]) -> String {
        let mut path = String::new();
        for (at, plane) in planes.iter().enumerate() {
            let (x, y) = (LEFT + MOMENT * at, self.y(*plane));
            let to = if at == 0 {
                format!("M{x} {y}")
            } else {
                format!("V{y}")
            };
            path.push_str(&to);
            path.push_str(&format!("H{}", x + MOMENT));
        }
        path
    }

    /// A row's dots lie side by side below the line of their minor, so that rows do not hide each other.
    fn way(&self, index: usize, of: usize, row: &Row) -> Way {
        let spread = MOMENT - 24;
        let shift = if of > 1 {
            spread * index / (of - 1)
        } else {
            spread / 2
        };
        let place = |at: usize, minor: KubeMinor| {
            (LEFT + MOMENT * at + 12 + shift, self.y(minor) + MINOR / 3)
        };
        let (mut path, mut dots, mut last) = (String::new(), Vec::new(), None);
        for (at, stand) in row.stands.iter().enumerate() {
            let minor = match stand {
                Stand::At(Some(minor)) => *minor,
                Stand::Gone => match last {
                    Some(minor) => minor,
                    None => continue,
                },
                Stand::At(None) | Stand::Absent => {
                    last = None;
                    continue;
                }
            };
            let (x, y) = place(at, minor);
            let verb = if last.is_some() { 'L' } else { 'M' };
            path.push_str(&format!("{verb}{x} {y}"));
            let gone = matches!(stand, Stand::Gone);
            let text = if gone {
                "deleted".to_owned()
            } else {
                minor.to_string()
            };
            dots.push(Dot { x, y, gone, text });
            last = (!gone).then_some(minor);
        }
        Way {
            label: label(&row.names),
            names: row.names.join(", "),
            color: index % COLORS,
            path,
            dots,
        }
    }
}
