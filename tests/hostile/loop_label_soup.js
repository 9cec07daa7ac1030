// expect: timed_out
// flags: --execution-timeout 1
a: b: c: d: for (;;) { e: for (;;) { f: { if (Date.now() < 0) break f; else continue a; } } }
