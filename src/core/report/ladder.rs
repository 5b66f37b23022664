//! Which version stands where at each moment of a plan.

use crate::model::KubeMinor;
use crate::plan::wire::{Plan, Step, StepKind};
use serde_json::Value;
use std::collections::BTreeMap;

/// Before kubelet 1.25 the API server could be two minors newer, since then three.
const WIDER_SKEW_SINCE: KubeMinor = KubeMinor::of(25);

/// With more rows than this, groups that walk together share a row whatever their names.
const FAMILIES_MAX: usize = 10;

/// Where the ladder starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LadderStart {
    /// The control plane's minor.
    pub control_plane: Option<KubeMinor>,
    /// The live groups and the minor of their kubelets; none when unknown.
    pub groups: BTreeMap<String, Option<KubeMinor>>,
}

impl LadderStart {
    /// Returns the start that a plan recorded.
    pub fn of(plan: &Plan) -> Self {
        let groups = plan
            .groups
            .iter()
            .map(|(name, group)| (name.clone(), group.version))
            .collect();
        Self {
            control_plane: plan.from,
            groups,
        }
    }
}

/// Returns true when the Kubernetes version skew policy allows this kubelet under this API server.
pub(super) fn is_legal(kubelet: KubeMinor, control_plane: KubeMinor) -> bool {
    let most = if kubelet < WIDER_SKEW_SINCE { 2 } else { 3 };
    control_plane
        .minors_ahead_of(kubelet)
        .is_some_and(|behind| behind <= most)
}

/// Returns the oldest kubelet that is legal under this API server.
pub(super) fn oldest_legal(control_plane: KubeMinor) -> KubeMinor {
    let mut oldest = control_plane;
    while let Some(older) = oldest.previous()
        && is_legal(older, control_plane)
    {
        oldest = older;
    }
    oldest
}

/// Where a group stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stand {
    /// It does not exist yet, or not any more.
    Absent,
    /// It is deleted at this moment.
    Gone,
    /// It exists; none when its minor is unknown.
    At(Option<KubeMinor>),
}

/// The cluster after some steps.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// Numbers of the first and the last step that led here, from 1; none for now.
    pub(super) steps: Option<(usize, usize)>,
    /// True when the steps cannot run now.
    pub(super) later: bool,
    /// The control plane.
    pub(super) control_plane: KubeMinor,
    /// Every group that exists or was deleted on the way here.
    groups: BTreeMap<String, Stand>,
}

impl Moment {
    /// Returns `now`, `#3`, `#4–9`.
    pub(super) fn title(&self) -> String {
        match self.steps {
            None => "now".to_owned(),
            Some((first, last)) if first == last => format!("#{first}"),
            Some((first, last)) => format!("#{first}–{last}"),
        }
    }
}

/// Groups that walk the same way.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Their names, sorted.
    pub(super) names: Vec<String>,
    /// Where they stand, moment by moment.
    pub(super) stands: Vec<Stand>,
}

/// The way of the control plane and of every group.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    /// Now, then one after each move of the control plane, and one after all the
    /// group steps between two of them.
    pub(super) moments: Vec<Moment>,
    /// Groups, those with one way together, by first name.
    pub(super) rows: Vec<Row>,
}

impl Ladder {
    /// Returns the ladder of a plan; none when no version moves and no group comes
    /// or goes, or when the control plane's version is unknown.
    pub(super) fn of(start: &LadderStart, plan: &Plan) -> Option<Self> {
        let groups = start
            .groups
            .iter()
            .map(|(name, minor)| (name.clone(), Stand::At(*minor)))
            .collect();
        let now = Moment {
            steps: None,
            later: false,
            control_plane: start.control_plane?,
            groups,
        };
        let mut moments = vec![now];
        let mut between_hops = false;
        let runnable = plan.steps.len();
        for (index, step) in plan.all_steps().enumerate() {
            let Some(event) = Event::of(step) else {
                continue;
            };
            let later = index >= runnable;
            let is_hop = matches!(event, Event::ControlPlane(_));
            let last = moments.last()?;
            if is_hop || !between_hops || last.later != later {
                let next = last.after(index + 1, later);
                moments.push(next);
            }
            between_hops = !is_hop;
            if let Some(last) = moments.last_mut() {
                last.take(&event, index + 1);
            }
        }
        (moments.len() > 1).then(|| Self {
            rows: rows(&moments),
            moments,
        })
    }
}

