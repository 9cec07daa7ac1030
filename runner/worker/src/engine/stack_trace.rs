//! What `error.stack` says: the script's own frames, at the script's own positions.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    fmt::Write as _,
    rc::Rc,
};

use deno_core::{JsRuntime, v8};
use stasis_script::PositionMap;

/// How a line with a frame begins.
pub(super) const FRAME: &str = "    at ";

/// Position maps of so many scripts are kept. Most scripts need none: their text is run as it is.
const MAX_MAPS: usize = 256;

/// Lines that a cell can have; more than fit into the longest script that is accepted.
const LINES: u32 = 1 << 24;

/// Cells that V8's line numbers can tell apart.
const MAX_CELLS: u32 = (i32::MAX as u32 / LINES) - 1;

/// Where the positions that V8 sees are in what the caller sent.
#[derive(Default)]
pub(super) struct Sources {
    maps: RefCell<VecDeque<Map>>,
    /// Number of the latest cell that needed a map.
    cells: Cell<u32>,
}

struct Map {
    name: String,
    /// Zero for modules.
    number: u32,
    positions: PositionMap,
}

impl Sources {
    /// Keeps the map of a module.
    pub(super) fn remember(&self, name: &str, positions: PositionMap) {
        self.keep(name, 0, positions);
    }

    /// Keeps the map of a cell. Cells share names, so each that needs a map has V8 count its lines from
    /// a number of its own; returns how many lines V8 is to skip.
    pub(super) fn remember_cell(&self, name: &str, positions: PositionMap) -> i32 {
        if positions.is_identity() {
            return 0;
        }
        let number = self.cells.get() % MAX_CELLS + 1;
        self.cells.set(number);
        self.keep(name, number, positions);
        (number * LINES) as i32
    }

    fn keep(&self, name: &str, number: u32, positions: PositionMap) {
        let mut maps = self.maps.borrow_mut();
        maps.retain(|map| map.name != name || map.number != number);
        if positions.is_identity() {
            return;
        }
        if maps.len() == MAX_MAPS {
            maps.pop_front();
        }
        maps.push_back(Map { name: name.to_owned(), number, positions });
    }

    pub(super) fn clear(&self) {
        self.maps.borrow_mut().clear();
    }

    /// The caller's position for one of V8's; both count from one.
    pub(super) fn original(&self, name: &str, line: u32, column: u32) -> (u32, u32) {
        let (number, line) = (line / LINES, line % LINES);
        let maps = self.maps.borrow();
        match maps.iter().find(|map| map.name == name && map.number == number) {
            Some(map) => map.positions.original(line, column),
            None => (line, column),
        }
    }

    /// Whether one of V8's positions is where the wrapper of a cell is called.
    fn is_wrapper_call(&self, name: &str, line: u32, column: u32) -> bool {
        let (number, line) = (line / LINES, line % LINES);
        let maps = self.maps.borrow();
        let map = maps.iter().find(|map| map.number == number && map.name == name);
        map.is_some_and(|map| map.positions.is_wrapper_call(line, column))
    }

    /// Whether one of V8's positions is in text that a cell was given: all of that stands for one place.
    fn is_inserted(&self, name: &str, line: u32, column: u32) -> bool {
        let (number, line) = (line / LINES, line % LINES);
        let maps = self.maps.borrow();
        let map = maps.iter().find(|map| map.number == number && map.name == name);
        map.is_some_and(|Map { positions, .. }| {
            positions.original(line, column) == positions.original(line, column + 1)
        })
    }

    /// A frame's text with the caller's position of the `eval` that its code comes from. V8 does not
    /// tell which of the cells of one name that is, so of edited cells only the name remains.
    fn with_original_eval(&self, frame: String) -> String {
        let place = frame.rfind("eval at ").and_then(|eval| {
            let start = eval + frame[eval..].find(" (")? + " (".len();
            let end = start + frame[start..].find(')')?;
            Some(start..end)
        });
        let Some(place) = place else { return frame };
        let mut parts = frame[place.clone()].rsplitn(3, ':');
        let mut number = || parts.next()?.parse::<u32>().ok();
        let (Some(column), Some(line), Some(name)) = (number(), number(), parts.next()) else { return frame };
        let is_edited_cell = |map: &Map| map.name == name && map.number != 0;
        let original = if self.maps.borrow().iter().any(is_edited_cell) {
            name.to_owned()
        } else {
            let (line, column) = self.original(name, line, column);
            format!("{name}:{line}:{column}")
        };
        format!("{}{original}{}", &frame[..place.start], &frame[place.end..])
    }
}

/// Has V8 ask us for the text of `error.stack`.
pub(super) fn install(runtime: &mut JsRuntime, sources: Rc<Sources>) {
    let isolate = runtime.v8_isolate();
    isolate.set_slot(sources);
    isolate.set_prepare_stack_trace_callback(prepare);
}

/// V8's `PrepareStackTraceCallback`.
fn prepare<'s, 'i>(
    scope: &mut v8::PinScope<'s, 'i>,
    error: v8::Local<'s, v8::Value>,
    call_sites: v8::Local<'s, v8::Array>,
) -> v8::Local<'s, v8::Value> {
    let sources = scope.get_slot::<Rc<Sources>>().cloned();
    let own = own_frames(scope, sources.as_deref(), call_sites);
    show_call_site(scope, error, &own);
    if let Some(result) = ask_script(scope, error, &own) {
        return result;
    }
    let mut text = header(scope, error);
    for call_site in own {
        let _infallible = write!(text, "\n{FRAME}{}", describe(scope, sources.as_deref(), call_site));
    }
    let nothing = v8::String::empty(scope);
    v8::String::new(scope, &text).unwrap_or(nothing).into()
}

