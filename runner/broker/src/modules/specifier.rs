//! From what a script imports to where it is: packages are served by a registry that makes modules of them.

use url::Url;

/// Longest specifier, and longest URL that one leads to, in bytes.
const MAX_URL_BYTES: usize = 8 << 10;
/// Longest name of a package, in bytes (npm's limit).
const MAX_NAME_BYTES: usize = 214;
/// Folders of esm.sh that hold other things than npm's packages.
const RESERVED_NAMES: [&str; 5] = ["gh", "github", "jsr", "node", "pr"];

/// Serves packages as modules, as esm.sh does: `{base}/{package}@{version}/{path}`.
///
/// Nothing is added to these URLs. Who is no browser and no other runtime gets builds for ES2022 from esm.sh,
/// in which Node's built-ins are replaced by modules under `/node/`; those are loaded as any other module.
#[derive(Debug, Clone)]
pub(super) struct Registry {
    base: Url,
}

/// Why a specifier leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SpecifierError {
    #[error(
        "it is no URL; write \"npm:name@version\" or \"jsr:@scope/name@version\" for a package, or an https: URL"
    )]
    NotUrl,
    #[error("URLs of modules have at most {MAX_URL_BYTES} bytes")]
    TooLong,
    #[error("{0}; write \"npm:name@version/path\" or \"npm:@scope/name@version/path\"")]
    Npm(PackageError),
    #[error("{0}; write \"jsr:@scope/name@version/path\"")]
    Jsr(PackageError),
    #[error("URLs of modules cannot contain a user name or password")]
    Credentials,
    #[error("{0} is there only on servers with a filesystem policy")]
    Files(String),
    #[error("{name} is a Node built-in, which is not here: {instead}")]
    Node { name: String, instead: &'static str },
    #[error("{scheme}: URLs cannot be imported, {instead}")]
    Scheme { scheme: String, instead: &'static str },
}

/// What is wrong with the name of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PackageError {
    #[error("the package's name is not valid")]
    Name,
    #[error("the package has no scope")]
    Scope,
    #[error("the package's version is not valid")]
    Version,
    #[error("the path in the package is not valid")]
    Path,
    #[error(
        "a package's name cannot be followed by ? or #: for the registry's options, import its https: URL"
    )]
    Query,
}

impl Registry {
    /// A registry at an `http:` or `https:` URL; `None` if it has parts that make no sense there.
    pub(super) fn new(mut base: Url) -> Option<Self> {
        let plain = base.query().is_none() && base.fragment().is_none() && !has_credentials(&base);
        if !is_web(&base) || !plain {
            return None;
        }
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        Some(Self { base })
    }

    /// Where the module of a specifier is.
    pub(super) fn locate(&self, specifier: &str) -> Result<Url, SpecifierError> {
        if specifier.len() > MAX_URL_BYTES {
            return Err(SpecifierError::TooLong);
        }
        let url = Url::parse(specifier).map_err(|_| SpecifierError::NotUrl)?;
        let after_scheme = &url.as_str()[url.scheme().len() + 1..];
        match url.scheme() {
            "http" | "https" => check(url),
            "npm" => self.package(after_scheme, Source::Npm).map_err(SpecifierError::Npm),
            "jsr" => self.package(after_scheme, Source::Jsr).map_err(SpecifierError::Jsr),
            "node" => Err(refuse_built_in(after_scheme)),
            "file" => {
                Err(refuse_scheme(&url, "read the file with fs.readFile, or put the code into the script"))
            }
            "data" | "blob" => Err(refuse_scheme(&url, "put the code into the script")),
            _ => Err(refuse_scheme(&url, "only npm:, jsr:, https: and http:")),
        }
    }

