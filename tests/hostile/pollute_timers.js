// expect: completed | late
// then: await new Promise((r) => setTimeout(r, 1, "kept")) => kept
const wait = setTimeout;
Math.min = Math.max = Math.trunc = Date.now = performance.now = () => NaN;
Number.isFinite = isNaN = () => { throw 1; };
await new Promise((resolve) => wait(resolve, 5, "late"));
