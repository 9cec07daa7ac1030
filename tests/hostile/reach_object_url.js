// expect: completed | TypeError
const url = URL.createObjectURL(new Blob(["export default 1"], { type: "text/javascript" }));
await import(url).then((m) => m.default, (e) => e.name);
