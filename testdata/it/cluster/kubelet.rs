//! What a kubelet does, where there is none.

use super::TestCluster;
use super::raw::Raw;
use serde_json::{Value, json};
use stairway::kubernetes::{Resource, Selector, WatchStart, Watched};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Does what a kubelet would: pods that are to end, end.
pub(super) struct Kubelet {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Kubelet {
    pub(super) fn begin(cluster: &TestCluster) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (ends, namespace) = (Arc::clone(&over), cluster.namespace.clone());
        let reads = cluster.reads();
        let raw = Raw::open(&cluster.kubeconfig, &cluster.context);
        let end = move |pod: &Value| {
            if pod["metadata"]["deletionTimestamp"].is_null() {
                return;
            }
            let text = |key: &str| pod["metadata"][key].as_str().unwrap_or_default();
            let pods = Resource::PODS.path(Some(text("namespace")));
            finish(&raw, &format!("{pods}/{}", text("name")), text("uid"));
        };
        let thread = std::thread::spawn(move || {
            while !ends.load(Ordering::SeqCst) {
                let all = Selector::all();
                let Ok(listed) = reads.list(Resource::PODS, Some(&namespace), &all) else {
                    continue;
                };
                listed.items.iter().for_each(&end);
                let start = WatchStart {
                    version: listed.version,
                    at_most: Duration::from_secs(1),
                };
                let mut each = |event: Watched| {
                    if let Watched::Is(pod) = &event {
                        end(pod);
                    }
                    ControlFlow::Continue(())
                };
                let _again = reads.watch(Resource::PODS, Some(&namespace), &all, &start, &mut each);
            }
        });
        Self {
            over,
            thread: Some(thread),
        }
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// Lets a pod of this uid be gone at once.
pub(super) fn finish(raw: &Raw, path: &str, uid: &str) {
    let body = json!({"gracePeriodSeconds": 0, "preconditions": {"uid": uid}});
    let (status, said) = raw.send("DELETE", path, Some(&body));
    // Somebody else may have been faster, also with a new pod of that name.
    assert!(
        matches!(status, 200 | 202 | 404 | 409),
        "{path}: {status} {said}"
    );
}