/// A step that moves something on the ladder.
enum Event<'a> {
    /// The control plane moves.
    ControlPlane(KubeMinor),
    /// A group appears or moves.
    Group(&'a str, Option<KubeMinor>),
    /// A group goes.
    Gone(&'a str),
}

impl<'a> Event<'a> {
    fn of(step: &'a Step) -> Option<Self> {
        let version = match step.after.get("version") {
            Some(Value::String(text)) => text.parse::<KubeMinor>().ok(),
            Some(
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_),
            )
            | None => None,
        };
        match step.kind {
            StepKind::UpgradeControlPlane | StepKind::RollbackControlPlane => {
                version.map(Event::ControlPlane)
            }
            StepKind::CreateNodegroup => Some(Event::Group(&step.subject, version)),
            StepKind::UpgradeNodegroup => {
                version.map(|version| Event::Group(&step.subject, Some(version)))
            }
            StepKind::DeleteNodegroup => Some(Event::Gone(&step.subject)),
            StepKind::UpdateAddon
            | StepKind::CreateAddon
            | StepKind::RepairAddon
            | StepKind::VerifyNodegroup
            | StepKind::CordonNodegroup
            | StepKind::UncordonNodegroup
            | StepKind::TaintNodegroup
            | StepKind::UntaintNodegroup
            | StepKind::DrainNodegroup
            | StepKind::ScaleNodegroup
            | StepKind::UpdateNodegroup
            | StepKind::PhaseOut
            | StepKind::Bake
            | StepKind::Check
            | StepKind::Backup
            | StepKind::MapIdentity
            | StepKind::SetUpgradePolicy
            | StepKind::Notify
            | StepKind::Manual => None,
        }
    }
}

impl Moment {
    fn after(&self, step: usize, later: bool) -> Self {
        let mut next = self.clone();
        next.steps = Some((step, step));
        next.later = later;
        next.groups.retain(|_, stand| !matches!(stand, Stand::Gone));
        next
    }

    fn take(&mut self, event: &Event<'_>, step: usize) {
        self.steps = self.steps.map(|(first, _)| (first, step));
        match event {
            Event::ControlPlane(version) => self.control_plane = *version,
            Event::Group(name, version) => {
                self.groups.insert((*name).to_owned(), Stand::At(*version));
            }
            Event::Gone(name) => {
                self.groups.insert((*name).to_owned(), Stand::Gone);
            }
        }
    }
}

fn rows(moments: &[Moment]) -> Vec<Row> {
    let mut ways: BTreeMap<&str, Vec<Stand>> = BTreeMap::new();
    for (at, moment) in moments.iter().enumerate() {
        for (name, stand) in &moment.groups {
            let way = ways
                .entry(name)
                .or_insert_with(|| vec![Stand::Absent; moments.len()]);
            way[at] = *stand;
        }
    }
    let by_family = together(&ways, |name| name.split('-').next().unwrap_or(name));
    if by_family.len() <= FAMILIES_MAX {
        by_family
    } else {
        together(&ways, |_| "")
    }
}

/// Puts groups of one way and one family into one row.
fn together<'a>(
    ways: &BTreeMap<&'a str, Vec<Stand>>,
    family: impl Fn(&'a str) -> &'a str,
) -> Vec<Row> {
    let mut families: BTreeMap<(&str, &[Stand]), Vec<String>> = BTreeMap::new();
    for (name, way) in ways {
        families
            .entry((family(name), way))
            .or_default()
            .push((*name).to_owned());
    }
    let row = |((_, stands), names): ((&str, &[Stand]), Vec<String>)| Row {
        names,
        stands: stands.to_vec(),
    };
    let mut rows: Vec<Row> = families.into_iter().map(row).collect();
    rows.sort_by(|one, other| one.names.cmp(&other.names));
    rows
}

/// Returns a name for groups that walk together: their own name, or what their names
/// share with a star, and how many they are.
pub(super) fn label(names: &[String]) -> String {
    let [first, rest @ ..] = names else {
        return String::new();
    };
    if rest.is_empty() {
        return first.clone();
    }
    let common = |one: &str, other: &str| {
        one.bytes()
            .zip(other.bytes())
            .take_while(|(one, other)| one == other)
            .count()
    };
    let reversed = |text: &str| text.chars().rev().collect::<String>();
    let head = rest
        .iter()
        .fold(first.len(), |least, name| least.min(common(first, name)));
    let backward = reversed(first);
    let tail = rest.iter().fold(first.len(), |least, name| {
        least.min(common(&backward, &reversed(name)))
    });
    let head = first.floor_char_boundary(head);
    let head = first
        .get(..head)
        .and_then(|text| text.rfind('-'))
        .map_or(0, |at| at + 1);
    let start = first
        .ceil_char_boundary(first.len().saturating_sub(tail))
        .max(head);
    let tail = first
        .get(start..)
        .and_then(|text| text.find('-'))
        .map_or("", |at| first.get(start + at..).unwrap_or(""));
    let count = names.len();
    match (first.get(..head), tail) {
        (Some("") | None, "") => format!("{count} groups"),
        (Some(head), tail) => format!("{head}*{tail} ({count} groups)"),
        (None, tail) => format!("*{tail} ({count} groups)"),
    }
}
