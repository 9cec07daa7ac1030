// expect: failed | Cannot import node:fs
await import("node:fs");
