// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
let text = "x";
for (;;) text = btoa(text);
