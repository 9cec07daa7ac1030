// expect: timed_out
// flags: --execution-timeout 1
function f() { try { for (;;); } catch { f(); } finally { f(); for (;;); } }
f();
