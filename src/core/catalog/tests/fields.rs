//! Classes, traits and defaults of fields.

use super::*;

#[test]
fn every_key_of_the_schema_has_a_class_of_its_own() {
    for (definition, managed, count) in [("NodeGroup", false, 54), ("ManagedNodeGroup", true, 48)] {
        let keys = catalog().known_keys(definition).unwrap();
        assert_eq!(keys.len(), count, "{definition}");
        let classed: BTreeSet<&str> = catalog().classed_paths(managed).collect();
        for key in keys {
            assert!(classed.contains(key.as_str()), "{definition}.{key}");
        }
        for path in classed
            .iter()
            .filter(|path| !path.contains('.') && **path != "version")
        {
            assert!(keys.contains(*path), "{definition} has no {path}");
        }
    }
    assert_eq!(catalog().known_keys("ClusterConfig").unwrap().len(), 31);
    assert!(catalog().known_keys("Nonsense").is_none());
    assert!(
        catalog()
            .legacy_keys("ClusterConfig")
            .unwrap()
            .contains("git")
    );
}

#[test]
fn classes() {
    let table = "
        sizes scale                                      | minSize                              | scale     | scale
        the autoscaler moves the desired size            | desiredCapacity                      | never     | never
        labels of managed groups change in place         | labels.hub.jupyter.org/node-purpose  | replace   | config
        labels of eksctl are no difference               | labels.alpha.eksctl.io/cluster-name  | never     | never
        taints of managed groups change by the EKS API   | taints                               | replace   | config
        tags of managed groups change by TagResource     | tags.team                            | replace   | tag
        tags of AWS are no difference                    | tags.aws:cloudformation:stack-name   | never     | never
        an update configuration                          | updateConfig.maxUnavailable          | replace   | config
        a release                                        | releaseVersion                       | replace   | version-call
        a new version of the launch template             | launchTemplate.version               | replace   | version-call
        another launch template                          | launchTemplate.id                    | replace   | replace
        node permissions                                 | iam.withAddonPolicies.ebs            | replace   | replace
        the instance type                                | instanceType                         | replace   | replace
        the Kubernetes version                           | version                              | version   | version
        suspended processes are no property of nodes     | asgSuspendProcesses                  | asg       | asg
        the path of a key file is not the key            | ssh.publicKeyPath                    | never     | never
        the name of the key is                           | ssh.publicKeyName                    | replace   | replace
        a field nobody knows                             | frobnicate.deeply                    | replace   | replace
        a path from the top of the file                  | managedNodeGroups[core-a].minSize    | scale     | scale
    ";
    let short = |class| match class {
        FieldClass::Scale => "scale",
        FieldClass::InPlace(Api::EksNodegroupConfig) => "config",
        FieldClass::InPlace(Api::EksNodegroupVersion) => "version-call",
        FieldClass::InPlace(Api::EksTagResource) => "tag",
        FieldClass::InPlace(Api::AutoScalingGroup) => "asg",
        FieldClass::Replace => "replace",
        FieldClass::NeverDiff => "never",
        FieldClass::Version => "version",
    };
    for [name, path, self_managed, managed] in rows(table) {
        assert_eq!(
            short(catalog().field_class(path, false)),
            self_managed,
            "{name}, self-managed"
        );
        assert_eq!(
            short(catalog().field_class(path, true)),
            managed,
            "{name}, managed"
        );
    }
}

#[test]
fn tags_of_others_are_ignored_unless_desired() {
    assert!(catalog().field_ignored_unless_desired("tags.k8s.io/cluster-autoscaler/enabled"));
    assert!(catalog().field_ignored_unless_desired("tags.eks:nodegroup-name"));
    assert!(!catalog().field_ignored_unless_desired("tags.team"));
}

#[test]
fn traits() {
    let table = "
        subnets are a set                                | subnets                                    | set
        of a group in a file as well                     | nodeGroups[0].subnets                      | set
        policies are a set                               | iam.attachPolicyARNs                       | set
        taints are a set                                 | taints                                     | set
        instance types are tried in order                | instanceTypes                              |
        log types are a set                              | cloudWatch.clusterLogging.enableTypes      | set
        a bootstrap command holds a document             | overrideBootstrapCommand                   | sensitive document
        so do values of an add-on                        | addons[vpc-cni].configurationValues        | sensitive document
        scripts may hold secrets                         | preBootstrapCommands[0]                    | sensitive
        settings of Bottlerocket may, at any depth       | bottlerocket.settings.host-containers.x    | sensitive
        other options of Bottlerocket do not             | bottlerocket.enableAdminContainer          |
        kubelet options do not                           | kubeletExtraConfig.maxPods                 |
        a public key is public                           | ssh.publicKey                              |
    ";
    for [name, path, wanted] in rows(table) {
        let has = |word: &str| wanted.split(' ').any(|known| known == word);
        assert_eq!(catalog().field_is_set(path), has("set"), "{name}");
        assert_eq!(
            catalog().field_is_sensitive(path),
            has("sensitive"),
            "{name}"
        );
        assert_eq!(
            catalog().field_holds_document(path),
            has("document"),
            "{name}"
        );
    }
}

