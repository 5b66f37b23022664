//! Cases of the findings about nodegroups: families, images, generations, names, stacks.

use super::Case;
use super::scene::Scene;
use crate::model::{Known, Stack};
use serde_json::json;

/// The longest name that fits a label, and its first 63 characters.
const LONG: &str = "core-of-the-hub-in-the-western-region-for-all-who-work-there-now";

fn family(scene: &mut Scene, name: &str) {
    let spec = scene.declared("core-b");
    spec.insert("amiFamily".to_owned(), json!(name));
}

fn bootstrap(scene: &mut Scene, text: &str) {
    let spec = scene.declared("core-b");
    spec.insert("overrideBootstrapCommand".to_owned(), json!(text));
}

fn image(scene: &mut Scene, live: &str, declared: &str) {
    let spec = &mut scene.group("core-a").spec;
    spec.insert("ami".to_owned(), json!(live));
    let spec = scene.declared("core-b");
    spec.insert("ami".to_owned(), json!(declared));
}

fn stack(scene: &mut Scene, group: &str, status: &str) {
    scene.stacks().push(Stack {
        name: format!("eksctl-quay-nodegroup-{group}"),
        status: status.to_owned(),
    });
}

/// Git asks for the core group that runs, made new, and these letters were used before.
fn letters_used(scene: &mut Scene, last: char) {
    scene.declared("core-b")["name"] = json!("core-a");
    scene.replace.insert("core-a".to_owned());
    let used = ('b'..=last).map(|letter| format!("core-{letter}"));
    scene.observed.past_nodegroups.extend(used);
}

/// Git declares the core group that runs beside the next one, and labels say which is which.
fn two_generations(scene: &mut Scene) {
    scene.declare("core-a", "core-b");
    for (name, generation) in [("core-a", "a"), ("core-b", "b")] {
        let labels = &mut scene.declared(name)["labels"];
        labels["example.org/generation"] = json!(generation);
    }
}

/// Git drops the core group, and the fleet file lets the live one go.
fn no_core_in_git(scene: &mut Scene) {
    scene.undeclare("core-b");
    scene.settings.prune.push("core-a".to_owned());
}

pub(super) static CASES: &[Case] = &[
    Case {
        code: "STW-R4-AL2",
        says: "git declares a group as Amazon Linux 2, and the hop goes to 1.33",
        comes_up: |scene| family(scene, "AmazonLinux2"),
        nearest_that_does_not: "the hop goes to 1.32, the last minor with such images",
        stays_quiet: |scene| {
            scene.versions("1.31", "1.32");
            family(scene, "AmazonLinux2");
        },
    },
    Case {
        code: "STW-R4-AL2",
        says: "a group of Amazon Linux 2023 boots with the shell script of Amazon Linux 2",
        comes_up: |scene| bootstrap(scene, "#!/bin/bash\n/etc/eks/bootstrap.sh quay"),
        nearest_that_does_not: "it boots with a NodeConfig",
        stays_quiet: |scene| {
            bootstrap(
                scene,
                "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n",
            );
        },
    },
    Case {
        code: "STW-AMI-PINNED",
        says: "the new generation names the image that the old one runs",
        comes_up: |scene| image(scene, "ami-0aa", "ami-0aa"),
        nearest_that_does_not: "it names another image",
        stays_quiet: |scene| image(scene, "ami-0aa", "ami-0bb"),
    },
    Case {
        code: "STW-OLD-GENERATION",
        says: "an override changes the type of the old generation beside the new one",
        comes_up: |scene| {
            two_generations(scene);
            scene.declared("core-a")["instanceType"] = json!("m5.xlarge");
        },
        nearest_that_does_not: "git declares both, and the old one as it runs",
        stays_quiet: two_generations,
    },
    Case {
        code: "STW-R7-LAST-CORE",
        says: "git drops the only core group",
        comes_up: no_core_in_git,
        nearest_that_does_not: "the fleet file counts another group with nodes as core",
        stays_quiet: |scene| {
            no_core_in_git(scene);
            scene.settings.roles.core.names.push("workers".to_owned());
        },
    },
    Case {
        code: "STW-HALF-DONE-SWAP",
        says: "both generations run, and nothing says which one goes",
        comes_up: |scene| scene.also_runs("core-b", "core-a"),
        nearest_that_does_not: "the fleet file names the old one under `prune`",
        stays_quiet: |scene| {
            scene.also_runs("core-b", "core-a");
            scene.settings.prune.push("core-a".to_owned());
        },
    },
    Case {
        code: "STW-UNDECLARED",
        says: "a group runs that git does not declare",
        comes_up: |scene| scene.also_runs("spare", "workers"),
        nearest_that_does_not: "git declares it",
        stays_quiet: |scene| {
            scene.also_runs("spare", "workers");
            scene.declare("spare", "workers");
        },
    },
    Case {
        code: "STW-NAME",
        says: "git declares a group whose name has 64 characters",
        comes_up: |scene| scene.declared("core-b")["name"] = json!(LONG),
        nearest_that_does_not: "its name has 63",
        stays_quiet: |scene| scene.declared("core-b")["name"] = json!(LONG[..63]),
    },
    Case {
        code: "STW-NAME",
        says: "every letter of a group that is to be replaced was used before",
        comes_up: |scene| letters_used(scene, 'z'),
        nearest_that_does_not: "one letter is left",
        stays_quiet: |scene| letters_used(scene, 'y'),
    },
    Case {
        code: "STW-NAME",
        says: "--replace names a group that is only live",
        comes_up: |scene| {
            scene.replace.insert("core-a".to_owned());
        },
        nearest_that_does_not: "--replace names it as git does",
        stays_quiet: |scene| {
            scene.replace.insert("core-b".to_owned());
        },
    },
    Case {
        code: "STW-STACK",
        says: "a stack that was rolled back has the name of the new group",
        comes_up: |scene| stack(scene, "core-b", "ROLLBACK_COMPLETE"),
        nearest_that_does_not: "that stack is deleted",
        stays_quiet: |scene| stack(scene, "core-b", "DELETE_COMPLETE"),
    },
    Case {
        code: "STW-STACK",
        says: "a live group is DEGRADED",
        comes_up: |scene| scene.group("workers").status = Known::Value("DEGRADED".to_owned()),
        nearest_that_does_not: "an update of its stack was taken back, and it stands as before",
        stays_quiet: |scene| {
            let status = "UPDATE_ROLLBACK_COMPLETE".to_owned();
            scene.group("workers").status = Known::Value(status);
        },
    },
];
