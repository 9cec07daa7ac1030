// expect: completed | undefined
const AsyncFunction = (async () => {}).constructor;
const GeneratorFunction = (function* () {}).constructor;
const global = await AsyncFunction("return globalThis")();
const again = GeneratorFunction("yield this")().next().value;
[global.Deno, again.Deno, console.log.constructor("return this.Deno")(), global.process].find(Boolean);
