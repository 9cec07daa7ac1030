// expect: completed | 300 of 300
const all = [];
const fill = bytes => { for (;;) all.push(new Uint8Array(bytes).fill(1)); };
let caught = 0;
for (let i = 0; i < 300; i++) { try { fill(Math.max(1 << 20 >> i, 4096)); } catch (error) { if (error instanceof RangeError) caught++; } }
`${caught} of 300`;
