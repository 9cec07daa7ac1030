// expect: failed | TypeError
// (module (import "wasi_snapshot_preview1" "fd_write" (func)))
const text = (s) => [s.length, ...[...s].map((c) => c.charCodeAt(0))];
const bytes = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 2, 35, 1, ...text("wasi_snapshot_preview1"), ...text("fd_write"), 0, 0]);
new WebAssembly.Instance(new WebAssembly.Module(bytes));
