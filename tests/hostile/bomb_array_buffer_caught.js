// expect: completed | RangeError
// A buffer that cannot be had is an exception like any other, which programs catch.
let seen;
try { new ArrayBuffer(2 ** 33); } catch (error) { seen = error.name; }
seen;
