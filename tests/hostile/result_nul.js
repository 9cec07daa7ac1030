// expect: completed | b
console.log("a\0b");
"a\0b\u{10ffff}\ufeff";
