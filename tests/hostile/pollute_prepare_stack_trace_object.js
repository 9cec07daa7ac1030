// expect: failed | TypeError: Cannot read properties of null
Error.prepareStackTrace = (error, sites) => ({ sites, toString() { throw 1; } });
Error.stackTraceLimit = -5;
null.x;
