// expect: failed | SyntaxError
super.x;
