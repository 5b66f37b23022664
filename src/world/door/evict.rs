//! The Eviction API.

use super::errors::{self, Refusal};
use super::request::Response;
use super::select::Selector;
use super::store::Key;
use super::{Call, Door, decode, delete, kinds, name_of, number, write};
use crate::World;
use serde_json::Value;
use std::sync::Arc;

/// Seconds after which a client may ask again while a budget is being processed (kube-apiserver, eviction.go).
const PROCESSING: u32 = 10;

impl Door {
    /// Evicts a pod, when its budget allows.
    pub(crate) fn evict(
        &mut self,
        world: &mut World,
        call: &Call<'_>,
    ) -> Result<Response, Refusal> {
        let name = call.target.name();
        let (eviction, _) = decode::decode(call, "Eviction")?;
        let said = name_of(&eviction);
        if !said.is_empty() && said != name {
            let message = "name in URL does not match name in Eviction object".to_owned();
            return Err(Refusal::bad_request(message));
        }
        let key = call.key(name);
        let pod = self.store.get(&key).cloned();
        let pod = pod.ok_or_else(|| Refusal::not_found(call.kind, name))?;
        let options = &eviction["deleteOptions"];
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
        if let Some(other) = options["preconditions"]["uid"]
            .as_str()
            .filter(|o| *o != uid)
        {
            return Err(Refusal::precondition(call.kind, name, "UID", other, uid));
        }
        let leaving = !pod["metadata"]["deletionTimestamp"].is_null();
        let asleep = pod["spec"]["nodeName"].is_null()
            || matches!(
                pod["status"]["phase"].as_str(),
                Some("Succeeded" | "Failed" | "Pending")
            );
        if !leaving && !asleep {
            self.ask_budgets(&key, &pod)?;
        }
        let dry = call.dry_run() || options["dryRun"] == serde_json::json!(["All"]);
        if dry || leaving {
            return Ok(errors::success(201));
        }
        self.world_refuses(world, call, &key)?;
        if write::finalizers(&pod) == 0 && !self.world_evicts(world, &key) {
            return Err(Refusal::budget(self.words_of_guard(&key, &pod), None));
        }
        let grace = options["gracePeriodSeconds"].as_i64();
        let grace = grace
            .or_else(|| pod["spec"]["terminationGracePeriodSeconds"].as_i64())
            .unwrap_or(30);
        let ends = world.now.unix().saturating_add(grace);
        self.store
            .put(&key, delete::marked_for_deletion(&pod, ends, grace));
        self.world_loses_answer(world, call, &key)?;
        Ok(errors::success(201))
    }

    fn guards_of(&self, key: &Key, pod: &Value) -> Vec<&Arc<Value>> {
        let budgets = self.store.of_kind(kinds::of("PodDisruptionBudget").id());
        budgets
            .filter(|(budget, _)| budget.1 == key.1)
            .filter(|(_, budget)| Selector::of_object(&budget["spec"]["selector"]).matches(pod))
            .map(|(_, budget)| budget)
            .collect()
    }

    fn ask_budgets(&self, key: &Key, pod: &Value) -> Result<(), Refusal> {
        let guards = self.guards_of(key, pod);
        let Some(budget) = guards.first() else {
            return Ok(());
        };
        if guards.len() > 1 {
            return Err(Refusal::new(500, "", crate::pods::TWO_BUDGETS));
        }
        let status = &budget["status"];
        if number(&status["observedGeneration"]) < number(&budget["metadata"]["generation"]) {
            let cause = format!(
                "The disruption budget {} is still being processed by the server.",
                name_of(budget)
            );
            return Err(Refusal::budget(cause, Some(PROCESSING)));
        }
        if number(&status["disruptionsAllowed"]) <= 0 && !lets_go_unhealthy(budget, pod) {
            return Err(Refusal::budget(words(budget), None));
        }
        Ok(())
    }

    fn words_of_guard(&self, key: &Key, pod: &Value) -> String {
        self.guards_of(key, pod)
            .first()
            .map(|budget| words(budget))
            .unwrap_or_default()
    }
}

fn words(budget: &Value) -> String {
    let status = &budget["status"];
    format!(
        "The disruption budget {} needs {} healthy pods and has {} currently",
        name_of(budget),
        number(&status["desiredHealthy"]),
        number(&status["currentHealthy"])
    )
}

/// A pod that is not Ready may go when its budget says so, or when enough others are healthy (`IfHealthyBudget`).
fn lets_go_unhealthy(budget: &Value, pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let ready = conditions
        .into_iter()
        .any(|one| one["type"] == "Ready" && one["status"] == "True");
    let status = &budget["status"];
    let enough = number(&status["currentHealthy"]) >= number(&status["desiredHealthy"])
        && number(&status["desiredHealthy"]) > 0;
    let always = budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow";
    !ready && (always || enough)
}
