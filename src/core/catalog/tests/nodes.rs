//! What nodes offer.

use super::*;

#[test]
fn nodes_offer_what_the_images_leave() {
    let table = "
        70 m of two cores, 255 + 11 x 29 + 100 MiB of 8 GiB | m5.large       | 29  | 1930 7518
        80 m of four cores                                  | r5.xlarge      | 58  | 3920 31775
        0.25 % of each core after the fourth                | r5.4xlarge     | 234 | 15890 128143
        a flex type with its public figures                 | r8i-flex.large | 29  | 1930 15710
        one core of a medium                                | c7g.medium     | 8   | 940 1605
        a size that nobody lists                            | m5.17xlarge    | 29  | none
        a family that nobody lists                          | q9.large       | 29  | none
        no type at all                                      | large          | 29  | none
    ";
    for [sentence, kind, pods, wanted] in rows(table) {
        let found = catalog().allocatable(kind, pods.parse().unwrap());
        let found = found.map_or("none".to_owned(), |(cpu, mib)| format!("{cpu} {mib}"));
        assert_eq!(found, wanted, "{sentence}");
    }
}

#[test]
fn graviton_is_arm_and_the_rest_is_not() {
    let table = "
        Graviton            | m7g.large    | arm64
        with local disks    | r6gd.xlarge  | arm64
        with more network   | c7gn.large   | arm64
        burstable           | t4g.small    | arm64
        with a GPU          | g5g.xlarge   | arm64
        the first           | a1.large     | arm64
        a GPU on x86        | g5.xlarge    | amd64
        Intel               | r8i-flex.large | amd64
        AMD                 | m7a.large    | amd64
        not known           | q9.large     | none
    ";
    for [sentence, kind, wanted] in rows(table) {
        let found = catalog()
            .architecture(kind)
            .map_or("none", Architecture::label);
        assert_eq!(found, wanted, "{sentence}");
    }
}

#[test]
fn every_type_with_a_pod_limit_has_an_architecture_and_common_ones_a_shape() {
    for (family, known) in &catalog().instances {
        let shapes = catalog().shapes.get(family);
        let shapes = shapes.unwrap_or_else(|| panic!("{family}"));
        if shapes.sizes.is_empty() {
            continue;
        }
        for size in known.max_pods.keys() {
            assert!(shapes.sizes.contains_key(size), "{family}.{size}");
        }
    }
    for common in [
        "m5", "r5", "c5", "m7i", "r7i", "r8i", "r8i-flex", "m7g", "g4dn", "g5", "t3",
    ] {
        assert!(!catalog().shapes[common].sizes.is_empty(), "{common}");
    }
}

#[test]
fn labels_that_nobody_declares_stand_on_their_groups() {
    let table = "
        eksctl's name of the group stands on all  | alpha.eksctl.io/nodegroup-name | true  | true
        EKS's only on its own                     | eks.amazonaws.com/nodegroup    | true  | false
        eksctl's lifecycle only on the others     | node-lifecycle                 | false | true
    ";
    for [sentence, key, managed, other] in rows(table) {
        let label = catalog().node_label(key).unwrap();
        assert_eq!(label.stands_on(true).to_string(), managed, "{sentence}");
        assert_eq!(label.stands_on(false).to_string(), other, "{sentence}");
    }
    assert!(catalog().node_label("team").is_none());
}
