// expect: completed/timed_out | 300 of 300
// Who catches the exception finds the heap as it was, and can go on.
const all = [];
const fill = () => { for (;;) { const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 }); try { for (;;) memory.grow(16); } catch { } all.push(memory); } };
let caught = 0;
for (let i = 0; i < 300; i++) { try { fill(); } catch (error) { if (error instanceof RangeError) caught++; } }
for (let i = 0; i < 10; i++) { const some = []; for (let j = 0; j < 10000; j++) some.push({ j }); }
`${caught} of 300`;
