// expect: completed | 7
class Mine extends Promise { static get [Symbol.species]() { throw new Error("species"); } then(...all) { return super.then(...all); } }
new Mine((resolve) => resolve(7));
