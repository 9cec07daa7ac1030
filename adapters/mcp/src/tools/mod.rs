//! The tools, one type each.

mod executions;
mod run_js;
mod sessions;
mod tags;

use schemars::JsonSchema;
use serde::Deserialize;
use stasis_core::RunRules;

use crate::tool::Offer;

/// Which page of a list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageArguments {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// The most entries, 1 to 1,000 (default 100).
    limit: Option<u64>,
}

/// What a server with these rules offers, in the order in which it is listed.
pub(crate) fn offers(rules: &RunRules) -> Vec<Offer> {
    let mut offers = vec![
        if rules.stateful {
            Offer::with_tasks::<run_js::Stateful>(rules)
        } else {
            Offer::with_tasks::<run_js::Stateless>(rules)
        },
        Offer::of::<executions::Get>(rules),
        Offer::of::<executions::Output>(rules),
        Offer::of::<executions::Cancel>(rules),
        Offer::of::<executions::List>(rules),
    ];
    if rules.stateful {
        offers.extend([
            Offer::of::<sessions::List>(rules),
            Offer::of::<sessions::Snapshots>(rules),
            Offer::of::<tags::Get>(rules),
            Offer::of::<tags::Set>(rules),
            Offer::of::<tags::Delete>(rules),
            Offer::of::<tags::Query>(rules),
        ]);
    }
    offers
}
