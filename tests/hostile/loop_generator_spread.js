// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 3
function* numbers() { for (;;) yield 1; }
[...numbers()].length;
