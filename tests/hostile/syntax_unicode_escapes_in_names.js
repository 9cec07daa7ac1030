// expect: completed | 5
var \u{61}b\u0063 = 5;
abc;
