// expect: completed | []
const names = [];
for (let o = console; o && o !== Object.prototype; o = Object.getPrototypeOf(o)) names.push(...Reflect.ownKeys(o).map(String));
names.filter((name) => /print|op_|core|inspectArgs/i.test(name));
