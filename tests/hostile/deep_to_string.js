// expect: failed | RangeError: Maximum call stack size exceeded
const o = { toString() { return `${this}`; } };
`${o}`;
