// expect: failed | SyntaxError
new.target;
