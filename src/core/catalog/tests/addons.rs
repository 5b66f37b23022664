//! Versions of add-ons against control planes.

use super::*;

#[test]
fn compatibility() {
    let table = "
        kube-proxy may be three minors older than the API server   | kube-proxy | v1.30.14-eksbuild.28        | 1.33 | yes
        but not four                                               | kube-proxy | v1.29.15-eksbuild.5         | 1.33 | no
        kube-proxy must not be newer than the API server           | kube-proxy | v1.34.6-eksbuild.2          | 1.33 | no
        below 1.25 it may be two minors older                      | kube-proxy | v1.23.17-eksbuild.20        | 1.25 | yes
        but not three                                              | kube-proxy | v1.23.17-eksbuild.20        | 1.26 | no
        an image tag of kube-proxy counts too                      | kube-proxy | v1.33.9-minimal-eksbuild.2  | 1.33 | yes
        before 1.26 the VPC CNI must be 1.12 or newer              | vpc-cni    | v1.11.5-eksbuild.1          | 1.26 | no
        1.11 does for 1.25                                         | vpc-cni    | v1.11.5-eksbuild.1          | 1.25 | yes
        1.12 does for 1.26                                         | vpc-cni    | v1.12.6-eksbuild.2          | 1.26 | yes
        a self-managed 1.12.0 does as well                         | vpc-cni    | v1.12.0                     | 1.26 | yes
        EKS lists 1.13.4 and newer for 1.29                        | vpc-cni    | v1.12.6-eksbuild.2          | 1.29 | no
        an old line serves newer minors                            | vpc-cni    | v1.16.4-eksbuild.2          | 1.33 | yes
        a new line is not said to serve old minors                 | vpc-cni    | v1.23.0-eksbuild.1          | 1.23 | unlisted
        nor is a line the catalog does not know                    | vpc-cni    | v1.99.0-eksbuild.1          | 1.33 | unlisted
        nor is a minor it does not know                            | vpc-cni    | v1.23.0-eksbuild.1          | 1.40 | unlisted
        coredns is compatible where it is listed                   | coredns    | v1.11.4-eksbuild.48         | 1.32 | yes
        and not known elsewhere                                    | coredns    | v1.11.4-eksbuild.48         | 1.33 | unlisted
        an add-on nobody knows                                     | tetrate    | v1.0.0                      | 1.33 | unlisted
    ";
    for [name, addon, at, control_plane, wanted] in rows(table) {
        let found = match catalog().addon_compatible(addon, &version(at), minor(control_plane)) {
            Compatibility::Compatible => "yes",
            Compatibility::Incompatible(why) => {
                assert!(!why.is_empty(), "{name}");
                "no"
            }
            Compatibility::Unlisted => "unlisted",
        };
        assert_eq!(found, wanted, "{name}");
    }
}

#[test]
fn latest_versions() {
    let table = "
        kube-proxy has the control plane's minor             | kube-proxy | 1.33 | v1.33.10-eksbuild.18
        also for 1.18                                        | kube-proxy | 1.18 | v1.18.8-eksbuild.1
        a kube-proxy of an unknown minor is a gap            | kube-proxy | 1.37 | none
        eksctl 0.231 ships coredns 1.14.3 for 1.36           | coredns    | 1.36 | v1.14.3-eksbuild.11
        and 1.11.4-eksbuild.48 for 1.32                      | coredns    | 1.32 | v1.11.4-eksbuild.48
        1.8.4 is the coredns of 1.21                         | coredns    | 1.21 | v1.8.4-eksbuild.2
        the VPC CNI of a 1.23 cluster ends at 1.18.5         | vpc-cni    | 1.23 | v1.18.5-eksbuild.1
        and is 1.23.0 on 1.35                                | vpc-cni    | 1.35 | v1.23.0-eksbuild.1
    ";
    for [name, addon, at, wanted] in rows(table) {
        let latest = catalog().addon_latest(addon, minor(at));
        assert_eq!(
            latest.map_or("none", AddonVersion::as_str),
            wanted,
            "{name}"
        );
    }
}

#[test]
fn every_minor_from_1_18_has_a_latest_core_add_on_that_goes_with_it() {
    for at in (18..=36).map(KubeMinor::of) {
        for addon in ["kube-proxy", "coredns", "vpc-cni"] {
            let latest = catalog()
                .addon_latest(addon, at)
                .unwrap_or_else(|| panic!("{addon} {at}"));
            assert_eq!(
                catalog().addon_compatible(addon, latest, at),
                Compatibility::Compatible,
                "{addon} {latest} at {at}"
            );
            assert!(
                catalog().addon_versions(addon, at).contains(&latest),
                "{addon} {at}"
            );
        }
    }
}

#[test]
fn the_vpc_cni_has_a_release_in_each_of_its_minors_for_a_step_by_step_update() {
    let lines: BTreeSet<_> = catalog()
        .addon_releases("vpc-cni")
        .iter()
        .map(|r| r.version.major_minor())
        .collect();
    assert_eq!(lines, (7..=23).map(|minor| (1, minor)).collect());
    assert!(catalog().addon("vpc-cni").unwrap().one_minor_per_step);
    let on_1_33: BTreeSet<_> = catalog()
        .addon_versions("vpc-cni", minor("1.33"))
        .iter()
        .map(|version| version.major_minor())
        .collect();
    assert_eq!(on_1_33, (13..=23).map(|minor| (1, minor)).collect());
}

#[test]
fn releases_belong_to_add_ons_and_are_listed_once() {
    for (name, releases) in &catalog().releases {
        assert!(catalog().addon(name).is_some(), "{name}");
        let versions: BTreeSet<_> = releases.iter().map(|r| r.version.as_str()).collect();
        assert_eq!(versions.len(), releases.len(), "{name}");
        for release in releases {
            for at in &release.minors {
                assert!(catalog().support(*at).is_some(), "{name} {at}");
                assert_eq!(
                    catalog().addon_compatible(name, &release.version, *at),
                    Compatibility::Compatible,
                    "{name} {} {at}",
                    release.version
                );
            }
        }
    }
}

#[test]
fn core_add_ons_know_their_workloads() {
    let table = [
        ("vpc-cni", "DaemonSet", "aws-node"),
        ("kube-proxy", "DaemonSet", "kube-proxy"),
        ("coredns", "Deployment", "coredns"),
    ];
    for (addon, kind, name) in table {
        let workload = &catalog().addon(addon).unwrap().workloads[0];
        assert_eq!(
            (workload.kind.as_str(), workload.name.as_str()),
            (kind, name)
        );
        assert_eq!(workload.namespace, "kube-system");
    }
}
