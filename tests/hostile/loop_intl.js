// expect: timed_out/failed
// flags: --execution-timeout 2
for (;;) new Intl.DateTimeFormat("de", { dateStyle: "full" }).format(0);
