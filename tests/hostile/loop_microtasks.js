// expect: timed_out
// flags: --execution-timeout 1
function again() { Promise.resolve().then(again); }
again();
"the value is there, the queue never empties";
