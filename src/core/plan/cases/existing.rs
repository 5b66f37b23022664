//! Cases of the findings about versions, groups, add-ons, names and the plan itself.

use super::Case;
use crate::model::Known;

pub(super) static CASES: &[Case] = &[
    Case {
        code: "STW-R8-ADDRESSES",
        says: "the cluster's subnets have 4 free addresses",
        comes_up: |scene| {
            let subnets = scene.subnets().iter_mut();
            subnets.for_each(|subnet| subnet.free_addresses = Known::Value(2));
        },
        nearest_that_does_not: "they have 5 between them",
        stays_quiet: |scene| {
            scene.subnets()[0].free_addresses = Known::Value(2);
            scene.subnets()[1].free_addresses = Known::Value(3);
        },
    },
    Case {
        code: "STW-R8-PDB",
        says: "a budget of pods on the swapped core group allows no disruption",
        comes_up: |scene| scene.pdb("proxy").allowed = Known::Value(0),
        nearest_that_does_not: "such a budget covers pods of another namespace only",
        stays_quiet: |scene| {
            let pdb = scene.pdb("proxy");
            pdb.allowed = Known::Value(0);
            pdb.namespace = "staging".to_owned();
        },
    },
];
