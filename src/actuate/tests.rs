use super::*;
use serde_json::json;

#[test]
fn the_token_goes_where_eks_takes_one_and_replaces_nothing_else() {
    let input = json!({"clusterName": "x", "addonName": "coredns"});
    let input = input.as_object().expect("an object");
    let with = with_token("UpdateAddon", input, "t1");
    assert_eq!(with.get("clientRequestToken"), Some(&json!("t1")));
    assert_eq!(with.len(), 3);
    assert_eq!(with_token("TagResource", input, "t1"), *input);
}
