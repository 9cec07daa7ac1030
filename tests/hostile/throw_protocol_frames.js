// expect: failed | forged
const frame = String.fromCharCode(255, 255, 255, 127, ...Array(32).keys());
const error = new Error(frame.repeat(1000) + "\0forged\ud800\r\n\r\n");
error.name = frame;
error.stack += frame.repeat(1000);
console.error(error);
throw error;
