//! The flags of `stasis policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Put one question to a Rego file or a folder of them
    #[command(after_help = "Exit status: 0 it allows, 1 it does not, 2 a broken file or question.")]
    Check(PolicyCheckArguments),
}

#[derive(Debug, Args)]
pub(crate) struct PolicyCheckArguments {
    /// A .rego file, or a folder of them
    pub(crate) file: PathBuf,
    /// What is asked, as JSON; for example {"operation": "fetch", "method": "GET", …}
    #[arg(long, value_name = "JSON", value_parser = parse_json)]
    pub(crate) input: Value,
    /// The rule that answers [default: the first that is there of data.mcp.fetch.allow,
    /// data.mcp.filesystem.allow, data.mcp.fs.allow, data.mcp.modules.allow]
    #[arg(long, value_name = "RULE")]
    pub(crate) rule: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn parse_json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}
