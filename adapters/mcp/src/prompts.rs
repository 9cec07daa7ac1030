//! Prompts for the common ways to work.

use rmcp::{
    ErrorData,
    model::{GetPromptResult, JsonObject, Prompt, PromptArgument, PromptMessage, Role},
};
use serde_json::Value;

/// A prompt: its name, its words, and the arguments that go into its text as `{name}`.
#[derive(Debug)]
struct Template {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    arguments: &'static [(&'static str, &'static str)],
    needs_state: bool,
    text: &'static str,
}

/// The longest argument, in bytes.
const MAX_ARGUMENT: usize = 64 << 10;

const TEMPLATES: &[Template] = &[
    Template {
        name: "compute",
        title: "Answer by running code",
        description: "Answers a question with code that was run, not guessed.",
        arguments: &[("question", "What is to be found out")],
        needs_state: false,
        text: "Answer this by running JavaScript with run_js, not from memory: {question}\n\nPrint what you check on \
               the way, and tell me the result together with the code that gave it.",
    },
    Template {
        name: "work_in_session",
        title: "Work step by step in a session",
        description: "Works towards a goal in small runs whose variables stay.",
        arguments: &[("goal", "What is to be reached"), ("session", "The session's name")],
        needs_state: true,
        text: "Work towards this goal: {goal}\n\nUse run_js with the session \"{session}\" for every step. First call \
               list_session_snapshots for it, to see what is there already. Keep loaded data and helper functions in \
               variables of the session and build on them; one small step a run. If a step was wrong, go back: pass \
               the output_heap of the last good step as heap, together with the session.",
    },
    Template {
        name: "try_alternatives",
        title: "Try alternatives from one state",
        description: "Runs several ideas from the same heap and compares them.",
        arguments: &[("session", "The session to start from"), ("ideas", "What is to be tried")],
        needs_state: true,
        text: "Take the newest output_heap of session \"{session}\" (list_session_snapshots). Try each of these from \
               exactly that heap, with run_js and heap, without session, so that they do not disturb each other: \
               {ideas}\n\nTag each heap that results with {\"alternative\": \"<name>\"}. Compare the results in a \
               table and say which one to go on with.",
    },
];

/// The prompts of a server.
pub(crate) fn list(stateful: bool) -> Vec<Prompt> {
    TEMPLATES.iter().filter(|template| stateful || !template.needs_state).map(Template::prompt).collect()
}

/// A prompt with its arguments filled in.
///
/// # Errors
/// Invalid parameters, if there is no such prompt, or an argument is missing or is no text.
pub(crate) fn get(
    stateful: bool,
    name: &str,
    arguments: Option<&JsonObject>,
) -> Result<GetPromptResult, ErrorData> {
    let mut offered = TEMPLATES.iter().filter(|template| stateful || !template.needs_state);
    let template = offered
        .find(|template| template.name == name)
        .ok_or_else(|| ErrorData::invalid_params(format!("there is no prompt {name}"), None))?;
    let text = template.filled_in(arguments)?;
    let messages = vec![PromptMessage::new_text(Role::User, text)];
    Ok(GetPromptResult::new(messages).with_description(template.description))
}

impl Template {
    fn prompt(&self) -> Prompt {
        let argument = |(name, description): &(&str, &str)| {
            PromptArgument::new(*name).with_description(*description).with_required(true)
        };
        let arguments = self.arguments.iter().map(argument).collect();
        Prompt::new(self.name, Some(self.description), Some(arguments)).with_title(self.title)
    }

    /// The text; what was filled in is not looked through again.
    fn filled_in(&self, arguments: Option<&JsonObject>) -> Result<String, ErrorData> {
        let mut text = String::new();
        let mut rest = self.text;
        while let Some(at) = rest.find('{') {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            let named = self
                .arguments
                .iter()
                .find(|(name, _)| rest[1..].strip_prefix(name).is_some_and(|after| after.starts_with('}')));
            match named {
                Some((name, _)) => {
                    text.push_str(value(arguments, name)?);
                    rest = &rest[name.len() + 2..];
                }
                None => {
                    text.push('{');
                    rest = &rest[1..];
                }
            }
        }
        text.push_str(rest);
        Ok(text)
    }
}

fn value<'a>(arguments: Option<&'a JsonObject>, name: &str) -> Result<&'a str, ErrorData> {
    match arguments.and_then(|arguments| arguments.get(name)) {
        Some(Value::String(value)) if value.len() <= MAX_ARGUMENT => Ok(value),
        Some(Value::String(_)) => {
            Err(ErrorData::invalid_params(format!("{name} is longer than {MAX_ARGUMENT} bytes"), None))
        }
        Some(_) => Err(ErrorData::invalid_params(format!("{name} has to be a text"), None)),
        None => Err(ErrorData::invalid_params(format!("the argument {name} is missing"), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_filled_in_once() {
        let arguments = serde_json::json!({ "session": "s", "ideas": "{session} {x}" });
        let result = get(true, "try_alternatives", arguments.as_object()).expect("it is one");
        let text = serde_json::to_string(&result.messages).expect("messages are JSON");
        assert!(text.contains("session \\\\\"s\\\\\"") || text.contains("\\\"s\\\""), "{text}");
        assert!(text.contains("{session} {x}"), "{text}");
        assert!(text.contains("{\\\"alternative\\\": \\\"<name>\\\"}"), "{text}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let check = |stateful, name: &str, arguments: Value, expect: &str| {
            let error = get(stateful, name, arguments.as_object()).expect_err("it is not right");
            assert_eq!(error.message, expect);
        };
        check(true, "other", serde_json::json!({}), "there is no prompt other");
        check(false, "work_in_session", serde_json::json!({}), "there is no prompt work_in_session");
        check(true, "compute", serde_json::json!({}), "the argument question is missing");
        check(true, "compute", serde_json::json!({ "question": 1 }), "question has to be a text");
    }
}
