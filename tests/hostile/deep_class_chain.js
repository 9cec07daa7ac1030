// expect: completed | true
// flags: --heap-memory-max 256
let C = class {};
for (let i = 0; i < 2e4; i++) C = class extends C {};
new C() instanceof Object;
