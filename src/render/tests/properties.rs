//! Parsers that never panic, and a writer that loses nothing.

use proptest::prelude::*;

use super::*;

/// A config with every construct that fleets use.
const CONFIG: &str = r#"# a cluster
apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata: &meta
  name: openscapes
  region: us-west-2
  version: "1.30"
  tags: {ManagedBy: x, 'org/name': "y"}
x-base: &base
  amiFamily: AmazonLinux2023
  iam: {withAddonPolicies: {autoScaler: true}}
nodeGroups:
  - <<: *base
    name: core-a
    minSize: 1
    labels: {a/b: c}
    taints:
    - key: k
      value: 'v'
      effect: NoSchedule
    preBootstrapCommands:
      - |
        set -e
        echo "hi"
      - >-
        folded
        text
---
other: [1, 2.5, -3, null, true]
"#;

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[-0-9a-z:#?&*!|>%@` \n\t'\"{}\\[\\],.~]{0,12}".prop_map(Value::from),
        "(yes|no|on|off|null|true|[0-9]{1,4}([._:-][0-9]{1,4}){0,3}|0[xob][0-9a-f]{1,3})"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,8}|[ :#'\"\\-?~<]{0,4}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_parsed_or_refused(text in any::<String>()) {
        let _ = parse_yaml(&text, "x");
        let _ = parse_json(&text, "x");
    }

    #[test]
    fn any_marks_are_parsed_or_refused(text in "[-a-c:#?&*!|>%@` \n\t'\"{}\\[\\],.~<0-9]{0,60}") {
        let _ = parse_yaml(&text, "x");
        let _ = parse_json(&text, "x");
    }

    #[test]
    fn a_damaged_config_is_parsed_or_refused(
        cut in 0..CONFIG.len(), at in 0..CONFIG.len(), insert in "\\PC{0,3}|[\n\t -]{1,3}",
    ) {
        let (cut, at) = (cut.min(at), cut.max(at));
        let damaged = format!("{}{insert}{}", &CONFIG[..cut], &CONFIG[at..]);
        if let Err(error) = parse_yaml(&damaged, "x") {
            prop_assert!(error.line.is_some());
        }
    }

    #[test]
    fn what_is_written_is_read_back(value in json()) {
        let written = to_yaml(&value);
        let read = parse_yaml(&written, "x");
        let wanted = if value.is_null() { vec![] } else { vec![value] };
        prop_assert_eq!(read.as_deref(), Ok(wanted.as_slice()), "{}", written);
    }

    #[test]
    fn json_is_read_back_as_json_and_as_yaml(value in json()) {
        let text = value.to_string();
        let read = parse_json(&text, "x");
        prop_assert_eq!(read.as_ref(), Ok(&value));
    }
}

#[test]
fn the_config_itself_is_read() {
    let values = parse_yaml(CONFIG, "x").expect("valid");
    assert_eq!(values.len(), 2);
    assert_eq!(values[0]["nodeGroups"][0]["amiFamily"], "AmazonLinux2023");
}
