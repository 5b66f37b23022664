//! What git declares that cannot be made, or that will surprise: names, generations, files.

use super::super::draft::{Draft, finding};
use super::super::wire::{BlockedBy, Finding, Severity};
use super::is_said;
use crate::diff::generation::{newer_declared, slot_is_live};
use crate::model::clusterconfig::{NAME_LENGTH_MAX, Standing, referenced_files};
use crate::policy::limits::STACK_NAME_LENGTH_MAX;

/// What stands against making a group of this name.
pub(in crate::plan) fn of_name(draft: &Draft<'_>, name: &str) -> Vec<Finding> {
    let subject = format!("nodegroup {name}");
    let refuse = |message: String, remedy: &str, source: &str| {
        let mut found = finding("STW-NAME", "", Severity::Mandatory, &subject);
        found.message = message;
        remedy.clone_into(&mut found.remedy);
        source.clone_into(&mut found.source);
        found
    };
    let mut all = Vec::new();
    let length = name.chars().count();
    if length > NAME_LENGTH_MAX {
        all.push(refuse(
            format!(
                "`{name}` has {length} characters; Kubernetes takes labels of at most {NAME_LENGTH_MAX}, and eksctl labels every node with it."
            ),
            "Shorten the name in git, and keep its generation.",
            "Kubernetes, label syntax",
        ));
    }
    // CloudFormation takes fewer signs than EKS, and eksctl makes each group by a stack.
    let strange: Vec<char> = name
        .chars()
        .filter(|sign| !(sign.is_ascii_alphanumeric() || *sign == '-'))
        .collect();
    let first = name.chars().next();
    if !strange.is_empty() || !first.is_some_and(|sign| sign.is_ascii_alphanumeric()) {
        all.push(refuse(
            format!(
                "`{name}` cannot be part of a stack's name: CloudFormation takes letters, digits and hyphens, and EKS a letter or digit first."
            ),
            "Rename the group in git with letters, digits and hyphens.",
            "CloudFormation API, CreateStack: StackName; EKS API, CreateNodegroup: nodegroupName",
        ));
    }
    let stack = format!(
        "eksctl-{}-nodegroup-{name}",
        draft.input.desired.cluster.name
    );
    let stack_length = stack.chars().count();
    if stack_length > STACK_NAME_LENGTH_MAX {
        all.push(refuse(
            format!(
                "The stack of `{name}` would be called `{stack}`: {stack_length} characters, and CloudFormation takes {STACK_NAME_LENGTH_MAX}."
            ),
            "Shorten the group's name in git.",
            "CloudFormation API, CreateStack: StackName",
        ));
    }
    all
}

/// A create that names a file that is not there fails half-way: eksctl reads it when it begins.
pub(in crate::plan) fn of_files(draft: &mut Draft<'_>, git: &str) -> Vec<BlockedBy> {
    let found: Vec<Finding> = missing(draft)
        .into_iter()
        .filter(|(group, _)| group == git)
        .map(|(_, finding)| finding)
        .collect();
    let blocked = found.into_iter().flat_map(|finding| draft.block(finding));
    blocked.collect()
}

/// Missing files with the groups that name them.
fn missing(draft: &Draft<'_>) -> Vec<(String, Finding)> {
    let references = referenced_files(draft.input.desired, &draft.input.inputs.config);
    let gone = &draft.input.missing_files;
    references
        .into_iter()
        .filter_map(|reference| {
            let missing = gone.iter().find(|file| file.at == reference.at)?;
            let subject = format!("nodegroup {}", reference.group);
            let mut found = finding("STW-MISSING-FILE", "", Severity::Blocking, &subject);
            found.message = format!(
                "`{}` names `{}`: {}. Looked for beside the config, where eksctl has to be run.",
                missing.at, missing.path, missing.why
            );
            found.remedy = format!(
                "git add the file, or name a key that AWS has with `ssh.publicKeyName` instead of `{}`.",
                missing.path
            );
            found.source = "eksctl, ssh.publicKeyPath: read from the working folder".to_owned();
            found.objects = vec![format!("file {}", missing.path)];
            Some((reference.group, found))
        })
        .collect()
}