#[test]
fn defaults_of_nodegroups() {
    let table = r#"
        an empty group gets Amazon Linux 2023   | managed | {}                                             | /amiFamily                  | "AmazonLinux2023"
        unless it names an image                | managed | {"ami": "ami-1"}                               | /amiFamily                  | null
        and m5.large                            | self    | {}                                             | /instanceType               | "m5.large"
        unless it names several types           | managed | {"instanceTypes": ["m5.large", "m5a.large"]}   | /instanceType               | null
        an empty list of types says nothing     | managed | {"instanceTypes": []}                          | /instanceType               | "m5.large"
        a volume of 80 GiB                      | managed | {}                                             | /volumeSize                 | 80
        unless a launch template says           | managed | {"launchTemplate": {"id": "lt-1"}}             | /volumeSize                 | null
        gp3 has 3000 IOPS                       | managed | {}                                             | /volumeIOPS                 | 3000
        io1 has 100                             | managed | {"volumeType": "io1"}                          | /volumeIOPS                 | 100
        gp2 has none                            | managed | {"volumeType": "gp2"}                          | /volumeIOPS                 | null
        Bottlerocket has a volume of its own    | self    | {"amiFamily": "Bottlerocket"}                  | /volumeName                 | "/dev/xvdb"
        a key opens ssh                         | managed | {"ssh": {"publicKeyPath": "key.pub"}}          | /ssh/allow                  | true
        no key does not                         | managed | {"ssh": null}                                  | /ssh/allow                  | false
        shared groups for self-managed nodes    | self    | {}                                             | /securityGroups/withShared  | true
        not for managed ones                    | managed | {}                                             | /securityGroups/withShared  | null
        what is given stays                     | managed | {"volumeSize": 20}                             | /volumeSize                 | 20
    "#;
    for [name, kind, given, path, wanted] in rows(table) {
        let mut group: serde_json::Map<_, _> = serde_json::from_str(given).unwrap();
        catalog().fill_defaults(Scope::nodegroup(kind == "managed"), &mut group);
        let wanted: serde_json::Value = serde_json::from_str(wanted).unwrap();
        let found = serde_json::Value::Object(group);
        assert_eq!(
            found.pointer(path).unwrap_or(&json!(null)),
            &wanted,
            "{name}"
        );
    }
}

#[test]
fn unconditional_defaults_are_nested_as_in_a_file() {
    let managed = catalog().nodegroup_defaults(true);
    assert_eq!(managed["iam"]["withAddonPolicies"]["ebs"], json!(false));
    assert_eq!(managed.get("volumeSize"), None, "a launch template may say");
    let cluster = catalog().cluster_defaults();
    assert_eq!(
        cluster["vpc"]["clusterEndpoints"]["publicAccess"],
        json!(true)
    );
    assert_eq!(cluster["upgradePolicy"]["supportType"], json!("EXTENDED"));
    assert_eq!(
        catalog()
            .defaults(Scope::Cluster)
            .filter(|d| !d.is_unconditional())
            .count(),
        2
    );
    let mut file =
        serde_json::Map::from_iter([("autoModeConfig".to_owned(), json!({"enabled": true}))]);
    catalog().fill_defaults(Scope::Cluster, &mut file);
    assert_eq!(
        file["autoModeConfig"]["nodePools"],
        json!(["general-purpose", "system"])
    );
}

proptest! {
    #[test]
    fn the_list_of_sensitive_paths_answers_as_the_table_does(path in prop::collection::vec(
        prop_oneof![
            Just("configurationValues"), Just("overrideBootstrapCommand"), Just("bottlerocket"),
            Just("preBootstrapCommands"), Just("settings"), Just("addons"), Just("nodeGroups"),
            Just("managedNodeGroups"), Just("x"), Just("."), Just("[]"), Just("[0]"), Just("["),
            Just("]"), Just("/"), Just(":"),
        ],
        0..8,
    )) {
        let path = path.concat();
        let by_table = catalog().field_is_sensitive_by_table(&path);
        prop_assert_eq!(catalog().field_is_sensitive(&path), by_table, "{}", path);
    }
}
