// expect: failed | TypeError
function outer() { return inner(); }
function inner() { "use strict"; return arguments.callee.caller; }
outer();