/// Remarks on what git declares.
pub(super) fn remark(draft: &mut Draft<'_>) {
    reused_names(draft);
    generations(draft);
    for (_, mut found) in missing(draft) {
        if !is_said(draft, &found.code, &found.subject) {
            found.severity = Severity::Warning;
            draft.find(found);
        }
    }
    unseen_files(draft);
}

/// Files of another machine, home or disk: nobody can tell whether they are there.
fn unseen_files(draft: &mut Draft<'_>) {
    let references = referenced_files(draft.input.desired, &draft.input.inputs.config);
    for reference in references {
        match reference.standing {
            Standing::Inside(_) => continue,
            Standing::Elsewhere => {}
        }
        let subject = format!("nodegroup {}", reference.group);
        let mut found = finding("STW-MISSING-FILE", "", Severity::Note, &subject);
        found.message = format!(
            "`{}` names `{}`, which is outside of the repository and cannot be checked here.",
            reference.at, reference.path
        );
        found.remedy = "Keep public keys beside the config, or use `ssh.publicKeyName`.".to_owned();
        found.source = "eksctl, ssh.publicKeyPath".to_owned();
        found.objects = vec![format!("file {}", reference.path)];
        draft.find(found);
    }
}

/// A group under a name that another one had: graphs, bills and left-overs of both run together.
fn reused_names(draft: &mut Draft<'_>) {
    let observed = draft.input.observed;
    let new = draft.differences.groups.iter();
    let new = new.filter(|(_, group)| group.new_generation);
    let new = new.map(|(name, _)| name);
    let made = draft.differences.matching.create.iter().chain(new);
    let reused: Vec<String> = made
        .filter(|name| observed.past_nodegroups.contains(*name))
        .filter(|name| observed.nodegroup(name).is_none())
        .cloned()
        .collect();
    for name in reused {
        let subject = format!("nodegroup {name}");
        let mut found = finding("STW-NAME-REUSED", "", Severity::Warning, &subject);
        found.message = format!(
            "A group called `{name}` existed before and is gone; git asks for the same generation once more."
        );
        found.remedy =
            "Use the next letter in git, so that what is left of the old group is not taken for the new one.".to_owned();
        found.source =
            "eksctl issues #4006, #4978: a create right after a delete is skipped".to_owned();
        draft.find(found);
    }
}

/// Groups whose immutable settings changed in git while the name did not.
fn generations(draft: &mut Draft<'_>) {
    let mut objects = Vec::new();
    for (git, differences) in &draft.differences.groups {
        let fields = differences.replace_fields();
        let renamed = differences.new_generation || slot_is_live(draft.input.settings, git);
        let older = newer_declared(draft.input.desired, git).is_some();
        if !fields.is_empty() && !renamed && !older {
            objects.push(format!("nodegroup {git}: {}", fields.join(", ")));
        }
    }
    if objects.is_empty() {
        return;
    }
    let mut found = finding("STW-GENERATION", "", Severity::Note, "cluster");
    found.message = format!(
        "{} changed in settings that EKS never changes in place, and kept {} in git: {}.",
        match objects.len() {
            1 => "1 group".to_owned(),
            count => format!("{count} groups"),
        },
        if objects.len() == 1 {
            "its name"
        } else {
            "their names"
        },
        objects
            .iter()
            .map(|object| object.trim_start_matches("nodegroup "))
            .collect::<Vec<_>>()
            .join("; ")
    );
    found.remedy = "Build the name from a checksum of the group's settings (NAME-ZONE-VERSION-MD5), or raise the letter with each such change: then a new name says that a new group comes.".to_owned();
    found.source = "eksctl user guide, nodegroups: immutable by design".to_owned();
    found.objects = objects;
    draft.find(found);
}
