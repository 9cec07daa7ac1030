// expect: failed/timed_out
let text = "x";
for (;;) text = btoa(text);
