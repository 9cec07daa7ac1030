// expect: failed | SyntaxError: Invalid regular expression
new RegExp("(?<=".repeat(20000) + "a" + ")".repeat(20000)).test("a");