    fn package(&self, text: &str, source: Source) -> Result<Url, PackageError> {
        let text = text.strip_prefix('/').unwrap_or(text);
        check_package(text, source)?;
        let folder = match source {
            Source::Npm => "",
            Source::Jsr => "jsr/",
        };
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{folder}{text}", self.base.path().trim_end_matches('/')));
        Ok(url)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Npm,
    Jsr,
}

/// Refuses URLs that are not for modules, wherever they come from.
pub(super) fn check(url: Url) -> Result<Url, SpecifierError> {
    if !is_web(&url) {
        return Err(refuse_scheme(&url, "only https: and http:"));
    }
    if has_credentials(&url) {
        return Err(SpecifierError::Credentials);
    }
    if url.as_str().len() > MAX_URL_BYTES { Err(SpecifierError::TooLong) } else { Ok(url) }
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Refuses what the registry would read as something else than a package.
fn check_package(text: &str, source: Source) -> Result<(), PackageError> {
    if text.contains(['?', '#']) {
        return Err(PackageError::Query);
    }
    let mut segments = text.split('/');
    let mut name = segments.next().unwrap_or_default();
    let scope = name.strip_prefix('@');
    match (scope, source) {
        (Some(scope), _) if !is_name(scope) => return Err(PackageError::Name),
        (Some(_), _) => name = segments.next().unwrap_or_default(),
        (None, Source::Jsr) => return Err(PackageError::Scope),
        (None, Source::Npm) => {}
    }
    let (name, version) = match name.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (name, None),
    };
    if !is_name(name) || (scope.is_none() && RESERVED_NAMES.contains(&name)) {
        return Err(PackageError::Name);
    }
    if !version.is_none_or(is_version) {
        return Err(PackageError::Version);
    }
    if segments.all(is_path_segment) { Ok(()) } else { Err(PackageError::Path) }
}

fn is_name(name: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && !name.starts_with(['.', '_'])
        && name.bytes().all(valid)
}

fn is_version(version: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b".+-^~*_".contains(&byte);
    !version.is_empty() && !version.starts_with('.') && version.bytes().all(valid)
}

fn is_path_segment(segment: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$'()*+,;=:@".contains(&byte);
    !matches!(segment, "" | "." | "..") && segment.bytes().all(valid)
}

fn refuse_scheme(url: &Url, instead: &'static str) -> SpecifierError {
    SpecifierError::Scheme { scheme: url.scheme().to_owned(), instead }
}

fn refuse_built_in(module: &str) -> SpecifierError {
    let name = format!("node:{module}");
    let instead = match module {
        "fs" | "fs/promises" => return SpecifierError::Files(name),
        "assert" | "assert/strict" => "throw an Error yourself, or import \"npm:assert\"",
        "buffer" => "use Uint8Array, TextEncoder and TextDecoder, or import \"npm:buffer\"",
        "crypto" => "use Web Crypto, the global crypto",
        "events" => "use EventTarget, or import \"npm:events\"",
        "http" | "https" | "http2" | "net" | "tls" | "dns" | "dgram" => "use fetch, if this server has it",
        "path" | "path/posix" => "import \"npm:pathe\"",
        "perf_hooks" => "use the global performance",
        "stream" | "stream/web" | "stream/promises" => {
            "use ReadableStream, WritableStream and TransformStream"
        }
        "timers" | "timers/promises" => "use the global setTimeout and setInterval",
        "url" | "querystring" => "use the global URL and URLSearchParams",
        "util" => "use TextEncoder, TextDecoder and structuredClone, or import \"npm:util\"",
        "zlib" => "use CompressionStream and DecompressionStream, or import \"npm:fflate\"",
        "child_process" | "cluster" | "worker_threads" | "os" | "process" | "vm" | "v8" => {
            "a script has no process, threads or machine of its own"
        }
        _ => "use what the web platform has, or a package that does not need Node",
    };
    SpecifierError::Node { name, instead }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(base: &str) -> Registry {
        Registry::new(Url::parse(base).expect("a URL")).expect("a base")
    }

    #[test]
    fn packages_are_found_in_the_registry() {
        let check = |base: &str, specifier: &str, expect: &str| {
            assert_eq!(registry(base).locate(specifier).expect(specifier).as_str(), expect);
        };
        let esm = "https://esm.sh";
        check(esm, "npm:lodash", "https://esm.sh/lodash");
        check(esm, "npm:/lodash@4.17.21", "https://esm.sh/lodash@4.17.21");
        check(esm, "npm:lodash@^4/fp/add.js", "https://esm.sh/lodash@^4/fp/add.js");
        check(esm, "npm:@scope/pkg@1.2.3/sub", "https://esm.sh/@scope/pkg@1.2.3/sub");
        check(esm, "npm:react@next", "https://esm.sh/react@next");
        check(esm, "npm:@node/pkg", "https://esm.sh/@node/pkg");
        check(esm, "jsr:@scope/pkg@1", "https://esm.sh/jsr/@scope/pkg@1");
        check(esm, "jsr:/@std/encoding@1.0.0/base64", "https://esm.sh/jsr/@std/encoding@1.0.0/base64");
        check("https://mirror.example:8443/esm/", "npm:a@1", "https://mirror.example:8443/esm/a@1");
        check("https://mirror.example/esm", "jsr:@a/b", "https://mirror.example/esm/jsr/@a/b");
        check(esm, "https://Deno.land/x/../y.ts?a=1#b", "https://deno.land/y.ts?a=1#b");
        check(esm, "http://example.com", "http://example.com/");
    }

    #[test]
    fn nothing_else_gets_to_the_registry() {
        let check = |specifier: &str, expect: PackageError| {
            let expect = match specifier.split_once(':') {
                Some(("jsr", _)) => SpecifierError::Jsr(expect),
                _ => SpecifierError::Npm(expect),
            };
            assert_eq!(registry("https://esm.sh").locate(specifier), Err(expect), "{specifier}");
        };
        check("npm:", PackageError::Name);
        check("npm:@", PackageError::Name);
        check("npm:@scope", PackageError::Name);
        check("npm:@scope/", PackageError::Name);
        check("npm:.hidden", PackageError::Name);
        check("npm:../jsr/@a/b", PackageError::Name);
        check("npm://evil.example/x", PackageError::Name);
        check("npm:gh/user/repo", PackageError::Name);
        check("npm:jsr/@a/b", PackageError::Name);
        check("npm:node@1", PackageError::Name);
        check("npm:*lodash", PackageError::Name);
        check("npm:a b", PackageError::Name);
        check("npm:caf\u{e9}", PackageError::Name);
        check("npm:a%2f..%2fb", PackageError::Name);
        check(&format!("npm:{}", "a".repeat(MAX_NAME_BYTES + 1)), PackageError::Name);
        check("npm:a@", PackageError::Version);
        check("npm:a@>=1", PackageError::Version);
        check("npm:a@1&target=node", PackageError::Version);
        check("npm:a@../b", PackageError::Version);
        check("npm:a@1@2", PackageError::Version);
        check("npm:a/../b", PackageError::Path);
        check("npm:a/./b", PackageError::Path);
        check("npm:a//b", PackageError::Path);
        check("npm:a/", PackageError::Path);
        check("npm:a/%2e%2e/b", PackageError::Path);
        check("npm:a/b\\..\\c", PackageError::Path);
        check("npm:a?target=node", PackageError::Query);
        check("npm:a#b", PackageError::Query);
        check("jsr:a@1", PackageError::Scope);
        check("jsr:@a/b/..", PackageError::Path);
        check("jsr:@a/b?x", PackageError::Query);
    }

    #[test]
    fn refusals_tell_what_to_do() {
        let check = |specifier: &str, expect: &str| {
            let error = registry("https://esm.sh").locate(specifier).expect_err(specifier);
            assert_eq!(error.to_string(), expect);
        };
        check(
            "lodash",
            "it is no URL; write \"npm:name@version\" or \"jsr:@scope/name@version\" for a package, or an \
             https: URL",
        );
        check(
            "npm:A B",
            "the package's name is not valid; write \"npm:name@version/path\" or \
             \"npm:@scope/name@version/path\"",
        );
        check("jsr:a", "the package has no scope; write \"jsr:@scope/name@version/path\"");
        check(
            "node:crypto",
            "node:crypto is a Node built-in, which is not here: use Web Crypto, the global crypto",
        );
        check("node:fs/promises", "node:fs/promises is there only on servers with a filesystem policy");
        check(
            "node:repl",
            "node:repl is a Node built-in, which is not here: use what the web platform has, or a package that \
             does not need Node",
        );
        check(
            "file:///etc/passwd",
            "file: URLs cannot be imported, read the file with fs.readFile, or put the code into the script",
        );
        check("data:text/javascript,1", "data: URLs cannot be imported, put the code into the script");
        check("ftp://example.com/", "ftp: URLs cannot be imported, only npm:, jsr:, https: and http:");
        check("https://user:word@example.com/", "URLs of modules cannot contain a user name or password");
        check(
            &format!("https://example.com/{}", "a".repeat(MAX_URL_BYTES)),
            "URLs of modules have at most 8192 bytes",
        );
    }

    #[test]
    fn not_every_url_is_a_base() {
        for base in ["ftp://a.example", "https://a.example/?x", "https://a.example/#x", "https://u@a.example"]
        {
            assert!(Registry::new(Url::parse(base).expect("a URL")).is_none(), "{base}");
        }
    }
}
