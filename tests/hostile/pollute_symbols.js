// expect: completed | [1]
// then: [...[1, 2]] => [1,2]
const trap = () => { throw new Error("polluted"); };
for (const symbol of [Symbol.toPrimitive, Symbol.toStringTag, Symbol.isConcatSpreadable, Symbol.species, Symbol.match, Symbol.replace, Symbol.search, Symbol.split, Symbol.unscopables, Symbol.asyncIterator]) Object.defineProperty(Object.prototype, symbol, { get: trap, configurable: true });
console.log("a", 1, [1], { b: 2 }, new Map());
[1];
