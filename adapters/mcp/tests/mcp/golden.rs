//! What clients are told of the tools is promised to users: a change has to be seen.
//!
//! `STASIS_UPDATE_GOLDEN=1 cargo test -p stasis-mcp golden` writes the files anew.

use std::{env, fs, path::Path};

use rmcp::{ServerHandler as _, ServiceExt as _, transport::StreamableHttpClientTransport};
use serde_json::{Value, json};

use crate::{bench::Bench, client::Listener};

#[tokio::test(flavor = "multi_thread")]
async fn the_tools_are_those_that_are_promised() {
    for (stateful, name) in [(true, "stateful.json"), (false, "stateless.json")] {
        let bench = Bench::with(stateful).await;
        let address = bench.serve().await;
        let transport = StreamableHttpClientTransport::from_uri(format!("http://{address}/mcp"));
        let client = Listener::default().serve(transport).await.expect("it is served");
        let tools = client.list_all_tools().await.expect("there are tools");
        let instructions = bench.server.get_info().instructions.expect("there are some");
        let instructions: Vec<&str> = instructions.lines().collect();
        let prompts = client.list_all_prompts().await.expect("there are prompts");
        let templates = client.list_all_resource_templates().await.expect("there are templates");
        let all = json!({
            "instructions": instructions,
            "tools": tools,
            "prompts": prompts,
            "resource_templates": templates
        });
        let text = serde_json::to_string_pretty(&all).expect("it is JSON") + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        if env::var_os("STASIS_UPDATE_GOLDEN").is_some() {
            fs::write(&path, &text).expect("it can be written");
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        // The order of fields depends on what else is built.
        let golden: Value = serde_json::from_str(&golden).unwrap_or_default();
        assert!(golden == all, "{name} is not what it was; STASIS_UPDATE_GOLDEN=1 writes it anew:\n{text}");
    }
}
