//! Lists, page by page: the next page is asked for before the objects of the last one are read.

use super::{Listed, Reads, query};
use crate::kubernetes::error::{CallError, Trouble};
use crate::kubernetes::resource::{Resource, Selector};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::thread::{Scope, ScopedJoinHandle};

/// What a page says beside its objects. Reading this takes a fifth of reading the objects.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    kind: Value,
    #[serde(default)]
    metadata: Value,
}

impl Head {
    fn text(&self, name: &str) -> String {
        let found = self.metadata.get(name).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    }
}

type Items = Result<Vec<Value>, CallError>;

impl Reads {
    /// Reads all objects of a list, page by page, in one namespace or in all.
    ///
    /// A page that the server has forgotten begins the list anew, once.
    ///
    /// # Errors
    /// A page could not be read, there are too many, or the list is older than one that was read before.
    pub fn list(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        selector: &Selector,
    ) -> Result<Listed, CallError> {
        let mut anew = 0;
        loop {
            let listed =
                std::thread::scope(|scope| self.pages(scope, resource, namespace, selector));
            match listed {
                Err(error)
                    if matches!(error.trouble, Trouble::Gone | Trouble::Stale)
                        && anew + 1 < self.0.limits.attempts =>
                {
                    self.wait(anew, None);
                    anew += 1;
                }
                other => return other,
            }
        }
    }

    fn pages<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        resource: Resource,
        namespace: Option<&str>,
        selector: &Selector,
    ) -> Result<Listed, CallError> {
        let within = namespace.map_or_else(String::new, |name| format!(" in `{name}`"));
        let attempt = format!("Listing {}{within}", resource.plural);
        let mut earlier: Vec<ScopedJoinHandle<'scope, Items>> = Vec::new();
        let mut next = String::new();
        // Lists go side by side: only what was told before this one began makes it stale.
        let known = self.counts().newest.get(resource.plural).copied();
        for _ in 0..self.0.limits.pages {
            let mut query = query(selector);
            query.append_pair("limit", &self.0.limits.page.to_string());
            if !next.is_empty() {
                query.append_pair("continue", &next);
            }
            let path = format!("{}?{}", resource.path(namespace), query.finish());
            let (head, body) = self.json::<Head>(&attempt, &path)?;
            self.is_of(
                &attempt,
                Some(&head.kind),
                &format!("{}List", resource.kind),
            )?;
            let (version, more) = (head.text("resourceVersion"), head.text("continue"));
            if more.is_empty() {
                let last = self.items(&attempt, &body)?;
                self.is_new(&attempt, resource, &version, known.unwrap_or_default())?;
                let items = self.together(&attempt, earlier, last)?;
                return Ok(Listed { items, version });
            }
            if more == next {
                return Err(self.garbled(&attempt, "a page leads to itself"));
            }
            next = more;
            let named = attempt.clone();
            earlier.push(scope.spawn(move || self.items(&named, &body)));
        }
        Err(CallError {
            trouble: Trouble::TooLarge,
            message: format!("there are more than {} pages", self.0.limits.pages),
            ..self.garbled(&attempt, "")
        })
    }

    fn items(&self, attempt: &str, body: &[u8]) -> Items {
        let mut page: Map<String, Value> = self.parse(attempt, body)?;
        match page.remove("items") {
            Some(Value::Array(items)) => Ok(items),
            // An empty list of Go may be null.
            Some(Value::Null) => Ok(Vec::new()),
            Some(_) | None => Err(self.garbled(attempt, "a page has no items")),
        }
    }

    /// Puts the pages together in their order.
    fn together(
        &self,
        attempt: &str,
        earlier: Vec<ScopedJoinHandle<'_, Items>>,
        last: Vec<Value>,
    ) -> Items {
        let mut all = Vec::new();
        for page in earlier {
            let fault =
                |_| Err(self.garbled(attempt, "reading a page ended in a fault of this program"));
            all.extend(page.join().unwrap_or_else(fault)?);
        }
        all.extend(last);
        Ok(all)
    }

    /// An answer of another kind, e.g. a Status under a success, is no answer: its lists would read as empty.
    pub(super) fn is_of(
        &self,
        attempt: &str,
        found: Option<&Value>,
        kind: &str,
    ) -> Result<(), CallError> {
        match found.and_then(Value::as_str) {
            Some(found) if found == kind => Ok(()),
            Some(_) | None => Err(self.garbled(attempt, &format!("the answer is no {kind}"))),
        }
    }

    /// Versions only rise (KEP 5504: they are comparable numbers); a lagging server tells an earlier one.
    fn is_new(
        &self,
        attempt: &str,
        resource: Resource,
        version: &str,
        known: u64,
    ) -> Result<(), CallError> {
        let Ok(number) = version.parse::<u64>() else {
            return Ok(());
        };
        if number < known {
            let message = format!(
                "the list is of version {number}, and one of version {known} was read before"
            );
            return Err(CallError {
                trouble: Trouble::Stale,
                message,
                ..self.garbled(attempt, "")
            });
        }
        let mut counts = self.counts();
        let newest = counts.newest.entry(resource.plural.to_owned()).or_default();
        *newest = number.max(*newest);
        Ok(())
    }
}
