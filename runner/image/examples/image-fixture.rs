//! A process with some state that freezes itself again and again; the tests of this crate drive it.
//!
//! `image-fixture boot` starts afresh, `image-fixture thaw IMAGE [BASE]` goes on from an image. Either
//! way it then reads commands from standard input, one a line, and answers each with a line:
//! `freeze IMAGE`, `freeze IMAGE BASE`, `overlay IMAGE BASE`, `touch BYTES`, `state`, `large`, `clock`, `sleep MS`,
//! `time`, `quit`.
#![expect(clippy::print_stdout, reason = "this is a program")]

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{self, Read, Write},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use stasis_image::{
    CodeCopy, CodePart, FileIdentity, FreezeBase, FreezeRequest, Frozen, Image, Loader, Paging, ThawRequest,
    freeze, interpose, overlay,
};

// As much code, and as many constants, as have room for large pages wherever they are.
std::arch::global_asm!(
    ".text",
    ".global large_code",
    "large_code:",
    "ret",
    ".skip 6 << 20, 0x90",
    ".section .rodata",
    ".global large_constants",
    "large_constants:",
    ".skip 6 << 20, 0x5a",
    ".text",
);

const LARGE: usize = 6 << 20;
/// What [`use_large_parts`] finds: the first byte of the code is `ret`.
const USED_SUM: u64 = 0xc3 + 23 * 0x90 + 24 * 0x5a;

unsafe extern "C" {
    /// Returns at once; what follows it is never executed.
    safe fn large_code();
    static large_constants: u8;
}

/// Reads from all over the code and the constants.
fn use_large_parts() -> u64 {
    let parts = [large_code as *const () as usize, (&raw const large_constants) as usize];
    let places = parts.into_iter().flat_map(|start| (start..start + LARGE).step_by(256 << 10));
    // SAFETY: both are as long as that, and can be read.
    places.map(|place| u64::from(unsafe { (place as *const u8).read_volatile() })).sum()
}

thread_local!(static GENERATION: Cell<u32> = const { Cell::new(0) });

/// Room for the process's memory map: to read it is not to change the memory that is frozen.
const MAPS_BYTES: usize = 64 << 10;

/// State in every kind of memory: heap, thread-local, static, stack.
struct State {
    map: HashMap<String, u64>,
    big: Vec<u8>,
    started: Instant,
    loader: Loader,
    maps: String,
}

fn main() {
    large_code();
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("boot") => boot(),
        Some("thaw") => thaw(&arguments[2], arguments.get(3).map(String::as_str)),
        other => panic!("unknown command {other:?}"),
    }
}

/// A brk that always fails: another process's is elsewhere. "Success" with an address of zero is what glibc takes
/// for that.
fn without_brk() {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
    let rules = BTreeMap::from([(libc::SYS_brk, vec![])]);
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(0),
        seccompiler::TargetArch::x86_64,
    );
    let program: BpfProgram = filter.and_then(TryInto::try_into).expect("a filter for brk");
    seccompiler::apply_filter(&program).expect("the filter can be installed");
}

fn thaw(image: &str, base: Option<&str>) -> ! {
    without_brk();
    let loader = Loader::new().expect("own program");
    let image = File::open(image).expect("image");
    let base = base.map(|path| File::open(path).expect("base image"));
    let code = std::env::var_os("CODE_COPY")
        .map(|_| Image::read(base.as_ref().unwrap_or(&image)).expect("an image"))
        .and_then(|base| CodeCopy::make(&loader, &base).ok());
    let paging = match std::env::var("PAGING").as_deref() {
        Ok("at hand") => Paging::AtHand,
        Ok("exact") => Paging::Exact,
        _ => Paging::OnDemand,
    };
    let request = ThawRequest {
        image: &image,
        base: base.as_ref().map(|file| ([9; 32], file)),
        code: code.as_ref().map(|code| (code.parts(), &**code.memory())),
        paging,
        close_from: 3,
    };
    // SAFETY: this process has one thread and nothing to lose.
    let error = unsafe { loader.thaw(&request) };
    println!("error: {error}");
    std::process::exit(3);
}

/// Says why not, if it returns.
fn become_heap(image: &str, base: &str) -> String {
    let [image, base] = [image, base].map(|path| File::open(path).expect("image"));
    let request = ThawRequest {
        image: &image,
        base: Some(([9; 32], &base)),
        code: None,
        paging: Paging::OnDemand,
        close_from: 3,
    };
    // SAFETY: this process has one thread and nothing to lose.
    format!("error: {}", unsafe { overlay(&request) })
}

