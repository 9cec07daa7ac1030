// expect: completed | []
// What the inspector hands to a custom inspect method must not lead to the runtime.
const seen = [];
const spy = { [Symbol.for("Deno.customInspect")](...all) { seen.push(...all); return "s"; }, [Symbol.for("Deno.privateCustomInspect")](...all) { seen.push(...all); return "s"; }, [Symbol.for("nodejs.util.inspect.custom")](...all) { seen.push(...all); return "s"; } };
class Spy { constructor() { Object.assign(this, spy); } }
console.log(new Spy(), [new Spy()]);
console.dir(spy);
seen.filter((x) => typeof x === "function").flatMap((f) => { try { return [f.constructor("return typeof Deno + typeof __bootstrap")()]; } catch { return []; } }).filter((text) => text !== "undefinedundefined");
