// expect: failed | SyntaxError
yield 5;
