//! Modules that a script imports. Their sources come from the server, which decides what may be had.

use std::rc::Rc;

use deno_core::{
    ModuleLoadOptions, ModuleLoadReferrer, ModuleLoadResponse, ModuleLoader, ModuleSource, ModuleSourceCode,
    ModuleSpecifier, ModuleType, RequestedModuleType, ResolutionKind, resolve_import,
};
use deno_error::JsErrorBox;
use stasis_script::{Language, Source};

use super::{host::Link, stack_trace::Sources};
use crate::protocol::{ModuleKind, ModuleText};

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
        resolve_import(specifier, referrer).map_err(|error| JsErrorBox::type_error(error.to_string()))
    }

    fn load(
        &self,
        specifier: &ModuleSpecifier,
        _referrer: Option<&ModuleLoadReferrer>,
        options: ModuleLoadOptions,
    ) -> ModuleLoadResponse {
        if specifier.as_str().len() > MAX_SPECIFIER {
            let refusal = format!("a module's URL can have {MAX_SPECIFIER} bytes at most");
            return ModuleLoadResponse::Sync(Err(JsErrorBox::type_error(refusal)));
        }
        let answer = self.link.load_module(specifier.as_str());
        let (specifier, sources) = (specifier.clone(), self.sources.clone());
        ModuleLoadResponse::Async(Box::pin(async move {
            match answer.await {
                Ok(Ok(text))
                    if is_json(text.kind) && options.requested_module_type != RequestedModuleType::Json =>
                {
                    let refusal = format!(r#"{specifier} is JSON: import it `with {{ type: "json" }}`"#);
                    Err(JsErrorBox::type_error(refusal))
                }
                Ok(Ok(text)) => Ok(prepare(text, &specifier, &sources)),
                Ok(Err(refusal)) => Err(JsErrorBox::type_error(refusal)),
                Err(_cancelled) => Err(JsErrorBox::generic("the run ended while a module was being loaded")),
            }
        }))
    }
}

fn is_json(kind: ModuleKind) -> bool {
    match kind {
        ModuleKind::Json => true,
        ModuleKind::JavaScript | ModuleKind::TypeScript => false,
    }
}

fn prepare(module: ModuleText, specifier: &ModuleSpecifier, sources: &Sources) -> ModuleSource {
    let (module_type, code) = match module.kind {
        ModuleKind::Json => (ModuleType::Json, module.text),
        ModuleKind::JavaScript => (ModuleType::JavaScript, module.text),
        ModuleKind::TypeScript => {
            let name = specifier.as_str();
            let source = Source { name, text: &module.text, language: Language::TypeScript };
            let prepared = stasis_script::prepare_module(&source).unwrap_or_else(|error| error.to_module());
            sources.remember(name, prepared.positions);
            (ModuleType::JavaScript, prepared.code.into_owned())
        }
    };
    ModuleSource::new(module_type, ModuleSourceCode::String(code.into()), specifier, None)
}
