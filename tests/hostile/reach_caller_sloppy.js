// expect: completed | null
var seen = "unset";
function spy() { seen = spy.caller; return 1; }
console.log({ toJSON: spy });
seen;
