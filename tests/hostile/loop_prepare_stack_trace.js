// expect: timed_out
// flags: --execution-timeout 1
Error.prepareStackTrace = () => { for (;;); };
null.x;
