// expect: completed | survived
// flags: --heap-memory-max 64
// then: 1 + 1 => 2
const megabyte = 1 << 20;
for (const piece of ["\0", "\ud800", "\udc00\ud800", "\ud83d\ude00", "\xff\xff\xff\xff", "\n", "\r"]) {
  console.log(piece.repeat(megabyte / piece.length));
  console.log("x" + piece.repeat(megabyte / piece.length - 1) + piece[0]);
}
"survived";
