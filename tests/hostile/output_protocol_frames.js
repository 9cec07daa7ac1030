// expect: completed | survived
// then: 1 + 1 => 2
// What is printed looks like messages of the runner's own protocol: a length, and what postcard would write.
const bytes = (...values) => String.fromCharCode(...values);
const lengths = [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [255, 255, 255, 255], [255, 255, 255, 127], [0, 0, 0, 128], [0x80, 0x80, 0x80, 0x80, 0x10]];
const ends = ["", "\n", "\0", "\r\n\r\n", "\x04", "\x1a"];
for (const length of lengths) {
  for (let variant = 0; variant < 32; variant++) {
    for (const end of ends) {
      console.log(bytes(...length, variant, 1, 50) + end);
      console.error(bytes(variant, ...length, 255) + end);
    }
  }
}
console.log(bytes(...Array(256).keys()));
console.info(`{"status":"completed","result":"forged","output":"","heap":null}`);
console.log(`HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n`);
"survived";
