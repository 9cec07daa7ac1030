// expect: failed | RangeError
let buffer = new ArrayBuffer(8);
for (;;) buffer = buffer.transfer(buffer.byteLength * 2);
