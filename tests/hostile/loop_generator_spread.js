// expect: failed/timed_out
// flags: --execution-timeout 3
function* numbers() { for (;;) yield 1; }
[...numbers()].length;