/// The frames that are not the runtime's.
fn own_frames<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    sources: Option<&Sources>,
    call_sites: v8::Local<'s, v8::Array>,
) -> Vec<v8::Local<'s, v8::Object>> {
    let mut own = Vec::new();
    for index in 0..call_sites.length() {
        let call_site = call_sites.get_index(scope, index);
        let Some(Ok(call_site)) = call_site.map(v8::Local::<v8::Object>::try_from) else { continue };
        let file = call(scope, call_site, "getFileName");
        let file = file.map(|file| file.to_rust_string_lossy(scope)).unwrap_or_default();
        if file.starts_with("ext:") || file.starts_with("stasis:") {
            continue;
        }
        let position = position(scope, call_site);
        let is_generated = sources.zip(position).is_some_and(|(sources, (line, column))| {
            sources.is_wrapper_call(&file, line, column)
                || sources.is_inserted(&file, line, column) && is_accessor(scope, call_site)
        });
        if !is_generated {
            own.push(call_site);
        }
    }
    own
}

/// Whether a frame is that of an accessor by the name that generated ones have; see `stasis_script`, which makes an
/// assignment to a constant one to a property.
fn is_accessor<'s>(scope: &mut v8::PinScope<'s, '_>, call_site: v8::Local<'s, v8::Object>) -> bool {
    let name = call(scope, call_site, "getFunctionName").map(|name| name.to_rust_string_lossy(scope));
    name.is_some_and(|name| ["get x", "set x"].contains(&name.as_str()))
}

/// Keeps a frame where deno_core looks for the frames of an error: one that a module threw and that
/// seems to have none would be replaced by a new error. Only frames whose position is the caller's.
fn show_call_site<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    error: v8::Local<'s, v8::Value>,
    own: &[v8::Local<'s, v8::Object>],
) {
    let Ok(error) = v8::Local::<v8::Object>::try_from(error) else { return };
    let in_module =
        |frame: &&v8::Local<'s, v8::Object>| position(scope, **frame).is_some_and(|(line, _)| line < LINES);
    let Some(&frame) = own.iter().find(in_module) else { return };
    let key = v8::String::new(scope, "deno_core::call_site_evals");
    let key = v8::Private::for_api(scope, key);
    let frames = v8::Array::new_with_elements(scope, &[frame.into()]);
    error.set_private(scope, key, frames.into());
}

/// V8's line and column of a frame.
fn position<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    call_site: v8::Local<'s, v8::Object>,
) -> Option<(u32, u32)> {
    let mut number = |method| {
        let value = call(scope, call_site, method)?.uint32_value(scope)?;
        (value > 0).then_some(value)
    };
    Some((number("getLineNumber")?, number("getColumnNumber")?))
}

/// A script can decide itself what stacks look like: `Error.prepareStackTrace` (V8's stack trace API).
fn ask_script<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    error: v8::Local<'s, v8::Value>,
    frames: &[v8::Local<'s, v8::Object>],
) -> Option<v8::Local<'s, v8::Value>> {
    let global = scope.get_current_context().global(scope);
    let constructor = get(scope, global, "Error")?;
    let constructor = v8::Local::<v8::Object>::try_from(constructor).ok()?;
    let prepare = get(scope, constructor, "prepareStackTrace")?;
    let prepare = v8::Local::<v8::Function>::try_from(prepare).ok()?;
    let frames: Vec<v8::Local<'_, v8::Value>> = frames.iter().map(|&frame| frame.into()).collect();
    let frames = v8::Array::new_with_elements(scope, &frames);
    let result = prepare.call(scope, constructor.into(), &[error, frames.into()]);
    // If it threw, the exception is pending and V8 ignores what we return.
    Some(result.unwrap_or_else(|| v8::undefined(scope).into()))
}

fn header(scope: &mut v8::PinScope<'_, '_>, error: v8::Local<'_, v8::Value>) -> String {
    v8::tc_scope!(let scope, scope);
    error.to_string(scope).map_or_else(|| "Error".to_owned(), |text| text.to_rust_string_lossy(scope))
}

/// V8's own text for a frame, with the position replaced by the caller's.
fn describe<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    sources: Option<&Sources>,
    call_site: v8::Local<'s, v8::Object>,
) -> String {
    v8::tc_scope!(let scope, scope);
    let text = call(scope, call_site, "toString").map(|text| text.to_rust_string_lossy(scope));
    let text = text.unwrap_or_else(|| "<anonymous>".to_owned());
    let Some(sources) = sources else { return text };
    let text = sources.with_original_eval(text);
    let position = position(scope, call_site);
    let file = call(scope, call_site, "getFileName").map(|file| file.to_rust_string_lossy(scope));
    let (Some(file), Some((line, column))) = (file, position) else { return text };
    let (original_line, original_column) = sources.original(&file, line, column);
    text.replace(&format!(":{line}:{column}"), &format!(":{original_line}:{original_column}"))
}

fn get<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'_, v8::Object>,
    name: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let key = v8::String::new(scope, name)?;
    object.get(scope, key.into())
}

fn call<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    method: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let method = get(scope, object, method)?;
    let method = v8::Local::<v8::Function>::try_from(method).ok()?;
    let result = method.call(scope, object.into(), &[])?;
    (!result.is_null_or_undefined()).then_some(result)
}
