//! Modules that a script imports. Their sources come from the server, which decides what may be had.

use std::rc::Rc;

use deno_core::{
    ModuleLoadOptions, ModuleLoadReferrer, ModuleLoadResponse, ModuleLoader, ModuleSource, ModuleSourceCode,
    ModuleSpecifier, ModuleType, RequestedModuleType, ResolutionKind, resolve_import, serde_json,
};
use deno_error::JsErrorBox;
use stasis_core::{
    HostAnswer, HostCall,
    host::{ModuleKind, ModuleSource as HostModule},
};
use stasis_script::{Language, Source};

use super::{
    extension::{CallError, Outside as _},
    host::Link,
    stack_trace::Sources,
};

/// Longest URL of a module, in bytes.
const MAX_SPECIFIER: usize = 8 << 10;

pub(super) struct Loader {
    link: Rc<Link>,
    sources: Rc<Sources>,
}

impl Loader {
    pub(super) fn new(link: Rc<Link>, sources: Rc<Sources>) -> Self {
        Self { link, sources }
    }
}

impl ModuleLoader for Loader {
    fn resolve(
        &self,
        specifier: &str,
        referrer: &str,
        _kind: ResolutionKind,
    ) -> Result<ModuleSpecifier, JsErrorBox> {
        let is_url = ModuleSpecifier::parse(referrer).is_ok();
        let refuse = |reason: &str| {
            let importer = if is_url { format!(" (imported from {referrer})") } else { String::new() };
            JsErrorBox::type_error(format!("Cannot import \"{specifier}\": {reason}{importer}"))
        };
        if is_bare(specifier) {
            return Err(refuse(&format!(
                "name where it comes from: \"npm:{specifier}\" or \"jsr:{specifier}\" for a package, \
                 \"./{specifier}\" for a file, or an https: URL"
            )));
        }
        if !is_url && specifier.starts_with(['/', '.']) {
            return Err(refuse(
                "the script is no file, so there is no place that the path could start from; a file that is run can \
                 import others, and any script \"npm:\", \"jsr:\" and https: modules where they are allowed",
            ));
        }
        let resolved = resolve_import(specifier, referrer).map_err(|error| refuse(&error.to_string()))?;
        // These two are modules of our own, for which nobody else is asked.
        if ["node:fs", "node:fs/promises"].contains(&resolved.as_str()) && !self.link.offers_files() {
            return Err(JsErrorBox::type_error(format!(
                "Cannot import {resolved}: fs is not allowed, as there is no filesystem policy"
            )));
        }
        // What came over the network has no business with files.
        if resolved.scheme() == "file" && !referrer.starts_with("file:") {
            return Err(JsErrorBox::type_error(format!("{referrer} may not import the file {resolved}")));
        }
        Ok(resolved)
    }

    fn load(
        &self,
        specifier: &ModuleSpecifier,
        referrer: Option<&ModuleLoadReferrer>,
        options: ModuleLoadOptions,
    ) -> ModuleLoadResponse {
        if specifier.as_str().len() > MAX_SPECIFIER {
            let refusal = format!("a module's URL can have {MAX_SPECIFIER} bytes at most");
            return ModuleLoadResponse::Sync(Err(JsErrorBox::type_error(refusal)));
        }
        let answer = self.link.call(HostCall::LoadModule(specifier.to_string()));
        let (specifier, sources) = (specifier.clone(), self.sources.clone());
        let importer = referrer.map(|referrer| self.importer(referrer)).unwrap_or_default();
        ModuleLoadResponse::Async(Box::pin(async move {
            match answer.await {
                Ok(HostAnswer::Module(module))
                    if is_json(module.kind) && options.requested_module_type != RequestedModuleType::Json =>
                {
                    let refusal = format!(r#"{specifier} is JSON: import it `with {{ type: "json" }}`"#);
                    Err(JsErrorBox::type_error(refusal + &importer))
                }
                Ok(HostAnswer::Module(module)) => prepare(module, &specifier, &sources),
                Ok(_) => Err(JsErrorBox::generic("the host gave an answer that is no module")),
                // Whatever the class of the failure, an import fails with a TypeError, unless its run is over.
                Err(ended @ CallError::RunEnded) => Err(JsErrorBox::from_err(ended)),
                Err(refusal) => Err(JsErrorBox::type_error(refusal.to_string() + &importer)),
            }
        }))
    }
}

impl Loader {
    /// Which import of a module's asks, where the stack of an error tells no more than which of the script's.
    fn importer(&self, referrer: &ModuleLoadReferrer) -> String {
        let ModuleLoadReferrer { specifier, line_number, column_number } = referrer;
        let number = |number: i64| u32::try_from(number).unwrap_or(1);
        let (line, column) =
            self.sources.original(specifier.as_str(), number(*line_number), number(*column_number));
        format!(" (imported from {specifier}:{line}:{column})")
    }
}

/// Whether it is a name, and neither a path nor a URL.
fn is_bare(specifier: &str) -> bool {
    !specifier.starts_with(['/', '.']) && ModuleSpecifier::parse(specifier).is_err()
}

fn is_json(kind: ModuleKind) -> bool {
    match kind {
        ModuleKind::Json => true,
        ModuleKind::JavaScript | ModuleKind::TypeScript => false,
    }
}

fn prepare(
    module: HostModule,
    specifier: &ModuleSpecifier,
    sources: &Sources,
) -> Result<ModuleSource, JsErrorBox> {
    let found = ModuleSpecifier::parse(&module.url)
        .map_err(|error| JsErrorBox::generic(format!("the host found {specifier} at no URL: {error}")))?;
    let (module_type, code) = match module.kind {
        ModuleKind::Json => {
            check_json(&found, &module.text)?;
            (ModuleType::Json, module.text)
        }
        ModuleKind::JavaScript => (ModuleType::JavaScript, module.text),
        ModuleKind::TypeScript => {
            let name = found.as_str();
            let source = Source { name, text: &module.text, language: Language::TypeScript };
            let prepared = stasis_script::prepare_module(&source).unwrap_or_else(|error| error.to_module());
            sources.remember(name, prepared.positions);
            (ModuleType::JavaScript, prepared.code.into_owned())
        }
    };
    let code = ModuleSourceCode::String(code.into());
    Ok(if found == *specifier {
        ModuleSource::new(module_type, code, specifier, None)
    } else {
        ModuleSource::new_with_redirect(module_type, code, specifier, &found, None)
    })
}

/// Names the module, which V8 does not.
fn check_json(url: &ModuleSpecifier, text: &str) -> Result<(), JsErrorBox> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(JsErrorBox::type_error(format!("{url} is not valid JSON: {error}"))),
    }
}
