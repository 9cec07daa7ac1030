// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 2
for (;;) new Intl.DateTimeFormat("de", { dateStyle: "full" }).format(0);