fn boot() -> ! {
    let mut state = State {
        map: (0..1000).map(|i| (format!("key {i}"), i)).collect(),
        big: Vec::new(),
        started: Instant::now(),
        loader: Loader::new().expect("own program"),
        maps: String::with_capacity(MAPS_BYTES),
    };
    let on_stack = [42u64; 64];
    say("ready");
    while let Some(line) = read_line() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["freeze", path] => state.freeze(path, None),
            ["freeze", path, base] => state.freeze(path, Some(base)),
            ["overlay", image, base] => say(&become_heap(image, base)),
            ["touch", bytes] => {
                let bytes: usize = bytes.parse().expect("a number");
                state.big = (0..bytes).map(|i| (i / 4096 % 251) as u8 + 1).collect();
                say("touched");
            }
            ["state"] => say(&state.describe(&on_stack)),
            ["large"] => say(if code_is_in_large_pages(&mut state.maps) { "large" } else { "small" }),
            ["clock"] => say(&format!("{}", state.started.elapsed().as_millis())),
            ["sleep", ms] => {
                std::thread::sleep(Duration::from_millis(ms.parse().expect("a number")));
                say("slept");
            }
            ["time"] => {
                say(&format!("{}", std::time::SystemTime::UNIX_EPOCH.elapsed().expect("now").as_secs()))
            }
            ["quit"] => break,
            _ => panic!("unknown command {line:?}"),
        }
    }
    // Nothing is dropped: the files of the process that was frozen are not open in this one.
    std::process::exit(0);
}

impl State {
    fn describe(&self, on_stack: &[u64]) -> String {
        let map: u64 = self.map.values().sum();
        let big: u64 = self.big.iter().map(|&byte| u64::from(byte)).sum();
        let stack: u64 = on_stack.iter().sum();
        let float = std::hint::black_box(1.0f64) / 3.0;
        assert_eq!(use_large_parts(), USED_SUM, "code and constants are what they were");
        format!("generation {} map {map} big {big} stack {stack} float {float}", GENERATION.get())
    }

    fn freeze(&mut self, path: &str, base: Option<&str>) {
        let open = |path| File::open(path).expect("own memory map");
        let base = base.map(|path| File::open(path).expect("base image"));
        let image = File::create(path).expect("image file");
        let program = self.loader.program_files();
        let code = base.as_ref().and_then(|base| code_copy(base, &mut self.maps));
        let (maps, pagemap) = (open("/proc/self/maps"), open("/proc/self/pagemap"));
        let request = FreezeRequest {
            image: image.as_fd(),
            maps: maps.as_fd(),
            pagemap: pagemap.as_fd(),
            fingerprint: self.loader.fingerprint(),
            program: &program,
            code: code.as_ref().map(|(identity, parts)| (*identity, &**parts)),
            base: base.as_ref().map(|file| FreezeBase {
                id: [9; 32],
                identity: FileIdentity::of(file).expect("identity"),
                file: file.as_fd(),
            }),
        };
        // SAFETY: one thread, and restartable sequences were switched off by whoever started us.
        match unsafe { freeze(&request) } {
            Ok(Frozen::Written { pages, .. }) => {
                say(&format!("frozen {pages}"));
                std::process::exit(0);
            }
            Ok(Frozen::Thawed { .. }) => {
                GENERATION.set(GENERATION.get() + 1);
                // Its descriptors do not exist in this process.
                std::mem::forget((image, maps, pagemap, base));
                interpose::after_clone();
                say("thawed");
            }
            Err(error) => say(&format!("error: {error}")),
        }
    }
}

/// What this process was thawed with, as the server would tell it.
fn code_copy(base: &File, maps: &mut String) -> Option<(FileIdentity, Vec<CodePart>)> {
    let mut words = mapped_copy(maps)?.lines().next()?.split(' ').skip(3);
    let (device, inode) = (words.next()?, words.next()?);
    let (major, minor) = device.split_once(':')?;
    let number = |digits| u64::from_str_radix(digits, 16).ok();
    let device = number(major)? << 32 | number(minor)?;
    let identity = FileIdentity { device, inode: inode.parse().ok()? };
    Some((identity, CodePart::of_base(&Image::read(base).expect("an image"))))
}

/// What the kernel says of the mapping that shows the copy of the code, and of those behind it.
fn mapped_copy(maps: &mut String) -> Option<&str> {
    maps.clear();
    let mut file = File::open("/proc/self/smaps").expect("own memory map");
    file.read_to_string(maps).expect("own memory map");
    let name = maps.find("memfd:stasis-code")?;
    let line = maps[..name].rfind('\n').map_or(0, |end| end + 1);
    Some(&maps[line..])
}

fn code_is_in_large_pages(maps: &mut String) -> bool {
    let start = |maps: &str| usize::from_str_radix(maps.split('-').next()?, 16).ok();
    let Some(start) = mapped_copy(maps).and_then(start) else { return false };
    // SAFETY: code of this program is mapped there, to be read.
    let _used = unsafe { (start as *const u8).read_volatile() };
    let mut lines = mapped_copy(maps).unwrap_or_default().lines();
    lines.find_map(|line| line.strip_prefix("ShmemPmdMapped:")).is_some_and(|size| size.trim() != "0 kB")
}

fn read_line() -> Option<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    // Unbuffered: what is read ahead would be frozen with the process.
    while rustix::io::read(rustix::stdio::stdin(), &mut byte) == Ok(1) {
        if byte[0] == b'\n' {
            return String::from_utf8(line).ok();
        }
        line.push(byte[0]);
    }
    None
}

fn say(text: &str) {
    println!("{text}");
    io::stdout().flush().expect("standard output");
}
