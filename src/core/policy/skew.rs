//! Version skew between the control plane and what talks to it.
//!
//! Kubernetes version skew policy, kubelet: "kubelet must not be newer than
//! kube-apiserver. kubelet may be up to three minor versions older than
//! kube-apiserver (kubelet < 1.25 may only be up to two minor versions older)."

use crate::model::KubeMinor;

/// How many minors a kubelet of 1.25 or newer may be behind.
pub const LAG_MAX: u16 = 3;
/// How many minors a kubelet older than 1.25 may be behind.
pub const LAG_MAX_BEFORE_1_25: u16 = 2;
/// The first kubelet to which the longer lag applies.
pub const LONGER_LAG_SINCE: KubeMinor = KubeMinor::of(25);
/// How many minors a control plane moves per hop: "kube-apiserver … must not skip minor versions".
pub const HOP_MINORS: u16 = 1;

/// Whether a kubelet may talk to a control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skew {
    /// It may, this many minors behind.
    Legal {
        /// Minors behind.
        lag: u16,
    },
    /// It is newer, which Kubernetes never allows.
    Newer,
    /// It is too old.
    TooOld {
        /// Minors behind.
        lag: u16,
        /// How many are allowed.
        limit: u16,
    },
}

impl Skew {
    /// Returns true when Kubernetes allows it.
    pub const fn is_legal(self) -> bool {
        matches!(self, Self::Legal { .. })
    }
}

/// Returns how many minors a kubelet of this version may be behind.
pub fn allowed_lag(kubelet: KubeMinor) -> u16 {
    if kubelet < LONGER_LAG_SINCE {
        LAG_MAX_BEFORE_1_25
    } else {
        LAG_MAX
    }
}

/// Judges a kubelet against a control plane.
pub fn verdict(kubelet: KubeMinor, control_plane: KubeMinor) -> Skew {
    let limit = allowed_lag(kubelet);
    match control_plane.minors_ahead_of(kubelet) {
        None => Skew::Newer,
        Some(lag) if lag > limit => Skew::TooOld { lag, limit },
        Some(lag) => Skew::Legal { lag },
    }
}

/// Returns the newest control plane that a kubelet of this version may talk to.
pub fn newest_control_plane(kubelet: KubeMinor) -> KubeMinor {
    (0..allowed_lag(kubelet)).fold(kubelet, |minor, _| minor.next())
}

/// Returns the oldest kubelet that may talk to a control plane.
pub fn oldest_kubelet(control_plane: KubeMinor) -> KubeMinor {
    let mut oldest = control_plane;
    while let Some(older) = oldest.previous() {
        if !verdict(older, control_plane).is_legal() {
            break;
        }
        oldest = older;
    }
    oldest
}
