//! What a module is written in: as its server says, or else as its name says.

use stasis_core::host::ModuleKind;
use url::Url;

use super::error::ModuleError;

/// Tells the kind of a module from its `content-type` and URL. What ends in `.tsx` is TypeScript; if there is
/// JSX in it, it does not parse.
pub(super) fn kind_of(content_type: Option<&str>, url: &Url) -> Result<ModuleKind, ModuleError> {
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    let refused = || ModuleError::ContentType { url: url.to_string(), content_type: essence.clone() };
    match essence.as_str() {
        "application/typescript" | "application/x-typescript" | "text/typescript" | "text/tsx" => {
            Ok(ModuleKind::TypeScript)
        }
        // Servers that go by the name's end take TypeScript for a video (an MPEG transport stream).
        "video/mp2t" | "video/vnd.dlna.mpeg-tts" => match by_name(url) {
            Some(ModuleKind::TypeScript) => Ok(ModuleKind::TypeScript),
            Some(ModuleKind::JavaScript | ModuleKind::Json) | None => Err(refused()),
        },
        "text/javascript"
        | "application/javascript"
        | "application/x-javascript"
        | "text/ecmascript"
        | "application/ecmascript" => Ok(ModuleKind::JavaScript),
        "application/json" | "text/json" => Ok(ModuleKind::Json),
        essence if essence.ends_with("+json") => Ok(ModuleKind::Json),
        "" => Ok(by_name(url).unwrap_or(ModuleKind::JavaScript)),
        "text/plain" | "application/octet-stream" | "binary/octet-stream" => by_name(url).ok_or_else(refused),
        "text/html" | "application/xhtml+xml" => Err(ModuleError::WebPage(url.to_string())),
        _ => Err(refused()),
    }
}

fn by_name(url: &Url) -> Option<ModuleKind> {
    let (_, extension) = url.path().rsplit('/').next()?.rsplit_once('.')?;
    match extension.to_ascii_lowercase().as_str() {
        "ts" | "mts" | "cts" | "tsx" => Some(ModuleKind::TypeScript),
        "js" | "mjs" => Some(ModuleKind::JavaScript),
        "json" => Some(ModuleKind::Json),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_counts_more_than_the_name() {
        use ModuleKind::{JavaScript, Json, TypeScript};
        let check = |content_type: &str, path: &str, expect: Option<ModuleKind>| {
            let url = Url::parse("https://example.com/").and_then(|url| url.join(path)).expect("a URL");
            let found = kind_of(Some(content_type).filter(|text| !text.is_empty()), &url);
            assert_eq!(found.ok(), expect, "{content_type} {path}");
        };
        check("text/javascript", "a.ts", Some(JavaScript));
        check("Text/JavaScript; charset=utf-8", "a", Some(JavaScript));
        check("application/typescript", "a.js", Some(TypeScript));
        check("text/typescript", "a", Some(TypeScript));
        check("video/mp2t", "a.ts", Some(TypeScript));
        check("video/mp2t", "a.MTS?v=1", Some(TypeScript));
        check("video/mp2t", "a.mp4", None);
        check("application/json", "a.ts", Some(Json));
        check("application/manifest+json", "a", Some(Json));
        check("text/plain; charset=utf-8", "a.tsx", Some(TypeScript));
        check("text/plain", "a.json", Some(Json));
        check("application/octet-stream", "a.mjs", Some(JavaScript));
        check("text/plain", "a", None);
        check("text/plain", "a.txt", None);
        check("text/plain", "ts", None);
        check("", "a.ts", Some(TypeScript));
        check("", "a", Some(JavaScript));
        check("text/html", "a.js", None);
        check("text/css", "a.css", None);
        check("application/wasm", "a.wasm", None);
        check("image/svg+xml", "a.svg", None);
    }
}
