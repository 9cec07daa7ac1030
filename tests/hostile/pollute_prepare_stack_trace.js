// expect: failed | TypeError: Cannot read properties of null
Error.prepareStackTrace = () => { throw new Error("prepared"); };
null.x;
