// expect: failed | SyntaxError: Invalid regular expression
new RegExp("(".repeat(1e6) + ")".repeat(1e6));
