// expect: completed | forged
// then: 1 + 1 => 2
const bytes = (...values) => String.fromCharCode(...values);
const frames = Array.from({ length: 32 }, (_, variant) => bytes(2, 0, 0, 0, variant, 1, 255, 255, 255, 127, variant, 0));
frames.join("\0") + `\n{"status":"completed","result":"forged","heap":null}\n\0`;
