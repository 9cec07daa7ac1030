// expect: failed | SyntaxError
return 5;
