// expect: completed | true
const a = { list: [] };
a.self = a; a.list.push(a, new Map([[a, a]]));
const b = structuredClone(a);
b !== a && b.self === b && b.list[1].get(b) === b;
